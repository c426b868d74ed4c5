// The same content, whatever holds it, trains to the same numbers.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	type AnswerRow,
	type DataSpec,
	type FinetuneRun,
	finetune,
	type MessagesRow,
	type Spec,
} from "../../sdk/index.js";
import type { SplitFacts } from "../../sdk/run/event.generated.js";
import { shortSpec } from "../support/airplanes.js";
import { temporaryFolder } from "../support/folders.js";
import { striped } from "../support/pictures.js";
import { pythonTest, testPython } from "../support/python.js";

const python = testPython === undefined ? {} : { python: testPython };
const prompt = "What is on this picture?";

interface PlainRow {
	readonly image: string;
	readonly answer: string;
}

/** Rows as JSON Lines with their pictures, and in every other form. */
async function writeEverything(): Promise<string> {
	const folder = temporaryFolder();
	mkdirSync(join(folder, "images"));
	const rows = Array.from({ length: 6 }, (_, at): PlainRow => {
		const image = `images/${at}.bmp`;
		writeFileSync(
			join(folder, image),
			striped(40 + at, 30 + (at % 2) * 20, at),
		);
		return { image, answer: `stripes, "number ${at}"` };
	});
	writeFileSync(
		join(folder, "rows.jsonl"),
		rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
	);
	const writer = new URL("../fixtures/write_tables.py", import.meta.url);
	await execa(testPython as string, [fileURLToPath(writer), folder]);
	return folder;
}

const readRows = (file: string): PlainRow[] =>
	readFileSync(file, "utf8")
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line));

/** What a run says of its data and what it makes of it. */
async function factsOf(run: FinetuneRun) {
	const splits: SplitFacts[] = [];
	const batch = [];
	const losses = [];
	const scored: (readonly unknown[])[] = [];
	let trainAnswers: readonly string[] = [];
	for await (const event of run) {
		if (event.type === "data") {
			splits.push(...event.splits);
			trainAnswers = event.trainAnswers;
		}
		if (event.type === "tensors" && event.of === "batch")
			batch.push(event.tensors);
		if (event.type === "step") losses.push(event.loss);
		// Row by row, in their order.
		if (event.type === "evaluation" && event.model === "tuned")
			scored.push(event.examples);
	}
	await run;
	assert.is(batch.length, 1);
	return { splits, trainAnswers, batch, losses, scored };
}

const specOf = (data: DataSpec): Spec =>
	shortSpec({
		data: { prompt, ...data },
		training: {
			maxSteps: 3,
			batchSize: 2,
			gradientAccumulationSteps: 1,
			learningRate: 1e-3,
		},
		evaluation: { kind: "teacherForced", everySteps: 3 },
	});

async function* later<Row>(rows: readonly Row[]): AsyncGenerator<Row> {
	for (const row of rows) {
		await new Promise((done) => setImmediate(done));
		yield row;
	}
}

pythonTest("all sources train and score to the same numbers", async () => {
	const folder = await writeEverything();
	const at = (name: string) => join(folder, name);
	const inMemory = readRows(at("rows.jsonl")).map(
		({ image, answer }): AnswerRow => ({
			image: readFileSync(at(image)),
			answer,
		}),
	);
	const talks = inMemory.map(
		({ image, answer }): MessagesRow => ({
			messages: [
				{
					role: "user",
					content: [
						{ type: "image", image },
						{ type: "text", text: prompt },
					],
				},
				{ role: "assistant", content: answer as string },
			],
		}),
	);
	const jsonLines = { kind: "jsonl", path: at("rows.jsonl") } as const;
	const { data: _, ...rest } = specOf({ train: jsonLines });
	// Each run trains on the rows of one source, and scores those of two others.
	const runs = [
		() =>
			finetune(
				specOf({
					train: jsonLines,
					validation: { kind: "json", path: at("rows.json") },
					test: { kind: "csv", path: at("rows.csv") },
				}),
				python,
			),
		() =>
			finetune(
				specOf({
					train: { kind: "imagefolder", path: folder },
					validation: { kind: "parquet", path: at("rows.parquet") },
					test: { kind: "dataset", nameOrPath: at("saved") },
				}),
				python,
			),
		() =>
			finetune(
				{
					...rest,
					output: { folder: join(temporaryFolder(), "run"), report: false },
					data: { prompt },
				},
				{
					...python,
					data: { train: inMemory, validation: later(inMemory), test: talks },
				},
			),
	];
	const facts = [];
	for (const start of runs) facts.push(await factsOf(start()));
	for (const { splits, scored } of facts) {
		assert.is(splits.length, 3);
		for (const one of splits)
			assert.equal({ ...one, split: "" }, { ...splits[0], split: "" });
		assert.is(scored.length, 2, "validation and test");
		assert.is(scored[0]?.length, 6);
		assert.equal(scored[1], scored[0]);
	}
	assert.is(facts[0]?.losses.length, 3);
	for (const one of facts) assert.equal(one, facts[0]);
});

