// Every command as a user types it, around one run; what ends badly is in exit-codes.test.ts.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exitCodes } from "../../sdk/cli/exit-codes.js";
import { isEvent } from "../../sdk/run/journal.js";
import {
	captune,
	captuneCommand,
	type Line,
	linesOf,
	specFile,
} from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest } from "../support/python.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const work = temporaryFolder();
const folder = join(work, "captune-runs", "first");
const drawn = (split: string, count: number) => ({
	kind: "airplanes",
	split,
	seed: 11,
	count,
});
const spec = {
	name: "first",
	model: { nameOrPath: "captune/airplanes-tiny", imageCrops: 1 },
	data: {
		train: drawn("train", 12),
		validation: drawn("validation", 4),
		test: drawn("test", 4),
	},
	training: { maxSteps: 400, batchSize: 6, gradientAccumulationSteps: 1 },
	evaluation: {
		kind: "generate",
		everySteps: 2,
		maxNewTokens: 12,
		metrics: ["rouge1", "brevity"],
	},
};
const file = specFile(
	"spec.ts",
	`export default {
	spec: ${JSON.stringify(spec)},
	options: { metrics: { brevity: (answer: string) => 1 / (1 + answer.length) } },
};
`,
);
const plain = specFile(
	"spec.json",
	JSON.stringify({
		$schema: "./node_modules/captune/schemas/spec.schema.json",
		...spec,
		evaluation: { ...spec.evaluation, metrics: ["rouge1"] },
	}),
);

/** Runs a command that must go well; its output. */
async function done(...args: string[]): Promise<string> {
	const { exitCode, stdout, stderr } = await captune(args, { cwd: work });
	assert.is(exitCode, 0, `${args.join(" ")}: ${stderr}`);
	return stdout;
}

const jsonOf = async (...args: string[]): Promise<Line[]> =>
	linesOf(await done(...args, "--json"));

const commands = [
	...["quickstart", "finetune", "resume", "attach", "evaluate", "generate"],
	...["preview", "smoke", "report", "export", "runs", "doctor", "schema"],
	"completion",
];

test("every command has a help with examples, and the program lists them all", async () => {
	const help = await done("--help");
	await Promise.all(
		commands.map(async (name) => {
			assert.match(help, new RegExp(`^ {2}${name}\\b`, "m"));
			const { stdout, exitCode } = await captune([name, "--help"]);
			assert.is(exitCode, 0);
			assert.match(stdout, /Usage: captune .*Examples:\n/s);
			assert.ok(
				stdout.split("\n").every((line) => line.length <= 80),
				`${name} is wider than 80 columns`,
			);
		}),
	);
});

test("the page on the command line lists every command and every exit code", () => {
	const page = readFileSync(join(root, "sdk/cli/README.md"), "utf8");
	for (const name of commands)
		assert.match(page, new RegExp(`^\\| \`${name}[ \`]`, "m"), name);
	const table = [...page.matchAll(/^\| (\d+) \| ([\w-]+) \| (.*) \|$/gm)].map(
		([, code, name, meaning]) => ({ code: Number(code), name, meaning }),
	);
	assert.equal(table, [...exitCodes]);
});

pythonTest(
	"finetune: a spec in TypeScript with a metric of its own, cut by --set",
	async () => {
		const lines = await jsonOf(
			...["finetune", file, "--output", folder],
			...["--set", "training.maxSteps=4", "--set", "seed=7"],
		);
		const result = lines.at(-1);
		assert.is(result?.["type"], "result");
		assert.is(result?.["status"], "completed");
		assert.is(result?.["steps"], 4);
		assert.type(result?.["test"].tuned.values.brevity, "number");
		const events = lines.slice(0, -1);
		assert.ok(events.length > 20);
		for (const event of events)
			assert.ok(isEvent(event), JSON.stringify(event).slice(0, 200));
		const resolved = JSON.parse(
			readFileSync(join(folder, "spec.json"), "utf8"),
		);
		assert.is(resolved.seed, 7);
	},
);

pythonTest("runs: a table, and a line for programs", async () => {
	const table = await done("runs");
	assert.match(table, /first.*completed/);
	const [line] = await jsonOf("runs");
	assert.is(line?.["folder"], folder);
	assert.is(line?.["status"], "completed");
	assert.is(line?.["steps"], 4);
});

