// `npm run test:soak`: what `npm test` does in part, whole (the soak, the fuzzing); then every test of a fault many
// times: `--times 20`, or another number, `--lanes 8` at once; `-- link run` takes only the files with one of the words.
// `CAPTUNE_TEST_PYTHON` names an interpreter that has the test tools already.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { ensureEnvironment } from "../sdk/launch/environment.js";
import { installPrinter } from "../sdk/terminal/environment.js";
import { runInLanes } from "./support/lanes.js";
import { Surroundings } from "./support/leftovers.js";
import { ensureTestTools } from "./support/tools.js";

const whole = [
	"test/link/soak.test.ts",
	"test/fuzz/specs.test.ts",
	"test/fuzz/frames.test.ts",
	"test/python/fuzz",
];
/** Files of every test that the table of promises names. */
const faults = [
	...new Set(
		[
			...readFileSync("sdk/run/PROMISES.md", "utf8").matchAll(
				/`(test\/[^`]+\.(?:ts|py))`/g,
			),
		].map(([, file]) => file as string),
	),
].filter((file) => !whole.includes(file));

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals: words } = parseArgs({
	options: {
		times: { type: "string", default: "20" },
		lanes: { type: "string", default: "1" },
	},
	allowPositionals: true,
});
const times = Number(values.times);
const testPython =
	process.env["CAPTUNE_TEST_PYTHON"] ??
	(await ensureTestTools(
		(
			await ensureEnvironment({ onProgress: installPrinter() })
		).python,
	));
const wanted = (file: string) =>
	words.length === 0 || words.some((word) => file.includes(word));

const passed = new Map<string, number>();
const seconds = new Map<string, number>();
await runInLanes(
	[
		...whole.filter(wanted).map((file) => ({
			name: file,
			run: () => once(file, 1, { CAPTUNE_TEST_WHOLE: "1" }),
		})),
		...Array.from({ length: times }, () => faults.filter(wanted))
			.flat()
			.map((file) => ({ name: file, run: () => once(file, times, {}) })),
	],
	Number(values.lanes),
);
const failures = [...passed].filter(
	([file, count]) => count < (whole.includes(file) ? 1 : times),
);
for (const [file, count] of passed)
	console.log(
		`${file}: ${count} of ${whole.includes(file) ? 1 : times} times passed (${seconds.get(file)?.toFixed(0)} s)`,
	);
process.exitCode = failures.length > 0 ? 1 : 0;

/** Runs a file once, in surroundings of its own, and counts. */
async function once(
	file: string,
	count: number,
	more: Record<string, string>,
): Promise<void> {
	const started = Date.now();
	const { output, isFailed } = await runOnce(file, more);
	passed.set(file, (passed.get(file) ?? 0) + (isFailed ? 0 : 1));
	seconds.set(file, (seconds.get(file) ?? 0) + (Date.now() - started) / 1000);
	if (isFailed) console.log(`${file} failed:\n${output}`);
	else if (count === 1) console.log(notes(output));
}

async function runOnce(
	file: string,
	more: Record<string, string>,
): Promise<{ readonly output: string; readonly isFailed: boolean }> {
	const surroundings = new Surroundings();
	const basetemp = join(surroundings.folder, "pytest");
	const pytest = ["-m", "pytest", "-c", "python/pyproject.toml", "-q", "-s"];
	const [program, args] = file.endsWith(".ts")
		? [process.execPath, ["--import", "tsx", file]]
		: [testPython, [...pytest, `--basetemp=${basetemp}`, file]];
	const result = await execa(program, args, {
		cwd: root,
		reject: false,
		all: true,
		timeout: 1_800_000,
		killSignal: "SIGKILL",
		env: {
			CAPTUNE_TEST_PYTHON: testPython,
			TMPDIR: surroundings.folder,
			OMP_NUM_THREADS: "1",
			NO_COLOR: "1",
			FORCE_COLOR: "0",
			...more,
		},
	});
	rmSync(basetemp, { recursive: true, force: true });
	const left = await surroundings.clear();
	return {
		output: [result.all, ...left.map((what) => `left behind: ${what}`)].join(
			"\n",
		),
		isFailed: result.failed || left.length > 0,
	};
}

/** The figures that tests tell. */
const notes = (output: string) =>
	output
		.split("\n")
		.filter((line) => /^[•\s]*note:|passed|^skipped:/.test(line))
		.map((line) => `  ${line.replace(/^[•\s]*/, "")}`)
		.join("\n");
