// Every exit code, each by a real cause; those of signals are in signals.test.ts.
import {
	cpSync,
	mkdirSync,
	readFileSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exitCodes } from "../../sdk/cli/exit-codes.js";
import { shortSpec } from "../support/airplanes.js";
import { captune, captuneCommand, linesOf, specFile } from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";
import { hubToken, withHub } from "../support/hub.js";
import { installedFolder } from "../support/installed.js";
import { pythonTest } from "../support/python.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

const jsonSpec = (changes: object) =>
	specFile(
		"spec.json",
		JSON.stringify({ ...shortSpec(), output: {}, ...changes }),
	);

interface End {
	readonly code: number;
	readonly name: string;
	readonly said: RegExp;
}

/** The same end for people and for programs. */
const expectEnd = (
	args: readonly string[],
	end: End,
	env: Record<string, string> = {},
) => Promise.all([expectText(args, end, env), expectLine(args, end, env)]);

async function expectText(
	args: readonly string[],
	{ code, said }: Pick<End, "code" | "said">,
	env: Record<string, string> = {},
): Promise<void> {
	const { exitCode, stderr } = await captune(args, { env });
	assert.is(exitCode, code, stderr);
	assert.match(stderr, said);
	assert.match(stderr, /^error: /m);
	assert.not.match(stderr, /\n {4}at /, "no stack");
}

async function expectLine(
	args: readonly string[],
	{ code, name, said }: End,
	env: Record<string, string>,
): Promise<void> {
	const json = await captune([...args, "--json"], { env });
	const told = `${json.stderr}\n${json.stdout}`;
	assert.is(json.exitCode, code, told);
	const last = linesOf(json.stdout).at(-1);
	assert.is(last?.["type"], "error", told);
	assert.is(last?.["code"], name);
	assert.is(last?.["exitCode"], code);
	assert.match(last?.["message"], said);
}

test("64: a spec that is not valid, with field, value, reason and remedy", async () => {
	await expectEnd(
		["finetune", jsonSpec({ method: { kind: "lora", rang: 8, alpha: -1 } })],
		{
			code: 64,
			name: "SPEC_INVALID",
			said: /`method\.rang` is not a field\. Did you mean "rank"\?[\s\S]*`method\.alpha` must be .*\(got -1\)/,
		},
	);
});

for (const [what, args, said] of [
	["no such command", ["finetun", "x"], /unknown command 'finetun'.*finetune/],
	["an argument is missing", ["finetune"], /missing required argument 'spec'/],
	["a choice that is none", ["schema", "specs"], /'specs' is invalid.*spec/],
	[
		"two that exclude each other",
		["export", "x", "--merged", "--adapter"],
		/cannot be used with/,
	],
	[
		"an assignment that is none",
		["finetune", "SPEC", "--set", "name"],
		/`--set` is no assignment/,
	],
	[
		"a field that is none",
		["finetune", "SPEC", "--set", "trainin.maxSteps=5"],
		/`trainin`.*training/,
	],
	[
		"a value of another type",
		["finetune", "SPEC", "--set", "training.maxSteps=many"],
		/`training\.maxSteps` must be an integer.*"many"/,
	],
] as const)
	test(`64: ${what}`, async () => {
		const file = jsonSpec({});
		await expectText(
			args.map((one) => (one === "SPEC" ? file : one)),
			{ code: 64, said },
		);
	});

test("64: no such option, whoever asks", async () => {
	await expectEnd(["runs", "--jsn"], {
		code: 64,
		name: "SPEC_INVALID",
		said: /unknown option '--jsn'.*--json/,
	});
});

test("64: nothing at all shows the help", async () => {
	const { exitCode, stdout, stderr } = await captune([]);
	assert.is(exitCode, 64);
	assert.is(stdout, "");
	assert.match(stderr, /Usage: captune.*Exit codes:.*names no command/s);
});

for (const [what, name, text, said] of [
	[
		"a spec file that is no JSON",
		"a.json",
		'{ "model": }',
		/is no JSON: Unexpected token/,
	],
	[
		"a spec file that does not compile",
		"a.ts",
		"export default {",
		/cannot be loaded: .*Expected identifier/s,
	],
	[
		"a spec file that throws",
		"a.ts",
		"throw new Error('no luck');",
		/cannot be loaded: no luck/,
	],
	[
		"a spec file without a default",
		"a.ts",
		"export const spec = {};",
		/has no default export/,
	],
	[
		"a default that is no spec",
		"a.ts",
		"export default 7;",
		/a default export that is no spec but a number/,
	],
	[
		"an unknown option in it",
		"a.ts",
		"export default { spec: {}, options: { metric: {} } };",
		/unknown option `metric`.*metrics/,
	],
	[
		"an export beside the spec",
		"a.ts",
		"export default { spec: {}, metrics: {} };",
		/exports `metrics` beside `spec`/,
	],
	[
		"a package that is not installed",
		"a.ts",
		'import { defineSpec } from "captune";\nexport default defineSpec({});',
		/npm install captune/,
	],
	[
		"a file of another kind",
		"a.yaml",
		"model: x",
		/neither TypeScript, JavaScript nor JSON/,
	],
] as const)
	test(`64: ${what}`, async () => {
		const file = specFile(name, text);
		await expectText(["finetune", file], { code: 64, said });
	});

