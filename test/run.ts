// `npm test`: prepares what is needed, runs every test, and closes with "N passed, N failed, N skipped".
// `npm test -- link report` runs only what has one of the words in its name.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { ensureEnvironment } from "../sdk/launch/environment.js";
import { installPrinter } from "../sdk/terminal/environment.js";
import {
	canFork,
	forkedVariables,
	startForkServer,
} from "./support/fork-server.js";
import { runInLanes, type Task } from "./support/lanes.js";
import { Surroundings } from "./support/leftovers.js";
import { ensureTestTools } from "./support/tools.js";
import { isWithoutPython } from "./support/without-python.js";

interface Outcome {
	passed: number;
	failed: number;
	skipped: number;
	/** What is shown: everything of a failure, the reasons of what was skipped. */
	output: string;
}

/** It holds a process to a time, which other work beside it would break. */
const alone = ["test/inspect/deadlines.test.ts"];
/** They wait for a fault to be noticed, a deadline or a child, for a good part of their time. */
const waits =
	/^test\/(faults|inspect|launch|link|package|cli\/signals|python\/(fuzz|tracking)|run\/(attach|resume|run))/;
/** Folders of test/python that share a process. */
const small = ["airplanes", "embedded", "pictures", "pixels", "rows"];
/**
 * What a worker computes is asked here, not how it starts and ends: it is forked. Nothing of a hub is looked for, unless a
 * test has one.
 */
const forked =
	/^test\/(e2e\/(?!attach|endings|hub|resume)|cli\/(commands|exit-codes)|preview\/|readme\/)/;
/** What others stand on comes first, then what takes longest, so that no lane ends long before the other. */
const order = [
	...["schema", "spec", "metrics", "link", "run", "launch"],
	...["python/worker", "python/phi3_v"],
	...["e2e/stamps", "readme", "e2e/notebooks", "python", "e2e", "cli"],
];

/** Each counts as one test. */
const staticChecks: Readonly<Record<string, readonly string[]>> = {
	"type check": [
		process.execPath,
		"node_modules/typescript/bin/tsc",
		"--noEmit",
	],
	biome: [process.execPath, "node_modules/@biomejs/biome/bin/biome", "check"],
};
const ofPython = ["--config", "python/pyproject.toml", "python", "test"];
const checksOfPython: Readonly<Record<string, readonly string[]>> = {
	"ruff check": ["-m", "ruff", "check", ...ofPython],
	"ruff format": ["-m", "ruff", "format", "--check", ...ofPython],
};

const root = fileURLToPath(new URL("..", import.meta.url));
const words = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

/** Making it takes a minute or two, in which one core has nothing to do. */
const testPython = makePython();
const forkServer = canFork ? testPython.then(startForkServer) : undefined;

const tasks = [
	...Object.entries(staticChecks).map(([name, command]) =>
		task(name, true, (env) => check(command, env)),
	),
	...Object.entries(checksOfPython).map(([name, args]) =>
		task(name, false, async (env) => check([await testPython, ...args], env)),
	),
	...testFiles().map((file) =>
		task(file, isWithoutPython(join(root, file)), (env) => runUvu(file, env)),
	),
	...pythonFolders().map((folders) =>
		task(folders.join(" "), false, (env) => runPytest(folders, env)),
	),
].filter(
	({ name }) => words.length === 0 || words.some((w) => name.includes(w)),
);
const rank = ({ name }: Task) => {
	const at = order.findIndex((part) => name.startsWith(`test/${part}`));
	return at < 0 && name.includes("/") ? order.length : at;
};
await runInLanes(
	tasks.sort((a, b) => rank(a) - rank(b)),
	Math.min(4, availableParallelism()),
);
await (await forkServer)?.close();

console.log(failures.map((name) => `failed: ${name}`).join("\n"));
console.log(
	`${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ""}`,
);
process.exitCode = total.failed > 0 ? 1 : 0;

async function makePython(): Promise<string> {
	const { python } = await ensureEnvironment({ onProgress: installPrinter() });
	return ensureTestTools(python);
}

/** The interpreter that its tests get, which may take its time to be there. */
function pythonOf(name: string): Promise<string> {
	return forkServer && forked.test(name)
		? forkServer.then(({ python }) => python)
		: testPython;
}

