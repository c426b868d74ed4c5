// How many events a second go from a worker to a TypeScript reader: the real link, both logs written, every event
// checked by the schema. `npx tsx test/bench/link.ts [EVENTS] [TIMES]`; CAPTUNE_TEST_PYTHON names the interpreter.
import { rmSync } from "node:fs";
import { cpus } from "node:os";
import { checkedLog } from "../support/events.js";
import { puppetRun } from "../support/puppet.js";

const events = Number(process.argv[2] ?? 200_000);
const times = Number(process.argv[3] ?? 5);

const rates: number[] = [];
for (let time = 0; time < times; time++) rates.push(await rate());
console.log({
	cpu: cpus()[0]?.model,
	cores: cpus().length,
	node: process.versions.node,
	events,
	eventsPerSecond: rates,
	best: Math.max(...rates),
});

/** From the first step to the last, as the reader sees them. */
async function rate(): Promise<number> {
	const run = puppetRun({ steps: events });
	let first = 0;
	let last = 0;
	let seen = 0;
	for await (const event of run) {
		if (event.type !== "step") continue;
		first ||= performance.now();
		last = performance.now();
		seen++;
	}
	await run;
	const counts = (["events.jsonl", "worker.jsonl"] as const).map(
		(name) =>
			checkedLog(run.folder, name).filter(({ type }) => type === "step").length,
	);
	if (![seen, ...counts].every((count) => count === events))
		throw new Error(`${events} events became ${[seen, ...counts]}.`);
	rmSync(run.folder, { recursive: true });
	return Math.round((events / (last - first)) * 1000);
}