pythonTest(
	"rows of the program that are bad leave nothing behind",
	async () => {
		const {
			data: _,
			output,
			...rest
		} = specOf({
			train: { kind: "airplanes", split: "train" },
		});
		const folder = output?.folder as string;
		const run = finetune(
			{ ...rest, output: { folder } },
			{ ...python, data: { train: [{ image: "gone.png", answer: "x" }] } },
		);
		const error = await run.then(
			() => undefined,
			(error) => error,
		);
		assert.is(error?.code, "DATA_INVALID");
		assert.is(error.issues[0].path, "rows[0].image");
		assert.not(existsSync(folder));
	},
);

pythonTest(
	"bad rows are dropped, counted and listed; the others train",
	async () => {
		const folder = await writeEverything();
		const rows = readRows(join(folder, "rows.jsonl"));
		const whole = readFileSync(join(folder, "images/0.bmp"));
		writeFileSync(join(folder, "images/cut.bmp"), whole.subarray(0, 200));
		const mixed = [
			rows[0],
			{ image: "images/gone.bmp", answer: "x" },
			rows[1],
			{ image: "images/cut.bmp", answer: "x" },
			{ image: "images/0.bmp", answer: "an <|end|>" },
			{ image: "images/0.bmp", answer: "word ".repeat(400) },
			...rows.slice(2),
		];
		const path = join(folder, "mixed.jsonl");
		writeFileSync(path, mixed.map((row) => JSON.stringify(row)).join("\n"));
		const spec = specOf({
			train: { kind: "jsonl", path },
			onBadRow: "drop",
			maxTokens: 600,
		});
		const { splits, losses } = await factsOf(finetune(spec, python));
		const good = { kind: "jsonl", path: join(folder, "rows.jsonl") } as const;
		const alone = await factsOf(finetune(specOf({ train: good }), python));
		assert.equal(losses, alone.losses, "as if they had never been there");
		assert.equal(splits[0]?.dropped, {
			PICTURE_MISSING: 1,
			TEXT_RESERVED: 1,
			ROW_TOO_LONG: 1,
			PICTURE_DAMAGED: 1,
		});
		const listed = readFileSync(
			join(spec.output?.folder as string, "dropped.jsonl"),
			"utf8",
		);
		assert.equal(
			listed
				.trim()
				.split("\n")
				.map((line) => JSON.parse(line).place)
				.sort(),
			[2, 4, 5, 6].map((line) => `${path}:${line}`),
		);
		const refused = await finetune(
			{
				...spec,
				data: { ...spec.data, onBadRow: "fail" },
				output: { folder: join(temporaryFolder(), "run"), report: false },
			},
			python,
		).catch((error) => error);
		assert.is(refused.code, "DATA_INVALID");
		assert.equal(
			refused.issues.map((issue: { code: string }) => issue.code),
			["PICTURE_MISSING", "TEXT_RESERVED", "ROW_TOO_LONG"],
		);
	},
);

test.run();