/** Runs it in surroundings of its own, counts what came out, and says so at once. */
function task(
	name: string,
	withoutPython: boolean,
	run: (env: Record<string, string>) => Promise<Outcome>,
): Task {
	return {
		name,
		alone: alone.includes(name),
		waits: waits.test(name),
		...(withoutPython ? {} : { after: pythonOf(name) }),
		async run() {
			const started = Date.now();
			const surroundings = new Surroundings();
			const { output, ...outcome } = await run({
				...surroundings.variables,
				...(forked.test(name) ? forkedVariables : {}),
				...(withoutPython ? {} : { CAPTUNE_TEST_PYTHON: await pythonOf(name) }),
			});
			const left = await surroundings.clear();
			if (left.length > 0) outcome.failed = Math.max(outcome.failed, 1);
			total.passed += outcome.passed;
			total.failed += outcome.failed;
			total.skipped += outcome.skipped;
			if (outcome.failed > 0) failures.push(name);
			const seconds = ((Date.now() - started) / 1000).toFixed(1);
			const parts = Object.entries(outcome).flatMap(([kind, count]) =>
				count > 0 ? [`${count} ${kind}`] : [],
			);
			const lines = [
				...[output].filter((text) => text !== ""),
				...left.map((what) => `${name} left behind: ${what}`),
				`${name}: ${parts.join(", ")} (${seconds} s)`,
			];
			console.log(lines.join("\n"));
		},
	};
}

function testFiles(): string[] {
	return readdirSync(join(root, "test"), { recursive: true })
		.map((file) => `test/${file}`)
		.filter((file) => file.endsWith(".test.ts"))
		.sort();
}

/** What is run in one process each: small ones together, as each process imports torch. */
function pythonFolders(): string[][] {
	const folders = readdirSync(join(root, "test/python"), {
		withFileTypes: true,
	})
		.filter((entry) => entry.isDirectory() && entry.name !== "__pycache__")
		.map(({ name }) => `test/python/${name}`)
		.sort();
	const isSmall = (folder: string) =>
		words.length === 0 && small.some((name) => folder.endsWith(`/${name}`));
	return [
		...folders.filter((folder) => !isSmall(folder)).map((folder) => [folder]),
		folders.filter(isSmall),
	].filter(({ length }) => length > 0);
}

async function check(
	[file, ...args]: readonly string[],
	env: Record<string, string>,
): Promise<Outcome> {
	const { failed, all } = await execa(file as string, args, {
		cwd: root,
		reject: false,
		all: true,
		env,
	});
	return {
		passed: failed ? 0 : 1,
		failed: failed ? 1 : 0,
		skipped: 0,
		output: failed ? all : "",
	};
}

/** Each file in a process of its own: a leaked handle ends at the deadline, and a file without tests fails. */
async function runUvu(
	file: string,
	env: Record<string, string>,
): Promise<Outcome> {
	const isLong = /^test\/(e2e|package|readme|cli|report)\//.test(file);
	const limit = isLong ? 900_000 : 300_000;
	const result = await execa(process.execPath, ["--import", "tsx", file], {
		cwd: root,
		reject: false,
		all: true,
		timeout: limit,
		killSignal: "SIGKILL",
		env,
	});
	const count = (label: string) =>
		Number(
			new RegExp(`^\\s+${label}:\\s+(\\d+)`, "m").exec(result.all)?.[1] ?? 0,
		);
	const passed = count("Passed");
	const skipped = count("Skipped");
	const failed = count("Total") - passed;
	const isBroken = result.failed || passed + skipped + failed === 0;
	const output = [
		isBroken || failed > 0 ? result.all : reasons(result.all),
		result.timedOut ? `${file} took longer than ${limit} ms` : "",
	];
	return {
		passed,
		failed: isBroken ? Math.max(failed, 1) : failed,
		skipped,
		output: output.filter((text) => text !== "").join("\n"),
	};
}

/** Why something was left out, which nobody should have to look for. */
function reasons(output: string): string {
	const lines = output.split("\n");
	return lines
		.filter((line) => /^(skipped:|note:|SKIPPED)/.test(line))
		.map((line) => `  ${line}`)
		.join("\n");
}

async function runPytest(
	folders: readonly string[],
	env: Record<string, string>,
): Promise<Outcome> {
	const xml = join(env["TMPDIR"] as string, "junit.xml");
	const basetemp = join(env["TMPDIR"] as string, "pytest");
	const result = await execa(
		await testPython,
		[
			...["-m", "pytest", "-c", "python/pyproject.toml", "-q"],
			...[`--junit-xml=${xml}`, `--basetemp=${basetemp}`],
			...folders,
		],
		{ cwd: root, reject: false, all: true, env },
	);
	const head = existsSync(xml) ? readFileSync(xml, "utf8").slice(0, 2_000) : "";
	for (const made of [xml, basetemp])
		rmSync(made, { recursive: true, force: true });
	const count = (name: string) =>
		Number(new RegExp(`${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
	const failed = count("failures") + count("errors");
	const skipped = count("skipped");
	return {
		passed: count("tests") - failed - skipped,
		failed: result.failed ? Math.max(failed, 1) : failed,
		skipped,
		output: result.failed ? result.all : reasons(result.all),
	};
}
