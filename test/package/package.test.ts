// What is published, as someone else installs it: packed, installed in an empty folder, used in every way.
import {
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { shortSpec } from "../support/airplanes.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest } from "../support/python.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const consumers = join(root, "test", "fixtures", "consumers");
const tsx = join(root, "node_modules", "tsx", "dist", "cli.mjs");
const tsc = (name: string) => join(root, "node_modules", name, "bin", "tsc");

const packed = temporaryFolder();
const esm = temporaryFolder();
const commonjs = temporaryFolder();

test.before(async () => {
	await execa("npm", ["pack", "--silent", "--pack-destination", packed], {
		cwd: root,
	});
	const [tarball] = readdirSync(packed);
	writeFileSync(join(esm, "package.json"), '{ "type": "module" }');
	await execa(
		"npm",
		["install", "--no-audit", "--no-fund", join(packed, tarball as string)],
		{ cwd: esm },
	);
	writeFileSync(join(commonjs, "package.json"), "{}");
	cpSync(join(esm, "node_modules"), join(commonjs, "node_modules"), {
		recursive: true,
	});
	for (const folder of [esm, commonjs])
		cpSync(consumers, folder, { recursive: true });
});

test("the tarball holds what runs and nothing else", () => {
	const names = (folder: string) =>
		readdirSync(join(esm, "node_modules", "captune", folder)).sort();
	assert.equal(names(""), [
		"LICENSE",
		"README.md",
		"dist",
		"package.json",
		"python",
		"schemas",
	]);
	assert.ok(names("dist").includes("index.d.ts"));
	assert.equal(names("python"), [
		"captune_worker",
		"constraints.txt",
		"pyproject.toml",
	]);
	const all = readdirSync(join(esm, "node_modules", "captune"), {
		recursive: true,
	}).map(String);
	assert.ok(all.some((name) => name.endsWith("model.safetensors")));
	assert.equal(
		all.filter((name) => /__pycache__|\.pyc$|\.test\.|_cache/.test(name)),
		[],
	);
});

for (const [title, folder, command] of [
	["ESM import", () => esm, ["use.mjs"]],
	["require", () => commonjs, ["use.cjs"]],
	["tsx in an ESM folder", () => esm, [tsx, "use.ts"]],
	["tsx in a CommonJS folder", () => commonjs, [tsx, "use.ts"]],
] as const)
	test(`${title} works`, async () => {
		const { stdout, stderr } = await execa(process.execPath, command, {
			cwd: folder(),
		});
		assert.is(stdout, "function lora");
		assert.is(stderr, "");
	});

test("types are read by TypeScript 5.0, as in tslab, and by the newest", async () => {
	mkdirSync(join(commonjs, "node_modules", "@types"), { recursive: true });
	cpSync(
		join(root, "node_modules", "@types", "node"),
		join(commonjs, "node_modules", "@types", "node"),
		{ recursive: true },
	);
	cpSync(
		join(root, "node_modules", "undici-types"),
		join(commonjs, "node_modules", "undici-types"),
		{ recursive: true },
	);
	const common = ["--noEmit", "--strict", "--skipLibCheck", "types.ts"];
	await execa(
		process.execPath,
		[
			tsc("typescript-tslab"),
			...common,
			"--target",
			"es2020",
			"--module",
			"commonjs",
			"--moduleResolution",
			"node10",
		],
		{ cwd: commonjs },
	);
	await execa(
		process.execPath,
		[
			tsc("typescript"),
			...common,
			"--target",
			"es2022",
			"--module",
			"nodenext",
		],
		{ cwd: commonjs },
	);
});

pythonTest("finetune runs from the installed package", async () => {
	const spec = shortSpec({
		output: { folder: join(temporaryFolder(), "run") },
	});
	const { stdout } = await execa(
		process.execPath,
		["tune.mjs", JSON.stringify(spec)],
		{ cwd: esm },
	);
	assert.equal(JSON.parse(stdout), { status: "completed", steps: 4 });
});

pythonTest(
	"the quickstart of the installed package trains with the test pictures that are asked for, and stops when told to",
	async () => {
		const folder = join(temporaryFolder(), "run");
		const command = join(esm, "node_modules", ".bin", "captune");
		const child = execa(
			command,
			["quickstart", "--test-seed", "7", "--output", folder, "--json"],
			{ cwd: esm, reject: false },
		);
		const lines: { readonly type: string; readonly [key: string]: unknown }[] =
			[];
		for await (const line of child) {
			lines.push(JSON.parse(line));
			const isFirst = !child.killed && lines.at(-1)?.type === "step";
			if (isFirst) child.kill("SIGINT");
		}
		const { exitCode, stderr } = await child;
		assert.is(exitCode, 75, stderr);
		const { data } = JSON.parse(
			readFileSync(join(folder, "spec.json"), "utf8"),
		);
		assert.equal([data.test.seed, data.test.count], [7, 64]);
		assert.is(lines.at(-1)?.["status"], "stopped");
		assert.ok(existsSync(join(folder, "adapter", "adapter_config.json")));
	},
);

test.run();
