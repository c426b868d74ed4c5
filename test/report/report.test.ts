import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InputError, report, resolveSpec } from "../../sdk/index.js";
import type { ScoredPrediction } from "../../sdk/run/scorer.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";

const hostile = `<script>alert("x")</script> & 'quoted'`;

/** The smallest PNG: one white pixel. */
const png = Buffer.from(
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2GAAAAABJRU5ErkJggg==",
	"base64",
);

/** A run folder as a finished run leaves it, with captions and names that a page must not take for markup. */
function runFolder(): string {
	const folder = temporaryFolder();
	const image = join(folder, `<img onerror=x>.png`);
	writeFileSync(image, png);
	const spec = resolveSpec({
		name: hostile,
		model: { nameOrPath: "captune/airplanes-tiny" },
		data: {
			train: { kind: "airplanes", split: "train" },
			validation: { kind: "airplanes", split: "validation" },
			test: { kind: "airplanes", split: "test" },
		},
	});
	writeFileSync(join(folder, "spec.json"), JSON.stringify(spec));
	const bodies: object[] = [
		{
			type: "ready",
			pid: 1,
			versions: { python: "3.11.7" },
			device: { kind: "cpu", name: hostile, memoryBytes: null },
		},
	];
	for (let step = 1; step <= 6; step++) {
		bodies.push({
			type: "step",
			step,
			epoch: step / 3,
			loss: step === 3 ? null : 3 / step,
			finite: step !== 3,
			learningRate: 1e-4,
			gradNorm: 1,
			examples: 6,
			tokens: 60,
			examplesPerSecond: 10,
			tokensPerSecond: 1000,
			memoryBytes: 1,
		});
		if (step % 2 === 0)
			bodies.push(score("validation", step, "tuned", step / 10, step === 4));
	}
	mkdirSync(join(folder, "predictions"));
	for (const [model, prediction] of [
		["base", hostile],
		["tuned", "boeing 707"],
	] as const) {
		const evaluationId = `test-${model}`;
		const step = model === "base" ? 0 : 4;
		bodies.push({
			type: "evaluation",
			evaluationId,
			split: "test",
			step,
			model,
			images: "own",
			examples: [],
			seconds: 1,
		});
		bodies.push(
			score("test", step, model, model === "base" ? 0.1 : 0.9, false),
		);
		const scored: ScoredPrediction = {
			row: 0,
			images: [image],
			prompt: "What?",
			references: [hostile],
			prediction,
			tokens: 3,
			stopped: true,
			scores: { rouge1: model === "base" ? 0.125 : 0.875 },
		};
		writeFileSync(
			join(folder, "predictions", `${evaluationId}.jsonl`),
			`${JSON.stringify(scored)}\n`,
		);
	}
	const events = bodies.map((body, index) => ({
		runId: "run",
		attempt: 1,
		seq: index + 1,
		time: 1_795_460_673_000 + index,
		...body,
	}));
	writeFileSync(
		join(folder, "events.jsonl"),
		events.map((event) => `${JSON.stringify(event)}\n`).join(""),
	);
	checkedLog(folder, "events.jsonl");
	const split = (values: [number, number]) => ({
		base: {
			step: 0,
			values: { rouge1: values[0] },
			examples: 1,
			empty: 0,
			stopped: 1,
		},
		tuned: {
			step: 4,
			values: { rouge1: values[1] },
			examples: 1,
			empty: 0,
			stopped: 1,
		},
		shuffled: null,
		constant: { answer: hostile, rouge1: 0.3 },
	});
	writeFileSync(
		join(folder, "result.json"),
		JSON.stringify({
			status: "completed",
			steps: 6,
			seconds: 12,
			best: { step: 4, value: 0.4, metric: "rouge1" },
			test: split([0.1, 0.9]),
			validation: null,
		}),
	);
	return folder;
}

function score(
	split: string,
	step: number,
	model: string,
	rouge1: number,
	isBest: boolean,
) {
	return {
		type: "score",
		evaluationId: `${split}-${step}-${model}`,
		split,
		step,
		model,
		images: "own",
		values: { rouge1, loss: 2 },
		examples: 1,
		empty: 0,
		stopped: 1,
		best: null,
		isBest,
	};
}

test("the page is one file with the curves, the scores, and the pictures in it", async () => {
	const folder = runFolder();
	const file = await report(folder);
	assert.is(file, join(folder, "report.html"));
	const page = readFileSync(file, "utf8");
	assert.is(page.match(/<svg/g)?.length, 3);
	for (const title of [
		"Training loss",
		"Validation loss",
		"Validation ROUGE-1",
	])
		assert.match(page, title);
	for (const figure of ["0.900", "0.100", "0.300", "0.88", "0.13"])
		assert.match(page, `>${figure}<`);
	assert.match(page, `src="data:image/png;base64,${png.toString("base64")}"`);
	assert.match(page, "boeing 707");
	assert.not.match(page, /(src|href)="(?!data:)/);
	assert.not.match(page, /url\(/);
});

test("captions, names and settings show as text", async () => {
	const page = readFileSync(await report(runFolder()), "utf8");
	assert.not.match(page, "<script");
	assert.not.match(page, "<img onerror");
	assert.match(
		page,
		"&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;quoted&#39;",
	);
});

test("a run that broke off, even in the middle of a line, can be told too", async () => {
	const folder = runFolder();
	const events = join(folder, "events.jsonl");
	rmSync(join(folder, "result.json"));
	writeFileSync(events, readFileSync(events, "utf8").slice(0, -20));
	const page = readFileSync(await report(folder), "utf8");
	assert.match(page, "did not end well");
	assert.match(page, "Training loss");
});

test("a folder without a run is refused", async () => {
	const error = await report(temporaryFolder()).catch((error) => error);
	assert.instance(error, InputError);
	assert.is(error.code, "DATA_INVALID");
});

test.run();