pythonTest("report: written again", async () => {
	writeFileSync(join(folder, "report.html"), "");
	assert.match(await done("report", folder), "report.html");
	assert.match(
		readFileSync(join(folder, "report.html"), "utf8"),
		/^<!doctype html>/i,
	);
});

pythonTest("evaluate: a run on other rows; the base of a spec", async () => {
	const [ofRun, ofBase] = await Promise.all([
		jsonOf(
			...["evaluate", folder, "--spec", file],
			...[
				"--set",
				"evaluation.maxExamples=3",
				"--output",
				join(work, "scores"),
			],
		),
		jsonOf("evaluate", plain, "--output", join(work, "base")),
	]);
	const tuned = ofRun.at(-1)?.["test"].tuned;
	assert.is(tuned.examples, 3);
	assert.type(tuned.values.brevity, "number");
	const base = ofBase.at(-1)?.["test"].base;
	assert.is(base.examples, 4);
	assert.type(base.values.rouge1, "number");
});

pythonTest("generate: answers as text, and as pieces", async () => {
	const picture = join(root, "test/fixtures/phi3v/picture.png");
	const pictures = existsSync(picture) ? picture : drawnPicture();
	const asked = [
		...["generate", "--adapter", join(folder, "adapter")],
		...["--image", pictures, "--prompt", "Name the airplane."],
		...["--max-new-tokens", "6"],
	];
	const [text, lines] = await Promise.all([done(...asked), jsonOf(...asked)]);
	const answer = lines.findLast((line) => line["type"] === "answer");
	assert.type(answer?.["text"], "string");
	assert.match(text, answer?.["text"].trim());
});

/** A picture of the run's own rows. */
function drawnPicture(): string {
	const events = readFileSync(join(folder, "events.jsonl"), "utf8");
	const [, path = ""] = /"images":\["([^"]+)"\]/.exec(events) ?? [];
	return path;
}

pythonTest("preview: rows as the model sees them, and a page", async () => {
	const page = join(work, "preview.html");
	const text = await done("preview", plain, "--rows", "1", "--html", page);
	assert.match(text, /train/);
	assert.match(readFileSync(page, "utf8"), /<!doctype html>/i);
});

pythonTest("export: the adapter, and refused where it is there", async () => {
	const target = join(work, "adapter");
	await done("export", folder, "--adapter", "--output", target);
	assert.ok(existsSync(join(target, "adapter_config.json")));
	const again = await captune([
		...["export", folder, "--adapter", "--output", target],
	]);
	assert.is(again.exitCode, 73);
});

pythonTest("doctor: every finding has a name and a state", async () => {
	const lines = linesOf(
		(await captune(["doctor", "--json"], { cwd: work })).stdout,
	);
	const findings = lines.filter((line) => line["status"] !== undefined);
	assert.ok(findings.length > 5);
	for (const finding of findings)
		assert.match(finding["status"], /^(ok|warning|problem)$/);
});

test("schema: as it is in the package", async () => {
	for (const name of ["spec", "event"])
		assert.is(
			`${await done("schema", name)}`.trim(),
			readFileSync(join(root, `schemas/${name}.schema.json`), "utf8").trim(),
		);
});

test("completion: bash completes commands, options and choices", async () => {
	const script = await done("completion", "bash");
	const complete = async (...words: string[]) => {
		const { stdout } = await execa("bash", [
			"-c",
			`${script}
COMP_WORDS=(captune ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}
COMPREPLY=(); $(complete -p captune | sed -E 's/.*-F ([^ ]+) .*/\\1/') captune "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`,
		]);
		return stdout.split("\n").map((word) => word.trim());
	};
	assert.equal(await complete("fin"), ["finetune"]);
	assert.equal(await complete("finetune", "--det"), ["--detach"]);
	assert.ok((await complete("schema", "")).includes("resolved-spec"));
});

test("the version is the package's", async () => {
	const { version } = JSON.parse(
		readFileSync(join(root, "package.json"), "utf8"),
	);
	assert.is((await done("--version")).trim(), version);
	assert.ok(captuneCommand.length > 1);
});

test.run();
