import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RunEvent } from "../../sdk/run/event.generated.js";
import { blockProcess } from "../support/blocking.js";
import { linesOf } from "../support/events.js";
import { ownMegabytes } from "../support/memory.js";
import { puppetRun } from "../support/puppet.js";
import { pythonTest } from "../support/python.js";

const steps = 60_000;
const everySteps = 15_000;
const plan = {
	steps,
	evaluateEvery: everySteps,
	answers: ["no", "yes", "no", "no"],
	tellCost: true,
};
const telemetry = new Set(["step", "stage", "tensors", "log"]);

/** What a reader was given, events and those told as gaps, must be all there was. */
function assertComplete(folder: string, seen: readonly RunEvent[]): void {
	const written = linesOf(folder, "events.jsonl");
	const counts = (events: readonly RunEvent[]) => {
		const all: Record<string, number> = {};
		for (const event of events) {
			const dropped =
				event.type === "gap" ? event.dropped : { [event.type]: 1 };
			for (const [type, count] of Object.entries(dropped))
				all[type] = (all[type] ?? 0) + count;
		}
		return all;
	};
	assert.equal(counts(seen), counts(written));
	const others = (events: readonly RunEvent[]) =>
		events.filter(({ type }) => !telemetry.has(type) && type !== "gap");
	assert.equal(others(seen), others(written));
	const order = seen.flatMap(({ type, seq }) => (type === "gap" ? [] : [seq]));
	assert.equal(
		order,
		[...order].sort((a, b) => a - b),
	);
}

/** What training paid for it. */
function assertCheap(folder: string): void {
	const cost = linesOf(folder, "worker.jsonl").find(
		(event) => event.type === "warning" && event.code === "COST",
	);
	const { longestMs, grownMegabytes } = (cost as { data: Cost }).data;
	console.log(
		`note: longest call of report ${longestMs.toFixed(1)} ms, worker grew by ${grownMegabytes.toFixed(1)} MB`,
	);
	assert.ok(longestMs < 1_000, `report waited ${longestMs} ms`);
	assert.ok(grownMegabytes < 20, `it grew by ${grownMegabytes} MB`);
}

interface Cost {
	readonly longestMs: number;
	readonly grownMegabytes: number;
}

pythonTest(
	"a reader that never reads costs nothing, and finds what it must have",
	async () => {
		const run = puppetRun(plan);
		const readers = Array.from({ length: 5 }, () => run.events());
		const megabytes: number[] = [];
		run.on("step", ({ step }) => {
			if (step === steps / 4 || step === steps) megabytes.push(ownMegabytes());
		});
		assert.is((await run).steps, steps);
		const [early = 0, late = 0] = megabytes;
		console.log(`note: the SDK grew by ${(late - early).toFixed(1)} MB`);
		assert.ok(late - early < 20, `five readers hold ${late - early} MB more`);
		assertCheap(run.folder);
		for (const reader of readers) {
			const seen: RunEvent[] = [];
			for await (const event of reader) seen.push(event);
			assert.ok(seen.length < 10_000);
			assert.ok(seen.some(({ type }) => type === "gap"));
			assertComplete(run.folder, seen);
		}
	},
);

pythonTest("a slow reader holds up nobody else", async () => {
	const run = puppetRun(plan);
	const slow: RunEvent[] = [];
	let isOver = false;
	const reading = (async () => {
		for await (const event of run) {
			slow.push(event);
			if (!isOver) await delay(5);
		}
	})();
	const quick: RunEvent[] = [];
	for await (const event of run) quick.push(event);
	isOver = true;
	assert.ok(slow.length < steps / 10, `it was not slow: ${slow.length}`);
	await reading;
	assertComplete(run.folder, slow);
	assert.equal(quick, linesOf(run.folder, "events.jsonl"));
	assertCheap(run.folder);
});

pythonTest(
	"a program that blocks its own thread does not block training",
	async () => {
		const run = puppetRun({ steps: 200_000, tellCost: true });
		const blockMs = 4_000;
		let blocked = false;
		const seen: RunEvent[] = [];
		for await (const event of run) {
			seen.push(event);
			if (event.type !== "step" || blocked) continue;
			blocked = true;
			blockProcess(blockMs);
		}
		assert.equal(seen, linesOf(run.folder, "events.jsonl"));
		assertCheap(run.folder);
		const times = linesOf(run.folder, "worker.jsonl").flatMap((event) =>
			event.type === "step" ? [event.time] : [],
		);
		const pauses = times.slice(1).map((time, at) => time - (times[at] ?? 0));
		const longest = pauses.reduce((a, b) => Math.max(a, b), 0);
		assert.ok(longest < blockMs / 2, `training paused for ${longest} ms`);
	},
);

test.run();
