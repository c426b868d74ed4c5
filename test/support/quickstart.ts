// What the quickstart promises, read from its run folder and its output.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { FinetuneResult } from "../../sdk/index.js";
import { checkedLog } from "./events.js";

export function expectPromises(
	folder: string,
	output: string,
	testPictures: number,
): void {
	const result: FinetuneResult = JSON.parse(
		readFileSync(join(folder, "result.json"), "utf8"),
	);
	const { base, tuned, shuffled, constant } = result.test ?? {};
	const rouge1 = [base, tuned, shuffled].map(
		(scores) => scores?.values["rouge1"] ?? Number.NaN,
	);
	const [before, after, blind] = rouge1 as [number, number, number];
	const figures = `base ${before.toFixed(3)}, tuned ${after.toFixed(3)}, shuffled ${blind.toFixed(3)}, constant ${constant?.rouge1.toFixed(3)}, ${result.seconds.toFixed(0)} s`;
	console.log(`note: quickstart on ${testPictures} pictures: ${figures}`);
	assert.is(tuned?.examples, testPictures);
	assert.ok(before <= 0.3, figures);
	assert.ok(after >= 0.75, figures);
	assert.ok(after - blind >= 0.3, figures);
	assert.ok((constant?.rouge1 ?? 1) <= 0.4, figures);
	checkedLog(folder, "events.jsonl");
	assert.match(output, /torch 2\./);
	assert.match(output, /expected {2}/);
	assert.match(output, after.toFixed(3));
}
