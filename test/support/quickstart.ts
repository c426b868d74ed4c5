// What the quickstart promises, read from its run folder and its output, and asked of what it has trained.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import {
	bestConstantAnswer,
	evaluate,
	type FinetuneResult,
	type SplitResult,
} from "../../sdk/index.js";
import { checkedLog } from "./events.js";
import { temporaryFolder } from "./folders.js";

const resultOf = (folder: string): FinetuneResult =>
	JSON.parse(readFileSync(join(folder, "result.json"), "utf8"));

/** What a run with generated answers was asked with. */
function askedIn(folder: string) {
	const { model, data, evaluation } = JSON.parse(
		readFileSync(join(folder, "spec.json"), "utf8"),
	);
	const { nameOrPath, imageCrops } = model;
	const { stemming } = evaluation;
	return { model: { nameOrPath, imageCrops }, prompt: data.prompt, stemming };
}

/** Of the run itself. */
export function expectPromises(
	folder: string,
	output: string,
	testPictures: number,
): void {
	const result = resultOf(folder);
	console.log(`note: quickstart: ${result.seconds.toFixed(0)} s`);
	expectScores(result.test, testPictures);
	checkedLog(folder, "events.jsonl");
	assert.match(output, /torch 2\./);
	assert.match(output, /expected {2}/);
	assert.match(output, result.test?.tuned?.values["rouge1"]?.toFixed(3) ?? "");
}

/** The same on pictures drawn with another seed. */
export async function expectPromisesOnOthers(
	folder: string,
	test: { readonly seed: number; readonly count: number },
	python: string,
): Promise<void> {
	const data = { test: { kind: "airplanes", split: "test", ...test } } as const;
	const place = join(temporaryFolder(), "tuned");
	const tuned = await evaluate(folder, {
		python,
		folder: place,
		spec: { data },
	});
	const { model, prompt, stemming } = askedIn(place);
	const untouched = await evaluate(
		{
			model,
			data: { ...data, prompt },
			evaluation: { kind: "generate", stemming },
		},
		{ python, folder: join(temporaryFolder(), "base") },
	);
	const [file = ""] = readdirSync(join(place, "predictions"));
	const references = readFileSync(join(place, "predictions", file), "utf8")
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line).references);
	const answer = resultOf(folder).test?.constant?.answer ?? "";
	const constant = bestConstantAnswer([answer], references, { stemming });
	const base = untouched.test?.base ?? null;
	expectScores(tuned.test && { ...tuned.test, base, constant }, test.count);
}

function expectScores(scores: SplitResult | null, testPictures: number): void {
	const { base, tuned, shuffled, constant } = scores ?? {};
	const rouge1 = [base, tuned, shuffled].map(
		(one) => one?.values["rouge1"] ?? Number.NaN,
	);
	const [before, after, blind] = rouge1 as [number, number, number];
	const figures = `base ${before.toFixed(3)}, tuned ${after.toFixed(3)}, shuffled ${blind.toFixed(3)}, constant ${constant?.rouge1.toFixed(3)}`;
	console.log(`note: quickstart on ${testPictures} pictures: ${figures}`);
	assert.is(tuned?.examples, testPictures);
	assert.ok(before <= 0.3, figures);
	assert.ok(after >= 0.75, figures);
	assert.ok(after - blind >= 0.3, figures);
	assert.ok((constant?.rouge1 ?? 1) <= 0.4, figures);
}
