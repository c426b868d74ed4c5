// One run, ended in every way that a terminal knows, and gone on with each time.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RunEvent } from "../../sdk/index.js";
import { readJsonLines } from "../../sdk/run/folder.js";
import { currentEvents } from "../../sdk/run/history.js";
import {
	captune,
	type Ended,
	linesOf,
	specFile,
	startCaptune,
} from "../support/cli.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest } from "../support/python.js";

const steps = 40;
const folder = join(temporaryFolder(), "run");
const spec = specFile(
	"spec.json",
	JSON.stringify({
		$schema: "./node_modules/captune/schemas/spec.schema.json",
		model: { nameOrPath: "captune/airplanes-tiny", imageCrops: 1 },
		data: { train: { kind: "airplanes", split: "train", count: 12 } },
		training: { maxSteps: steps, batchSize: 1, gradientAccumulationSteps: 1 },
		output: { folder },
	}),
);

/** Runs the command and does `act` at the first line of that type; with the lines and the exit code. */
async function endedAt(
	args: readonly string[],
	type: string,
	act: (group: number, child: ReturnType<typeof startCaptune>) => unknown,
) {
	const child = startCaptune([...args, "--json"]);
	const lines = createInterface({
		input: child.stdout as NodeJS.ReadableStream,
	});
	let isReady = false;
	lines.on("line", (text) => {
		const line = JSON.parse(text);
		// Before its worker is ready, a resumed run tells what an earlier one has left.
		isReady ||= line.type === "ready";
		if (line.type !== type || (type === "step" && !isReady)) return;
		lines.removeAllListeners("line");
		act(-(child.pid as number), child);
	});
	const { exitCode, stdout, stderr } = await child;
	return { exitCode, lines: linesOf(String(stdout)), stderr: String(stderr) };
}

const stepsMade = () =>
	currentEvents(readJsonLines<RunEvent>(join(folder, "events.jsonl"))).flatMap(
		(event) => (event.type === "step" ? [event.step] : []),
	);

const lockFile = join(folder, "run.lock");

const lockOf = (): { readonly pid: number; readonly worker: number } =>
	JSON.parse(readFileSync(lockFile, "utf8"));

/** Nobody works in the folder any more: not its process, and not its worker. */
async function isLeft(): Promise<void> {
	for (let tries = 0; tries < 300; tries++) {
		if (!existsSync(lockFile)) return;
		const { pid, worker } = lockOf();
		if (![pid, worker].some(isAlive)) return;
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
	throw new Error("a process was left");
}

function isAlive(pid: number | undefined): boolean {
	try {
		return pid !== undefined && process.kill(pid, 0);
	} catch {
		return false;
	}
}

pythonTest(
	"SIGTERM before the first step: nothing is left, and 143",
	async () => {
		const { exitCode, lines } = await endedAt(
			["finetune", spec],
			"stage",
			(group) => process.kill(group, "SIGTERM"),
		);
		assert.is(exitCode, 143);
		assert.is(lines.at(-1)?.["code"], "CANCELED");
		assert.is(lines.at(-1)?.["exitCode"], 143);
		assert.not(existsSync(folder));
	},
);

pythonTest("Ctrl-C once stops, saves, and ends with 75", async () => {
	const { exitCode, lines, stderr } = await endedAt(
		["finetune", spec],
		"step",
		(group) => process.kill(group, "SIGINT"),
	);
	assert.is(exitCode, 75, stderr);
	const result = lines.at(-1);
	assert.is(result?.["type"], "result");
	assert.is(result?.["status"], "stopped");
	assert.ok(result?.["steps"] < steps, `${result?.["steps"]} steps`);
	assert.ok(existsSync(join(folder, "adapter", "adapter_config.json")));
	assert.match(stderr, `captune resume ${folder}`);
	await isLeft();
});

pythonTest("resumed, Ctrl-C twice ends at once with 130", async () => {
	const before = stepsMade().length;
	const { exitCode } = await endedAt(
		["resume", folder],
		"step",
		(group, child) => {
			process.kill(group, "SIGINT");
			child.stderr?.on("data", (text) => {
				if (String(text).includes("stopping")) process.kill(group, "SIGINT");
			});
		},
	);
	assert.is(exitCode, 130);
	await isLeft();
	assert.ok(stepsMade().length >= before, "what was trained before is kept");
});

pythonTest(
	"resumed, it is in use for others (75); SIGTERM of the command alone stops and saves (75)",
	async () => {
		let refused: Ended | undefined;
		const { exitCode, stderr } = await endedAt(
			["resume", folder],
			"step",
			async (group) => {
				const { worker } = lockOf();
				process.kill(worker, "SIGSTOP"); // it must not end meanwhile
				refused = await captune(["resume", folder, "--json"]);
				process.kill(worker, "SIGCONT");
				process.kill(-group, "SIGTERM");
			},
		);
		assert.is(exitCode, 75, stderr);
		assert.is(refused?.exitCode, 75);
		const last = linesOf(refused?.stdout ?? "").at(-1);
		assert.is(last?.["code"], "RUN_LOCKED");
		await isLeft();
	},
);

pythonTest("resumed to its end: every step once, and 0", async () => {
	const { exitCode, stderr } = await captune(["resume", folder]);
	assert.is(exitCode, 0, stderr);
	assert.equal(
		stepsMade(),
		Array.from({ length: steps }, (_, index) => index + 1),
	);
	checkedLog(folder, "events.jsonl");
});

pythonTest("a completed run is not resumed: 64", async () => {
	const { exitCode, stderr, stdout } = await captune(["resume", folder]);
	assert.is(exitCode, 64);
	assert.is(stdout, "");
	assert.match(stderr, /^error: The run in .* is completed/);
});

test.run();
