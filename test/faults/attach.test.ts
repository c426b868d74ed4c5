// SDK processes of a detached run that are killed, come at once, or hold keys of yesterday: its worker goes on, and what
// it says is in the run once.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RunEvent } from "../../sdk/index.js";
import {
	assertDelivered,
	attachElsewhere,
	killHard,
	type SdkProcess,
	startElsewhere,
	visitElsewhere,
	workerIn,
} from "../support/detached.js";
import { failureOf, isRunning, untilGone } from "../support/endings.js";
import { checkedLog, linesOf } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { attachPuppet, type Plan, puppetRun } from "../support/puppet.js";
import { pythonTest } from "../support/python.js";

const kills = Number(process.env["CAPTUNE_TEST_KILLS"] ?? 4);

/** Long enough for all that is done to it; the first of the best answers is in the middle. */
const evaluated: Plan = {
	steps: 800 * kills,
	stepMs: 5,
	evaluateEvery: 80 * kills,
	answers: [
		"no",
		"no",
		"yes no",
		"yes",
		"no",
		"yes no",
		"yes",
		"no",
		"no",
		"no",
	],
};

/** Milliseconds, by chance. */
const moment = (most: number) => Math.floor(Math.random() * most);

/** Numbers, without a gap or a double, from the first one that a reader got. */
function assertInOrder({ seen }: SdkProcess): void {
	const first = seen[0]?.seq ?? 0;
	assert.equal(
		seen.map(({ seq }) => seq),
		seen.map((_, at) => first + at),
	);
}

const scoresIn = (folder: string) =>
	checkedLog(folder, "events.jsonl").flatMap((event) =>
		event.type === "score"
			? [[event.step, event.values, event.best, event.isBest]]
			: [],
	);

pythonTest(
	"SDK processes killed at points that chance picks lose and double nothing",
	async () => {
		const folder = join(temporaryFolder(), "run");
		const waits: number[] = [];
		let sdk = startElsewhere(folder, evaluated);
		const worker = await workerIn(folder);
		for (let kill = 0; kill < kills; kill++) {
			await sdk.begun;
			waits.push(moment(1_000));
			await delay(waits.at(-1));
			await killHard(sdk);
			assertInOrder(sdk);
			await delay(moment(300));
			assert.ok(isRunning(worker), "the worker went on");
			sdk = attachElsewhere(folder);
		}
		assert.is(await sdk.outcome, "completed");
		console.log(`  note: killed after ${waits.join(", ")} ms`);
		assertInOrder(sdk);
		assert.is(sdk.seen[0]?.seq, 1, "whoever attaches gets every event");
		assert.is(sdk.seen.length, checkedLog(folder, "events.jsonl").length);
		assertDelivered(folder);
		const whole = puppetRun({ ...evaluated, stepMs: 0 });
		await whole;
		assert.equal(scoresIn(folder), scoresIn(whole.folder));
		await untilGone(worker);
	},
);

pythonTest(
	"of processes that attach at once one is let in, and the others are told which",
	async () => {
		const run = puppetRun({ steps: 100_000, stepMs: 5 }, { detached: true });
		const { folder } = run;
		const worker = await workerIn(folder);
		await run.detach();
		const rivals = [1, 2, 3, 4].map(() => attachElsewhere(folder));
		const winner = await lastOf(rivals);
		for (const rival of rivals) {
			if (rival === winner) continue;
			assert.is(await rival.outcome, "RUN_LOCKED");
			assert.equal(rival.seen, [], "whoever is refused gets no event");
		}
		const refused = await failureOf(attachPuppet(folder), "RUN_LOCKED");
		assert.is(refused.data["pid"], winner.child.pid);
		await killHard(winner);
		const attached = attachPuppet(folder);
		for await (const { seq } of attached.events("step")) if (seq > 50) break;
		assert.is((await attached.stop()).status, "stopped");
		assertDelivered(folder);
		await untilGone(worker);
	},
);

