// `npm test`: prepares what is needed, runs every test, and closes with "N passed, N failed, N skipped".
// `npm test -- link report` runs only what has one of the words in its name.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { ensureEnvironment } from "../sdk/launch/environment.js";
import { installPrinter } from "../sdk/terminal/environment.js";
import { ensureTestTools } from "./support/tools.js";

interface Tally {
	passed: number;
	failed: number;
	skipped: number;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const words = process.argv.slice(2);
const total: Tally = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

const { python } = await ensureEnvironment({ onProgress: installPrinter() });
const testPython = await ensureTestTools(python);
const env = {
	CAPTUNE_TEST_PYTHON: testPython,
	NO_COLOR: "1",
	FORCE_COLOR: "0",
};

for (const [name, check] of Object.entries(staticChecks()))
	await report(name, () => tally(check));
for (const file of testFiles()) await report(file, () => runUvu(file));
await report("test/python", runPytest);

console.log(failures.map((name) => `failed: ${name}`).join("\n"));
console.log(
	`${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ""}`,
);
process.exitCode = total.failed > 0 ? 1 : 0;

/** Each counts as one test. */
function staticChecks(): Readonly<Record<string, readonly string[]>> {
	const node = process.execPath;
	const ruff = [testPython, "-m", "ruff"];
	const sources = ["python", "test"];
	const config = ["--config", "python/pyproject.toml"];
	return {
		"type check": [node, "node_modules/typescript/bin/tsc", "--noEmit"],
		biome: [node, "node_modules/@biomejs/biome/bin/biome", "check"],
		"ruff check": [...ruff, "check", ...config, ...sources],
		"ruff format": [...ruff, "format", "--check", ...config, ...sources],
	};
}

/** The quick ones first: a mistake in the foundations shows before the long ones run. */
function testFiles(): string[] {
	const order = ["schema", "spec", "metrics", "link", "run", "launch"];
	const rank = (file: string) => {
		const at = order.indexOf(file.split("/")[1] ?? "");
		return at < 0 ? order.length : at;
	};
	return readdirSync(join(root, "test"), { recursive: true })
		.map((file) => `test/${file}`)
		.filter((file) => file.endsWith(".test.ts"))
		.sort()
		.sort((a, b) => rank(a) - rank(b));
}

async function report(name: string, run: () => Promise<Tally>): Promise<void> {
	if (words.length > 0 && !words.some((word) => name.includes(word))) return;
	const started = Date.now();
	const outcome = await run();
	total.passed += outcome.passed;
	total.failed += outcome.failed;
	total.skipped += outcome.skipped;
	if (outcome.failed > 0) failures.push(name);
	const seconds = ((Date.now() - started) / 1000).toFixed(1);
	const parts = Object.entries(outcome).flatMap(([kind, count]) =>
		count > 0 ? [`${count} ${kind}`] : [],
	);
	console.log(`${name}: ${parts.join(", ")} (${seconds} s)`);
}

async function tally([file, ...args]: readonly string[]): Promise<Tally> {
	const result = await execa(file as string, args, {
		cwd: root,
		reject: false,
		stdio: "inherit",
		env,
	});
	return {
		passed: result.failed ? 0 : 1,
		failed: result.failed ? 1 : 0,
		skipped: 0,
	};
}

/** Each file in a process of its own: a leaked handle ends at the deadline, and a file without tests fails. */
async function runUvu(file: string): Promise<Tally> {
	const limit = /^test\/(e2e|package|readme)\//.test(file) ? 600_000 : 180_000;
	const result = await execa(process.execPath, ["--import", "tsx", file], {
		cwd: root,
		reject: false,
		all: true,
		timeout: limit,
		killSignal: "SIGKILL",
		env,
	});
	const leaked = await killLeftWorkers();
	const count = (label: string) =>
		Number(
			new RegExp(`^\\s+${label}:\\s+(\\d+)`, "m").exec(result.all)?.[1] ?? 0,
		);
	const passed = count("Passed");
	const skipped = count("Skipped");
	const failed = count("Total") - passed;
	const isBroken =
		result.failed || leaked > 0 || passed + skipped + failed === 0;
	if (isBroken || failed > 0) console.log(result.all);
	else
		for (const line of result.all.split("\n"))
			if (/^(skipped|note):/.test(line)) console.log(`  ${line}`);
	if (result.timedOut) console.log(`${file} took longer than ${limit} ms`);
	if (leaked > 0) console.log(`${file} left ${leaked} workers running`);
	return { passed, failed: isBroken ? Math.max(failed, 1) : failed, skipped };
}

/** No test may leave a worker process behind. Those of other programs have a living parent. */
async function killLeftWorkers(): Promise<number> {
	const { stdout } = await execa("ps", ["-eo", "pid=,ppid=,args="]);
	const orphans = stdout.split("\n").flatMap((line) => {
		const [, pid, args] = /^\s*(\d+)\s+1\s+(.*)$/.exec(line) ?? [];
		return args?.includes("runpy.run_module(sys.argv") ? [Number(pid)] : [];
	});
	for (const pid of orphans) process.kill(pid, "SIGKILL");
	return orphans.length;
}

async function runPytest(): Promise<Tally> {
	const xml = join(tmpdir(), `captune-pytest-${process.pid}.xml`);
	const result = await execa(
		testPython,
		[
			"-m",
			"pytest",
			"-c",
			"python/pyproject.toml",
			"-q",
			`--junit-xml=${xml}`,
			relative(process.cwd(), join(root, "test/python")),
		],
		{ cwd: root, reject: false, stdio: "inherit", env },
	);
	const head = readFileSync(xml, "utf8").slice(0, 2_000);
	rmSync(xml);
	const count = (name: string) =>
		Number(new RegExp(`${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
	const failed = count("failures") + count("errors");
	const skipped = count("skipped");
	return {
		passed: count("tests") - failed - skipped,
		failed: result.failed ? Math.max(failed, 1) : failed,
		skipped,
	};
}
