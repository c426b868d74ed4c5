// captune smoke as CI runs it: the page's own workflow, a wrong column, no data and no network; and smoke() in a program.
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CaptuneError, type SmokeCheck, smoke } from "../../sdk/index.js";
import { localBoeings } from "../support/aircraft.js";
import { shortSpec } from "../support/airplanes.js";
import { captune } from "../support/cli.js";
import { linesOf } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { installedFolder } from "../support/installed.js";
import { striped } from "../support/pictures.js";
import { pythonTest, testPython } from "../support/python.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "sdk/smoke/README.md"), "utf8");
const python = testPython === undefined ? {} : { python: testPython };

const block = (language: string): string =>
	new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(page)?.[1] ?? "";

/** Where smoke runs of this process keep what they need. */
const smokeFolders = () =>
	readdirSync(tmpdir()).filter((name) => /^captune-smoke-/.test(name));

/** In the project; its temporary files go into a folder of it. */
async function captuneIn(project: string, args: readonly string[]) {
	const place = join(project, "tmp");
	mkdirSync(place, { recursive: true });
	const start = performance.now();
	const result = await captune(args, {
		cwd: project,
		env: { HF_HUB_OFFLINE: "1", TMPDIR: place },
	});
	const seconds = (performance.now() - start) / 1000;
	console.log(`note: captune ${args.join(" ")}: ${seconds.toFixed(1)} s`);
	const left = readdirSync(place).filter((name) => /captune/.test(name));
	assert.equal(left, [], "nothing is left behind");
	return result;
}

/** A folder with captune installed, whose spec files find it. */
function makeProject(files: Readonly<Record<string, string>>): string {
	const project = temporaryFolder();
	mkdirSync(join(project, "node_modules"));
	symlinkSync(installedFolder, join(project, "node_modules/captune"));
	for (const [name, text] of Object.entries(files))
		writeFileSync(join(project, name), text);
	return project;
}

interface TestCase {
	readonly name: string;
	readonly failure: string | null;
	readonly type: string | null;
	readonly skipped: boolean;
}

/** Read by an XML parser of somebody else's. */
async function readJunit(
	file: string,
): Promise<{ readonly suite: Record<string, string>; cases: TestCase[] }> {
	const code = `import json, sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
cases = []
for one in suite.iter("testcase"):
    failure = one.find("failure")
    cases.append({
        "name": one.get("name"),
        "failure": None if failure is None else failure.text,
        "type": None if failure is None else failure.get("type"),
        "skipped": one.find("skipped") is not None,
    })
print(json.dumps({"suite": suite.attrib, "cases": cases}))`;
	const { stdout } = await execa(testPython as string, ["-c", code, file]);
	return JSON.parse(stdout);
}

async function boeingsProject(spec: string): Promise<string> {
	const { train, test: held } = await localBoeings();
	const project = makeProject({ "airplanes.ts": spec });
	mkdirSync(join(project, "aircraft"));
	for (const source of [train, held])
		if (source && "path" in source) {
			const name = source.path.split("/").at(-1) as string;
			renameSync(source.path, join(project, "aircraft", name));
		}
	return project;
}

pythonTest(
	"the workflow of the page, as far as there is no network",
	async () => {
		const commands = [...block("yaml").matchAll(/^ *- run: (.*)$/gm)].map(
			([, line = ""]) => line.split(" "),
		);
		assert.is(commands.length, 2);
		const [install, run = []] = commands;
		// Needs a registry: that it can do its work is the lock file's matter.
		assert.equal(install, ["npm", "ci"]);
		assert.ok(existsSync(join(root, "package-lock.json")));
		const [npx, name, ...args] = run;
		assert.equal([npx, name], ["npx", "captune"]);

		const project = await boeingsProject(block("ts"));
		const { exitCode, stdout, stderr } = await captuneIn(project, args);
		assert.is(exitCode, 0, `${stdout}\n${stderr}`);
		assert.match(stdout, /data .* train 108, validation 28, test 16/);
		assert.match(
			stdout,
			/not checked:\n.*microsoft\/Phi-3-vision-128k-instruct/,
		);
		const { suite, cases } = await readJunit(join(project, "smoke.xml"));
		assert.equal(
			[suite["tests"], suite["failures"], suite["skipped"]],
			["11", "0", "0"],
			stdout,
		);
		assert.ok(cases.every(({ failure, skipped }) => !failure && !skipped));
	},
);

pythonTest("a wrong column: 64, with the column and the nearest", async () => {
	const project = await boeingsProject(
		block("ts").replace(
			'answer: "clip_tags_ViT_L_14"',
			'answer: "clip_tag_ViT_L_14"',
		),
	);
	const { exitCode, stderr } = await captuneIn(project, [
		"smoke",
		"airplanes.ts",
		"--junit",
		"smoke.xml",
	]);
	assert.is(exitCode, 64, stderr);
	assert.match(stderr, /`data\.columns\.answer` is no column/);
	assert.match(stderr, '"clip_tag_ViT_L_14"');
	assert.match(stderr, 'Did you mean "clip_tags_ViT_L_14"?');
	const { cases } = await readJunit(join(project, "smoke.xml"));
	const failed = cases.filter(({ failure }) => failure !== null);
	assert.equal(
		failed.map(({ name, type }) => [name, type]),
		[["data", "SPEC_INVALID"]],
	);
	assert.match(failed[0]?.failure ?? "", "Did you mean");
	assert.is(cases.filter(({ skipped }) => skipped).length, 8);
});