/** The one that is left when all the others have ended. */
function lastOf(rivals: readonly SdkProcess[]): Promise<SdkProcess> {
	const left = new Set(rivals);
	return new Promise((resolve) => {
		for (const rival of rivals)
			void rival.outcome.then(() => {
				left.delete(rival);
				const [last] = left;
				if (left.size === 1 && last !== undefined) resolve(last);
			});
	});
}

pythonTest(
	"an SDK killed before its worker knows what to do leaves none that waits for ever",
	async () => {
		const folder = join(temporaryFolder(), "run");
		const sdk = startElsewhere(folder, { steps: 20 });
		const worker = await workerIn(folder);
		await killHard(sdk);
		await untilGone(worker);
		await failureOf(attachPuppet(folder), "CANCELED");
	},
);

pythonTest(
	"a process that has attached, and let the run go again, can end",
	async () => {
		const run = puppetRun({ steps: 100_000, stepMs: 5 }, { detached: true });
		const { folder } = run;
		await run.detach();
		const visitor = visitElsewhere(folder);
		assert.is(await visitor.outcome, "RUN_DETACHED");
		const worker = await workerIn(folder);
		assert.ok(isRunning(worker));
		const attached = attachPuppet(folder);
		for await (const _ of attached.events("step")) break;
		await attached.cancel();
		await untilGone(worker);
	},
);

pythonTest(
	"what is told in the same breath as coming back arrives: decisions on what nobody watched, and a stop",
	async () => {
		const run = puppetRun(
			{
				steps: 100_000,
				stepMs: 5,
				evaluateEvery: 30,
				answers: ["no", "yes no", ...Array(3_400).fill("yes")],
			},
			{ detached: true },
		);
		const { folder } = run;
		await run.detach();
		while (linesOf(folder, "worker.jsonl").filter(isSaved).length < 3)
			await delay(20);
		const attached = attachPuppet(folder);
		for await (const event of attached.events("checkpoint")) {
			if (event.state !== "pruned") continue;
			assert.is(event.step, 30, "neither the best nor among the newest");
			break;
		}
		await attached.detach();
		const again = attachPuppet(folder);
		assert.is((await again.stop()).status, "stopped");
		assertDelivered(folder);
	},
);

const isSaved = (event: RunEvent) =>
	event.type === "checkpoint" && event.state === "saved";

pythonTest(
	"a stop that is asked for just before letting go arrives",
	async () => {
		const run = puppetRun({ steps: 100_000, stepMs: 5 }, { detached: true });
		const worker = await workerIn(run.folder);
		for await (const { step } of run.events("step")) if (step > 5) break;
		void run.stop().catch(() => {});
		await run.detach().catch(() => {});
		await untilGone(worker);
		const result = run.state === "detached" ? attachPuppet(run.folder) : run;
		assert.is((await result).status, "stopped");
	},
);

pythonTest(
	"a signal to the SDK's whole group leaves a detached worker alone",
	async () => {
		for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
			const folder = join(temporaryFolder(), "run");
			const sdk = startElsewhere(folder, { steps: 100_000, stepMs: 5 });
			const worker = await workerIn(folder);
			await sdk.begun;
			process.kill(-(sdk.child.pid as number), signal);
			await sdk.outcome;
			await delay(300);
			assert.ok(isRunning(worker), signal);
			const attached = attachPuppet(folder);
			for await (const _ of attached.events("step")) break;
			await attached.cancel().catch(() => {});
			await failureOf(attached, "CANCELED");
			await untilGone(worker);
		}
	},
);

pythonTest(
	"a detached worker that is held while its SDK dies, and wakes later, has lost nothing",
	async () => {
		const folder = join(temporaryFolder(), "run");
		const sdk = startElsewhere(folder, { steps: 200, stepMs: 5 });
		const worker = await workerIn(folder);
		await sdk.begun;
		process.kill(worker, "SIGSTOP");
		await killHard(sdk);
		const attached = attachPuppet(folder);
		await delay(500);
		process.kill(worker, "SIGCONT");
		assert.is((await attached).steps, 200);
		assertDelivered(folder);
	},
);

test.run();
