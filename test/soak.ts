// `npm run test:soak`: what `npm test` does in part, whole (the soak, the fuzzing); then every test of a fault many
// times in a row: `--times 20`, or another number; `-- link run` takes only the files with one of the words.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { ensureEnvironment } from "../sdk/launch/environment.js";
import { installPrinter } from "../sdk/terminal/environment.js";
import { Surroundings } from "./support/leftovers.js";
import { ensureTestTools } from "./support/tools.js";

const whole = [
	"test/link/soak.test.ts",
	"test/fuzz/specs.test.ts",
	"test/fuzz/frames.test.ts",
	"test/python/fuzz",
];
const faults = [
	...["test/link/link.test.ts", "test/run/run.test.ts"],
	...["test/run/resume.test.ts", "test/run/backpressure.test.ts"],
	...["test/faults/liveness.test.ts", "test/faults/worker.test.ts"],
	...["test/inspect/inspect.test.ts", "test/e2e/endings.test.ts"],
];

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals: words } = parseArgs({
	options: { times: { type: "string", default: "20" } },
	allowPositionals: true,
});
const times = Number(values.times);
const { python } = await ensureEnvironment({ onProgress: installPrinter() });
const testPython = await ensureTestTools(python);
const wanted = (file: string) =>
	words.length === 0 || words.some((word) => file.includes(word));

let failed = 0;
for (const file of whole.filter(wanted))
	await report(file, 1, { CAPTUNE_TEST_WHOLE: "1" });
for (const file of faults.filter(wanted)) await report(file, times, {});
process.exitCode = failed > 0 ? 1 : 0;

/** Runs a file so often, each time in surroundings of its own, until it fails. */
async function report(
	file: string,
	count: number,
	more: Record<string, string>,
): Promise<void> {
	const started = Date.now();
	let passed = 0;
	for (; passed < count; passed++) {
		const { output, isFailed } = await runOnce(file, more);
		if (count === 1 || isFailed) console.log(isFailed ? output : notes(output));
		if (isFailed) break;
	}
	if (passed < count) failed++;
	const seconds = ((Date.now() - started) / 1000).toFixed(0);
	console.log(`${file}: ${passed} of ${count} times passed (${seconds} s)`);
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
