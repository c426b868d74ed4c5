// Every event of a run folder must be an event by the published schema, with numbers that have no gap.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { RunEvent } from "../../sdk/run/event.generated.js";
import { compileJudge } from "../../sdk/schema/judge.js";

const { $schema: _, ...schema } = JSON.parse(
	readFileSync(
		new URL("../../schemas/event.schema.json", import.meta.url),
		"utf8",
	),
);
const judge = compileJudge(schema);

type Log = "events.jsonl" | "worker.jsonl";

/** The whole lines of one of a run folder's two logs; one that is being written may end in half a line. */
export function linesOf(folder: string, name: Log): RunEvent[] {
	const lines = readFileSync(join(folder, name), "utf8").split("\n");
	return lines.slice(0, -1).map((line) => JSON.parse(line));
}

/** Reads one of a run folder's two logs and checks every line. */
export function checkedLog(folder: string, name: Log): RunEvent[] {
	const events = linesOf(folder, name);
	for (const [index, event] of events.entries()) {
		assert.equal(judge(event), [], JSON.stringify(event).slice(0, 200));
		assert.is(event.seq, index + 1, `${name} has a gap`);
	}
	return events;
}
