// A worker that dies, misbehaves or breaks the protocol: one typed error, nothing left running, the log whole.
import { existsSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ErrorCode } from "../../sdk/errors.js";
import {
	assertEnded,
	failureOf,
	isRunning,
	untilGone,
	workerOf,
} from "../support/endings.js";
import { checkedLog } from "../support/events.js";
import { type Plan, puppetRun, resumePuppet } from "../support/puppet.js";
import { pythonTest } from "../support/python.js";

/** Long enough that nothing ends by itself. */
const endless: Plan = { steps: 100_000, stepMs: 5 };

pythonTest(
	"a worker killed in the middle of a step rejects at once, and the run can be resumed",
	async () => {
		const run = puppetRun({ ...endless, fault: "hang", faultAt: 3 });
		const pid = await workerOf(run);
		for await (const event of run.events("step")) if (event.step === 3) break;
		const killedAt = Date.now();
		process.kill(pid, "SIGKILL");
		const error = await failureOf(run, "WORKER_CRASHED");
		console.log(`  note: rejected after ${Date.now() - killedAt} ms`);
		assert.is(error.data["signal"], "SIGKILL");
		assert.is(error.data["steps"], 3);
		assertEnded(run.folder, "WORKER_CRASHED");
		assert.not(isRunning(pid));
		const again = resumePuppet(run.folder);
		for await (const { attempt } of again.events("step"))
			if (attempt === 2) break;
		assert.is((await again.stop()).status, "stopped");
	},
);

pythonTest("a segmentation fault is told with its stack", async () => {
	const run = puppetRun({ ...endless, fault: "segfault", faultAt: 2 });
	const error = await failureOf(run, "WORKER_CRASHED");
	assert.is(error.data["signal"], "SIGSEGV");
	assert.match(error.traceback ?? "", "Fatal Python error: Segmentation fault");
	assert.match(error.traceback ?? "", /faults\.py", line \d+ in segfault/);
	assertEnded(run.folder, "WORKER_CRASHED");
});

pythonTest(
	"a worker that cannot import what it needs is told with its traceback, and leaves nothing",
	async () => {
		const run = puppetRun({}, { module: "broken_import" });
		const error = await failureOf(run, "WORKER_CRASHED");
		assert.match(error.message, "No module named 'no_such_package'");
		assert.match(error.traceback ?? "", /^Traceback \(most recent call last\)/);
		assert.not(existsSync(run.folder));
	},
);

pythonTest(
	"a worker that ends before it says hello is told by its last line",
	async () => {
		const run = puppetRun({}, { module: "dies_early" });
		const error = await failureOf(run, "WORKER_CRASHED");
		assert.match(error.message, /code 1 .*the driver is too old/);
		assert.not(existsSync(run.folder));
	},
);

pythonTest("a worker that starts slowly is waited for", async () => {
	const slow = { module: "slow_start", startTimeoutMs: 20_000 };
	assert.is((await puppetRun({}, slow)).status, "completed");
	const hasty = puppetRun({}, { module: "slow_start", startTimeoutMs: 500 });
	await failureOf(hasty, "WORKER_START_TIMEOUT");
	assert.not(existsSync(hasty.folder));
});

pythonTest(
	"a worker that obeys no signal is killed at the end of its grace",
	async () => {
		const run = puppetRun(
			{ ...endless, fault: "deafToSignals", faultAt: 2 },
			{ graceMs: 800 },
		);
		const pid = await workerOf(run);
		for await (const event of run.events("step")) if (event.step === 2) break;
		const canceledAt = Date.now();
		await run.cancel("enough");
		const ms = Date.now() - canceledAt;
		assert.ok(ms >= 800, "grace, then SIGTERM, then grace again");
		assert.not(isRunning(pid));
		await failureOf(run, "CANCELED");
	},
);

pythonTest(
	"a flood of output is left out, counted, and costs neither run nor memory",
	async () => {
		const before = process.memoryUsage.rss();
		const run = puppetRun({ fault: "flood" });
		assert.is((await run).status, "completed");
		const events = checkedLog(run.folder, "events.jsonl");
		const logs = events.filter((event) => event.type === "log");
		assert.ok(logs.length >= 1_000 && logs.length < 5_000, `${logs.length}`);
		const longest = Math.max(...logs.map(({ text }) => text.length));
		assert.ok(longest <= 4_096, `${longest}`);
		const leftOut = events.reduce(
			(sum, event) =>
				event.type === "warning" && event.code === "LOG_FLOODED"
					? sum + (event.data as { lines: number }).lines
					: sum,
			0,
		);
		// 20 MiB without an end of line are pieces of 4,096.
		const printed = 200_000 + (20 * 1024 * 1024) / 4_096 + 2;
		assert.ok(
			Math.abs(logs.length + leftOut - printed) <= 20,
			`${logs.length} and ${leftOut} of ${printed}`,
		);
		const grown = (process.memoryUsage.rss() - before) / 2 ** 20;
		assert.ok(grown < 300, `${grown} MiB`);
	},
);

pythonTest("memory that runs out is told as such, with the stage", async () => {
	const run = puppetRun({ ...endless, fault: "outOfMemory", faultAt: 1 });
	const error = await failureOf(run, "OUT_OF_MEMORY");
	assert.match(
		error.message,
		/in stage train: MemoryError: no memory for 12 GiB/,
	);
	assert.match(error.traceback ?? "", "MemoryError");
	assertEnded(run.folder, "OUT_OF_MEMORY");
});

pythonTest(
	"a worker of another protocol is refused by name, with both versions",
	async () => {
		const run = puppetRun({}, { module: "other_protocol" });
		const error = await failureOf(run, "INCOMPATIBLE_PROTOCOL");
		assert.match(error.message, /protocol 99.*speaks \d/);
		assert.not(existsSync(run.folder));
	},
);

const broken: readonly (readonly [string, Plan["fault"], RegExp])[] = [
	["a frame that is none", "malformedFrame", /not MessagePack/],
	["an event of another attempt", "foreignAttempt", /of run .*attempt 7/],
	["an event of another run", "foreignRun", /of run another/],
	["an event after the end", "afterEnd", /"warning" after its end/],
	["an event in the frame of the end", "withEnd", /"warning" after its end/],
];

for (const [what, fault, reason] of broken)
	pythonTest(`${what} ends the run by name`, async () => {
		const run = puppetRun({ ...endless, fault: fault as string, faultAt: 2 });
		const pid = await workerOf(run);
		const code: ErrorCode = "PROTOCOL_ERROR";
		const error = await failureOf(run, code);
		assert.match(error.message, reason);
		await untilGone(pid);
		assertEnded(run.folder, code);
	});

for (const [what, fault] of [
	["a frame that is too large", "hugeFrame"],
	["frames in the wrong order", "gap"],
] as const)
	pythonTest(`${what} cost nothing: what is missing comes again`, async () => {
		const run = puppetRun({ steps: 30, fault, faultAt: 2 });
		assert.is((await run).steps, 30);
		const steps = checkedLog(run.folder, "events.jsonl").flatMap((event) =>
			event.type === "step" ? [event.step] : [],
		);
		assert.equal(
			steps,
			Array.from({ length: 30 }, (_, at) => at + 1),
		);
	});

test.run();
