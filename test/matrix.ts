// `npm run test:matrix`: the tests of the native model on the oldest transformers it supports, the pinned one and the
// newest, each in an environment of its own.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { ensureEnvironment } from "../sdk/launch/environment.js";
import { readRequirements } from "../sdk/launch/requirements.js";
import { installPrinter } from "../sdk/terminal/environment.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packages, constraintsFile } = readRequirements(["datasets", "test"]);
const pins = readFileSync(constraintsFile, "utf8").split("\n");
const pinned = pins.find((line) => line.startsWith("transformers==")) ?? "";
/** What moves with transformers is left to it. */
const moving = /^(transformers|tokenizers|huggingface_hub)==/;

const { python } = await ensureEnvironment({ onProgress: installPrinter() });
const parent = join(dirname(dirname(python)), "..", "matrix");
let failed = 0;
const table = ["| transformers | passed | failed | logits off by at most |"];
table.push("|---|---|---|---|");
for (const wanted of ["transformers==5.17.0", pinned, "transformers"])
	table.push(await runOn(wanted));
console.log(table.join("\n"));
process.exitCode = failed > 0 ? 1 : 0;

async function runOn(wanted: string): Promise<string> {
	const folder = join(parent, wanted === "transformers" ? "newest" : wanted);
	const own = join(folder, "bin", "python");
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(parent, { recursive: true });
	await execa(python, ["-m", "venv", "--without-pip", folder]);
	const isPinned = wanted === pinned;
	const kept = pins.filter((line) => isPinned || !moving.test(line));
	const constraints = join(folder, "constraints.txt");
	writeFileSync(constraints, kept.join("\n"));
	console.log(`installing ${wanted}`);
	await execa(
		python,
		[
			...["-m", "pip", "--python", own, "install", "--quiet"],
			...["--disable-pip-version-check", "--no-input", "-c", constraints],
			...[...packages, wanted],
		],
		{ stdio: "inherit" },
	);
	const version = await execa(own, [
		"-c",
		"import transformers; print(transformers.__version__)",
	]);
	const xml = join(folder, "results.xml");
	await execa(
		own,
		[
			...["-m", "pytest", "-c", "python/pyproject.toml", "-q"],
			...[`--junit-xml=${xml}`, "test/python/phi3_v"],
		],
		{ cwd: root, stdio: "inherit", reject: false },
	);
	const results = readFileSync(xml, "utf8");
	const count = (name: string) =>
		Number(new RegExp(`<testsuite .*?${name}="(\\d+)"`).exec(results)?.[1]);
	const broken = count("failures") + count("errors");
	failed += broken;
	const passed = count("tests") - broken - count("skipped");
	const off = [...results.matchAll(/name="logits_off" value="([^"]+)"/g)].map(
		([, value]) => Number(value),
	);
	const most = Math.max(...off).toExponential(1);
	return `| ${version.stdout} | ${passed} | ${broken} | ${most} |`;
}