const withMetric = `import { appendFileSync } from "node:fs";
import { airplanesSpec } from "captune";

const spec = airplanesSpec();
export default {
	spec: {
		...spec,
		method: { kind: "full" },
		evaluation: { kind: "generate", metrics: ["rouge1", "noted"], best: { metric: "noted" } },
		tracking: [{ kind: "wandb" }],
	},
	options: {
		metrics: {
			noted: (prediction) => {
				appendFileSync("called.txt", "called\\n");
				return prediction.length;
			},
		},
	},
};
`;

pythonTest(
	"no data and no network: 66 and an offer; taken up, all of full fine-tuning is checked, with the user's metric",
	async () => {
		const project = makeProject({ "recipe.ts": withMetric });
		const refused = await captuneIn(project, ["smoke", "recipe.ts"]);
		assert.is(refused.exitCode, 66, refused.stderr);
		assert.match(refused.stderr, /The data is not here.*FGVC_Aircraft_train/s);
		assert.match(refused.stderr, "--stand-in-rows");

		const args = ["smoke", "recipe.ts", "--stand-in-rows", "24", "--json"];
		const { exitCode, stdout, stderr } = await captuneIn(project, args);
		assert.is(exitCode, 0, stderr);
		const lines = stdout.split("\n").map((line) => JSON.parse(line));
		const { notChecked, passed } = lines.at(-1);
		assert.is(passed, true);
		const checks = lines.slice(0, -1);
		assert.is(checks.length, 11);
		assert.ok(checks.every(({ type }) => type === "check"));
		assert.equal(
			checks.flatMap(({ name, status }) => (status === "passed" ? [] : [name])),
			["export adapter"],
		);
		const open = notChecked.map(({ what }: { what: string }) => what);
		for (const what of ["data", 'tracking[0] "wandb"'])
			assert.ok(open.includes(what), what);
		const calls = readFileSync(join(project, "called.txt"), "utf8");
		assert.ok(calls.split("\n").length > 4);
		assert.match(
			lines.find(({ name }) => name === "score").detail,
			/noted \d+\.\d/,
		);
	},
);

pythonTest(
	"a metric that throws fails the check of scores, here on rows of the program",
	async () => {
		const { data: _, output: __, ...rest } = shortSpec();
		const told: SmokeCheck[] = [];
		const { passed, checks } = await smoke(
			{
				...rest,
				evaluation: {
					kind: "generate",
					metrics: ["broken"],
					best: { metric: "broken" },
				},
				data: { validation: { kind: "split", fraction: 0.25 } },
			},
			{
				...python,
				data: {
					train: Array.from({ length: 8 }, (_, at) => ({
						image: striped(48, 32, at),
						answer: `number ${at}`,
					})),
				},
				metrics: {
					broken: () => {
						throw new RangeError("no such thing");
					},
				},
				onCheck: (check) => told.push(check),
			},
		);
		assert.is(passed, false);
		assert.equal(told, checks);
		const failed = checks.find(({ status }) => status === "failed");
		assert.is(failed?.name, "score");
		assert.is(failed?.error?.code, "METRIC_FAILED");
		assert.match(failed?.detail ?? "", "no such thing");
	},
);

pythonTest(
	"where loss alone judges, nothing is predicted; a signal ends it, and nothing is left",
	async () => {
		const told: SmokeCheck[] = [];
		const spec = shortSpec({ evaluation: { kind: "teacherForced" } });
		const controller = new AbortController();
		const before = smokeFolders();
		const isInSecond = () =>
			smokeFolders()
				.filter((name) => !before.includes(name))
				.flatMap((name) => linesOf(join(tmpdir(), name, "run"), "events.jsonl"))
				.some(({ attempt, type }) => attempt === 2 && type === "ready");
		let watch: NodeJS.Timeout | undefined;
		const error: unknown = await smoke(spec, {
			...python,
			signal: controller.signal,
			onCheck: (check) => {
				told.push(check);
				if (check.name !== "save") return;
				watch = setInterval(() => {
					if (isInSecond()) controller.abort("enough");
				}, 20);
			},
		})
			.then(
				() => assert.unreachable("It was aborted."),
				(reason) => reason,
			)
			.finally(() => clearInterval(watch));
		assert.ok(CaptuneError.isInstance(error) && error.code === "CANCELED");
		assert.equal(
			told.slice(0, 7).map(({ name, status }) => [name, status]),
			[
				["spec", "passed"],
				["environment", "passed"],
				["data", "passed"],
				["train", "passed"],
				["predict", "skipped"],
				["score", "passed"],
				["save", "passed"],
			],
		);
		assert.equal(smokeFolders(), before);
	},
);

test.run();