pythonTest("65: data that cannot be used", async () => {
	const rows = specFile("train.jsonl", '{"picture": "a.png", "answer": "a"}\n');
	const data = { train: { kind: "jsonl", path: rows } };
	await expectEnd(["finetune", jsonSpec({ data })], {
		code: 65,
		name: "DATA_INVALID",
		said: /image/,
	});
});

pythonTest("65: a metric of one's own that throws", async () => {
	const spec = {
		...shortSpec(),
		evaluation: {
			kind: "generate",
			metrics: ["mine"],
			best: { metric: "mine", direction: "max" },
		},
	};
	const options =
		'{ metrics: { mine: () => { throw new Error("mine broke"); } } }';
	const file = specFile(
		"spec.ts",
		`export default { spec: ${JSON.stringify({ ...spec, output: {} })}, options: ${options} };`,
	);
	await expectEnd(["finetune", file], {
		code: 65,
		name: "METRIC_FAILED",
		said: /mine broke/,
	});
});

test("66: a spec file and a run folder that are not there", async () => {
	await expectEnd(["finetune", "nowhere.ts"], {
		code: 66,
		name: "SPEC_NOT_FOUND",
		said: /There is no spec file .*nowhere\.ts/,
	});
	for (const command of ["resume", "report"])
		await expectEnd([command, "nowhere"], {
			code: 66,
			name: "RUN_UNKNOWN",
			said: /nowhere/,
		});
});

test("69: no Python", async () => {
	await expectEnd(["finetune", jsonSpec({}), "--python", "/nowhere/python"], {
		code: 69,
		name: "PYTHON_NOT_FOUND",
		said: /\/nowhere\/python/,
	});
});

test("70: an installation that lacks a file, with a stack when asked for", async () => {
	const copy = temporaryFolder();
	cpSync(join(installedFolder, "dist"), join(copy, "dist"), {
		recursive: true,
	});
	for (const part of ["package.json", "node_modules"])
		symlinkSync(join(root, part), join(copy, part));
	mkdirSync(join(copy, "schemas"));
	const args = [join(copy, "dist/cli/main.js"), "schema"];
	const [node] = captuneCommand;
	const plain = await execa(node, args, { reject: false });
	assert.is(plain.exitCode, 70);
	assert.match(plain.stderr, /^error: ENOENT.*fault of captune/s);
	assert.not.match(plain.stderr, /\n {4}at /);
	const verbose = await execa(node, [...args, "--verbose"], { reject: false });
	assert.match(verbose.stderr, /\n {4}at /);
});

pythonTest(
	"73: a folder that is not empty, and a disk that is none",
	async () => {
		const folder = temporaryFolder();
		writeFileSync(join(folder, "kept.txt"), "mine");
		await expectEnd(["finetune", jsonSpec({}), "--output", folder], {
			code: 73,
			name: "OUTPUT_EXISTS",
			said: /is not empty/,
		});
		assert.is(readFileSync(join(folder, "kept.txt"), "utf8"), "mine");
		await expectEnd(["finetune", jsonSpec({}), "--output", "/proc/run"], {
			code: 73,
			name: "OUTPUT_UNWRITABLE",
			said: /\/proc\/run cannot be written/,
		});
	},
);

pythonTest("77: a token that may not write", async () => {
	const folder = join(temporaryFolder(), "run");
	const { stderr, exitCode } = await captune([
		...["finetune", jsonSpec({ output: { folder, report: false } })],
		...["--set", "training.maxSteps=1"],
	]);
	assert.is(exitCode, 0, stderr);
	await withHub(
		{ repository: "you/birds", failure: "readonly", token: hubToken },
		() =>
			expectEnd(["export", folder, "--push", "you/birds"], {
				code: 77,
				name: "HUB_FORBIDDEN",
				said: /you\/birds/,
			}),
	);
});

test("every documented code has a test here or in signals.test.ts", () => {
	const tested = ["exit-codes", "signals"].map((name) =>
		readFileSync(join(root, `test/cli/${name}.test.ts`), "utf8"),
	);
	for (const { code } of exitCodes)
		assert.match(tested.join(""), new RegExp(`\\b${code}[,):]`), `${code}`);
});

test.run();
