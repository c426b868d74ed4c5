// A worker that hangs, or is held, is told from one that works long, and from a caller that does not listen.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { finetune, SpecError } from "../../sdk/index.js";
import { shortSpec } from "../support/airplanes.js";
import { blockProcess } from "../support/blocking.js";
import {
	assertEnded,
	failureOf,
	isRunning,
	workerOf,
} from "../support/endings.js";
import { type Plan, puppetRun } from "../support/puppet.js";
import { pythonTest } from "../support/python.js";

const endless: Plan = { steps: 100_000, stepMs: 5 };

pythonTest(
	"a loop that hangs while its beats go on is killed, and the stack shows where it stood",
	async () => {
		const run = puppetRun(
			{ ...endless, fault: "hang", faultAt: 2 },
			{ stallTimeoutMs: { train: 1_500 } },
		);
		const pid = await workerOf(run);
		const error = await failureOf(run, "WORKER_STALLED");
		assert.is(error.data["stage"], "train");
		assert.is(error.data["isSilent"], false);
		assert.is(error.data["limitMs"], 1_500);
		assert.ok((error.data["ms"] as number) < 6_000);
		assert.match(error.message, "stallTimeoutMs.train");
		assert.match(error.message, /after step 2/);
		assert.match(error.traceback ?? "", /faults\.py", line \d+ in hang/);
		assert.match(error.traceback ?? "", /link\.py", line \d+ in _serve/);
		assert.not(isRunning(pid));
		assertEnded(run.folder, "WORKER_STALLED");
	},
);

pythonTest("a process that is held by SIGSTOP is told as such", async () => {
	const run = puppetRun(
		{ ...endless, fault: "hold", faultAt: 2 },
		{ stallTimeoutMs: { silence: 2_500 } },
	);
	const pid = await workerOf(run);
	const error = await failureOf(run, "WORKER_STALLED");
	assert.is(error.data["isSilent"], true);
	assert.is(error.data["isStopped"], true);
	assert.match(error.message, "had been stopped by a signal");
	assert.match(error.message, "stallTimeoutMs.silence");
	assert.not(isRunning(pid));
	assertEnded(run.folder, "WORKER_STALLED");
});

pythonTest("a long stage that gets on is let alone", async () => {
	// 2 s in all, where 1.5 s without a sign are allowed.
	const run = puppetRun({ fault: "longStage" }, { stallTimeoutMs: 1_500 });
	assert.is((await run).status, "completed");
});

pythonTest(
	"time in which the worker waits for a slow metric is not held against it",
	async () => {
		const run = puppetRun(
			{ steps: 2, evaluateEvery: 2, answers: ["yes"] },
			{
				stallTimeoutMs: { train: 1_200, evaluate: 1_200 },
				metric: "slow",
				metrics: {
					slow: () => new Promise((resolve) => setTimeout(resolve, 2_500, 1)),
				},
			},
		);
		assert.is((await run).status, "completed");
	},
);

pythonTest(
	"a caller that blocks its process for seconds does not take the worker for dead",
	async () => {
		const run = puppetRun(
			{ steps: 200, stepMs: 5 },
			{ stallTimeoutMs: { silence: 1_500, train: 1_500 } },
		);
		let blocked = 0;
		run.on("step", ({ step }) => {
			if (step % 150 !== 0) return;
			blocked++;
			blockProcess(3_500);
		});
		const result = await run;
		assert.is(result.steps, 200);
		assert.is(blocked, 1);
	},
);

test("times that are none are refused at once, by their names", () => {
	const refused = (options: object) => {
		try {
			finetune(shortSpec(), options);
		} catch (error) {
			assert.instance(error, SpecError);
			return (error as SpecError).issues.map(({ path }) => path);
		}
		return assert.unreachable("It began.");
	};
	assert.equal(
		refused({
			graceMs: Number.NaN,
			startTimeoutMs: Number.POSITIVE_INFINITY,
			stallTimeoutMs: { train: -1, traning: 5, save: "1" },
		}),
		[
			"startTimeoutMs",
			"graceMs",
			"stallTimeoutMs.train",
			"stallTimeoutMs.save",
			"stallTimeoutMs.traning",
		],
	);
});

test.run();
