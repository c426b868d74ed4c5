// The caller's process dies, is told to end, makes mistakes, or is two.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readRun } from "../../sdk/report/read.js";
import type { RunEvent } from "../../sdk/run/event.generated.js";
import { failureOf, isRunning, untilGone } from "../support/endings.js";
import { checkedLog, linesOf } from "../support/events.js";
import { type Plan, puppetRun, resumePuppet } from "../support/puppet.js";
import { pythonTest } from "../support/python.js";
import { startScript } from "../support/script.js";

const endless: Plan = { steps: 100_000, stepMs: 5 };

const lastOf = (folder: string, name: "events.jsonl" | "worker.jsonl") =>
	linesOf(folder, name).at(-1) as RunEvent;

/** The worker has ended as it should when nobody is left. */
function assertSaved(folder: string): void {
	const end = lastOf(folder, "worker.jsonl");
	assert.ok(end.type === "end" && end.status === "stopped");
}

pythonTest(
	"a caller that is killed takes its worker with it, and its folder can be resumed",
	async () => {
		const { folder, child, worker } = await startScript(endless);
		const rival = await failureOf(puppetRun({}, { folder }), "RUN_LOCKED");
		assert.is(rival.data["pid"], child.pid, "it is named while it lives");
		child.kill("SIGKILL");
		const ms = await untilGone(worker);
		assert.ok(ms < 10_000, `${ms} ms are more than its grace`);
		assertSaved(folder);
		const run = resumePuppet(folder);
		for await (const { attempt } of run.events("step"))
			if (attempt === 2) break;
		await run.stop();
		const written = linesOf(folder, "worker.jsonl");
		const said = checkedLog(folder, "events.jsonl").filter(
			({ type }) => type === "step",
		);
		assert.is(
			said.length,
			written.filter(({ type }) => type === "step").length,
			"what the worker did alone is taken over, and once",
		);
	},
);

pythonTest(
	"a caller that is killed while its worker hangs takes it with it when the grace is over",
	async () => {
		const { child, worker } = await startScript(
			{ ...endless, fault: "hang", faultAt: 3 },
			{ graceMs: 1_500 },
		);
		child.kill("SIGKILL");
		const ms = await untilGone(worker);
		assert.ok(ms > 1_000, `${ms} ms are less than its grace`);
	},
);

pythonTest("SIGTERM, as of CI, ends the caller and saves", async () => {
	const { folder, child, worker } = await startScript(endless);
	child.kill("SIGTERM");
	assert.is((await child).signal, "SIGTERM");
	const ms = await untilGone(worker);
	assert.ok(ms < 10_000, `${ms} ms are more than its grace`);
	assertSaved(folder);
});

pythonTest(
	"SIGTERM to the whole group of a caller that stops its run gives a result",
	async () => {
		const { folder, child, worker } = await startScript(endless, {
			more: 'process.on("SIGTERM", () => run.stop());',
		});
		process.kill(-(child.pid as number), "SIGTERM");
		const { exitCode, stdout } = await child;
		assert.is(exitCode, 0);
		assert.is(JSON.parse(stdout).status, "stopped");
		await untilGone(worker);
		const end = lastOf(folder, "events.jsonl");
		assert.ok(end.type === "end" && end.status === "stopped");
	},
);

pythonTest("Ctrl-C once stops cleanly, twice at once", async () => {
	const more = 'process.on("SIGINT", () => run.stop());';
	const once = await startScript(endless, { more });
	process.kill(-(once.child.pid as number), "SIGINT");
	assert.is(JSON.parse((await once.child).stdout).status, "stopped");
	await untilGone(once.worker);

	const twice = await startScript(
		{ ...endless, fault: "hang", faultAt: 3 },
		{ more: 'process.on("SIGINT", () => run.stop().catch(() => {}));' },
	);
	const group = -(twice.child.pid as number);
	process.kill(group, "SIGINT");
	await delay(300);
	assert.ok(isRunning(twice.worker), "the first lets it finish its step");
	process.kill(group, "SIGINT");
	const ms = await untilGone(twice.worker);
	assert.ok(ms < 10_000, `${ms} ms: that was its grace`);
	await twice.child;
});

pythonTest(
	"an attempt that wakes after the next one was begun is gone, and has written nothing",
	async () => {
		const { folder, child, worker } = await startScript(endless, {
			graceMs: 500,
		});
		process.kill(worker, "SIGSTOP");
		child.kill("SIGKILL");
		await child;
		await delay(200);
		assert.ok(isRunning(worker), "nothing reaches a process that is stopped");
		const before = readFileSync(join(folder, "worker.jsonl"), "utf8");
		const run = resumePuppet(folder);
		for await (const { attempt, step } of run.events("step"))
			if (attempt === 2 && step === 5) break;
		assert.not(isRunning(worker), "nobody waits for it for ever");
		await run.stop();
		const after = readFileSync(join(folder, "worker.jsonl"), "utf8");
		assert.ok(after.startsWith(before));
		const attempts = linesOf(folder, "worker.jsonl").map(
			({ attempt }) => attempt,
		);
		assert.equal(attempts, [...attempts].sort());
		const { events } = readRun(folder);
		const steps = events.flatMap((event) =>
			event.type === "step" ? [event.step] : [],
		);
		assert.equal(
			steps,
			steps.map((_, at) => at + 1),
		);
	},
);

pythonTest("a checkpoint of which nobody has heard counts once", async () => {
	const run = puppetRun({
		...endless,
		fault: "killedAtCheckpoint",
		faultAt: 3,
		load: 3,
	});
	await failureOf(run, "WORKER_CRASHED");
	const again = resumePuppet(run.folder);
	for await (const event of again.events("step")) if (event.step > 3) break;
	await again.stop();
	const states = checkedLog(run.folder, "events.jsonl").flatMap((event) =>
		event.type === "checkpoint" ? [[event.state, event.step]] : [],
	);
	assert.equal(states, [
		["saved", 3],
		["loaded", 3],
	]);
});

pythonTest(
	"an asynchronous listener that fails costs the caller nothing",
	async () => {
		const warnings: string[] = [];
		const onWarning = (warning: Error) => warnings.push(warning.message);
		process.on("warning", onWarning);
		const run = puppetRun({ steps: 2 });
		run.on("step", async () => {
			await delay(1);
			throw new Error("my late mistake");
		});
		assert.is((await run).steps, 2);
		await delay(50);
		process.off("warning", onWarning);
		assert.is(warnings.length, 2);
		assert.match(warnings[0] ?? "", "my late mistake");
	},
);

test.run();
