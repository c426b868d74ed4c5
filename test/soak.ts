// `npm run test:soak`: what `npm test` does in part, whole (the soak, the fuzzing); then every test of a fault many
// times: `--times 20`, or another number, `--lanes 8` at once; `-- link run` takes only what has one of the words.
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

/** What one process runs: a file of TypeScript, or whatever pytest takes. */
interface Part {
	readonly name: string;
	readonly tests: readonly string[];
	readonly times: number;
	readonly isWhole: boolean;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals: words } = parseArgs({
	options: {
		times: { type: "string", default: "20" },
		lanes: { type: "string", default: "1" },
	},
	allowPositionals: true,
});
const times = Number(values.times);

const whole = [
	"test/link/soak.test.ts",
	"test/fuzz/specs.test.ts",
	"test/fuzz/frames.test.ts",
	"test/python/fuzz",
].map((name): Part => ({ name, tests: [name], times: 1, isWhole: true }));

/** Every test that the table of promises names: of TypeScript its whole file, of Python the test itself. */
const promises = readFileSync(join(root, "sdk/run/PROMISES.md"), "utf8");
const named = (pattern: RegExp) => [
	...new Set(
		[...promises.matchAll(pattern)].map(([, ...parts]) => parts.join("::")),
	),
];
const ofPython = named(/`(test\/[^`]+\.py)`: `(test_\w+)`/g);
const faults = [
	...named(/`(test\/[^`]+\.ts)`/g).map((name) => ({ name, tests: [name] })),
	{ name: "tests in Python", tests: ofPython },
]
	.filter(({ name }) => whole.every((part) => part.name !== name))
	.map((part): Part => ({ ...part, times, isWhole: false }));

const isWanted = (test: string) =>
	words.length === 0 || words.some((word) => test.includes(word));
const parts = [...whole, ...faults]
	.map((part) => ({ ...part, tests: part.tests.filter(isWanted) }))
	.filter(({ tests }) => tests.length > 0);
const testPython =
	process.env["CAPTUNE_TEST_PYTHON"] ??
	(await ensureTestTools(
		(
			await ensureEnvironment({ onProgress: installPrinter() })
		).python,
	));

const passed = new Map(parts.map((part) => [part, 0]));
const seconds = new Map(parts.map((part) => [part, 0]));
const began = Date.now();
await runInLanes(
	Array.from({ length: times }, (_, round) =>
		parts.filter((part) => round < part.times),
	)
		.flat()
		.map((part) => ({ name: part.name, run: () => once(part) })),
	Number(values.lanes),
);
for (const part of parts)
	console.log(
		`${part.name}: ${passed.get(part)} of ${part.times} times passed (${seconds.get(part)?.toFixed(0)} s)`,
	);
const minutes = ((Date.now() - began) / 60_000).toFixed(0);
const failures = parts.filter((part) => passed.get(part) !== part.times);
console.log(
	`${parts.length - failures.length} of ${parts.length} parts passed every time (${minutes} min)`,
);
process.exitCode = failures.length > 0 ? 1 : 0;

/** Runs a part once, in surroundings of its own, and counts. */
async function once(part: Part): Promise<void> {
	const started = Date.now();
	const { output, isFailed } = await runOnce(part);
	const add = (map: Map<Part, number>, more: number) =>
		map.set(part, (map.get(part) ?? 0) + more);
	add(passed, isFailed ? 0 : 1);
	add(seconds, (Date.now() - started) / 1_000);
	const verdict = isFailed ? `failed:\n${output}` : "passed";
	const took = ((Date.now() - started) / 1_000).toFixed(0);
	console.log(`${part.name}, ${took} s: ${verdict}`);
	if (part.isWhole && !isFailed) console.log(notes(output));
}

async function runOnce({
	tests,
	isWhole,
}: Part): Promise<{ readonly output: string; readonly isFailed: boolean }> {
	const surroundings = new Surroundings();
	const basetemp = join(surroundings.folder, "pytest");
	const pytest = ["-m", "pytest", "-c", "python/pyproject.toml", "-q", "-s"];
	const [program, args] = tests.every((test) => test.endsWith(".ts"))
		? [process.execPath, ["--import", "tsx", ...tests]]
		: [testPython, [...pytest, `--basetemp=${basetemp}`, ...tests]];
	const result = await execa(program, args, {
		cwd: root,
		reject: false,
		all: true,
		timeout: 1_800_000,
		killSignal: "SIGKILL",
		env: {
			CAPTUNE_TEST_PYTHON: testPython,
			...surroundings.variables,
			...(isWhole ? { CAPTUNE_TEST_WHOLE: "1" } : {}),
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
function notes(output: string): string {
	return output
		.split("\n")
		.filter((line) => /^[•\s]*note:|passed|^skipped:/.test(line))
		.map((line) => `  ${line.replace(/^[•\s]*/, "")}`)
		.join("\n");
}
