// A run that is killed again and again, at points that chance picks, against one that nothing happened to.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	CaptuneError,
	type FinetuneRun,
	finetune,
	type RunEvent,
	resume,
	type Spec,
} from "../../sdk/index.js";
import { shortSpec } from "../support/airplanes.js";
import { temporaryFolder } from "../support/folders.js";
import { numbersOf } from "../support/numbers.js";
import { pythonTest, testPython } from "../support/python.js";

const options = testPython === undefined ? {} : { python: testPython };
const kills = 5;
const seed = Date.now() % 2 ** 31;

function spec(folder: string): Spec {
	return shortSpec({
		training: {
			maxSteps: 12,
			batchSize: 2,
			gradientAccumulationSteps: 2,
			learningRate: 1e-3,
			schedule: "cosine",
			epochs: 9,
		},
		evaluation: { kind: "generate", everySteps: 2, maxNewTokens: 12 },
		compute: { kind: "local", loaderWorkers: 0 },
		output: { folder: join(temporaryFolder(), folder), report: false },
	});
}

/** Where a worker is killed, by what it has just said. */
const points: readonly (readonly [string, (event: RunEvent) => boolean])[] = [
	["step", (event) => event.type === "step"],
	["saving", (event) => event.type === "stage" && event.stage === "save"],
	["saved", (event) => event.type === "checkpoint" && event.state === "saved"],
	[
		"evaluating",
		(event) => event.type === "stage" && event.stage === "evaluate",
	],
	["scored", (event) => event.type === "score"],
];

/** Kills the worker `wait` ms after what `at` picks, not before a step; tells after which. */
async function killed(
	run: FinetuneRun,
	at: (event: RunEvent) => boolean,
	from: number,
	wait: number,
): Promise<number> {
	let pid = 0;
	let step = 0;
	let isOver = false;
	const done = run.then(
		() => {
			isOver = true;
		},
		(error) => {
			isOver = true;
			assert.ok(CaptuneError.isInstance(error));
			assert.is(error.code, "WORKER_CRASHED");
		},
	);
	for await (const event of ignoringTheEnd(run)) {
		if (event.type === "ready") pid = event.pid;
		if (event.type === "step") step = event.step;
		if (pid === 0 || step < from || !at(event)) continue;
		await delay(wait);
		if (!isOver) process.kill(pid, "SIGKILL");
		break;
	}
	await done;
	return step;
}

async function* ignoringTheEnd(run: FinetuneRun): AsyncGenerator<RunEvent> {
	try {
		yield* run;
	} catch {
		// The run itself is asked how it ended.
	}
}

/** Mulberry32: the same points for the same seed. */
function chance(state: number): () => number {
	let at = state;
	return () => {
		at = (at + 0x6d2b79f5) | 0;
		let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

pythonTest(
	"killed five times and resumed, a run gives bit for bit the uninterrupted one",
	async () => {
		const random = chance(seed);
		const whole = finetune(spec("whole"), options);
		const wholeResult = await whole;
		const { output, ...rest } = spec("cut");
		let run = finetune({ ...rest, ...(output ? { output } : {}) }, options);
		const { folder } = run;
		const seen: string[] = [];
		for (let kill = 0; kill < kills; kill++) {
			const [name, point] = points[
				Math.floor(random() * points.length)
			] as (typeof points)[number];
			const wait = Math.floor(random() * 60);
			const step = await killed(run, point, 2 * kill + 1, wait);
			seen.push(`step ${step}, ${name} + ${wait} ms`);
			run = resume(folder, options);
		}
		const result = await run;
		console.log(`  note: seed ${seed}, killed at ${seen.join(", ")}`);
		assert.is(run.id, result.runId);
		assert.is(result.folder, folder);
		assert.equal(result.best, wholeResult.best);
		assert.equal(result.test, wholeResult.test);
		assert.equal(numbersOf(folder), numbersOf(whole.folder));
	},
);

pythonTest("a run that was stopped goes on to its end", async () => {
	const run = finetune(spec("stopped"), options);
	run.on("step", ({ step }) => {
		if (step === 3) void run.stop().catch(() => {});
	});
	const stopped = await run;
	assert.is(stopped.status, "stopped");
	const result = await resume(run.folder, options);
	assert.is(result.status, "completed");
	assert.is(result.steps, 12);
	assert.is(result.runId, run.id);
	assert.throws(
		() => resume(run.folder, options),
		(error: unknown) =>
			CaptuneError.isInstance(error) && error.code === "RUN_COMPLETED",
	);
});

test.run();
