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
	const data = [];
	const batch = [];
	const losses = [];
	for await (const event of run) {
		if (event.type === "data") data.push(event.splits, event.trainAnswers);
		if (event.type === "tensors" && event.of === "batch")
			batch.push(event.tensors);
		if (event.type === "step") losses.push(event.loss);
	}
	await run;
	assert.is(data.length, 2);
	assert.is(batch.length, 1);
	return { data, batch, losses };
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

pythonTest("all sources train to the same numbers", async () => {
	const folder = await writeEverything();
	const at = (name: string) => join(folder, name);
	const sources: readonly DataSpec["train"][] = [
		{ kind: "jsonl", path: at("rows.jsonl") },
		{ kind: "json", path: at("rows.json") },
		{ kind: "csv", path: at("rows.csv") },
		{ kind: "imagefolder", path: folder },
		{ kind: "parquet", path: at("rows.parquet") },
		{ kind: "dataset", nameOrPath: at("saved") },
	];
	const facts = [];
	for (const train of sources)
		facts.push(await factsOf(finetune(specOf({ train }), python)));
	const rows = readRows(at("rows.jsonl"));
	const { data: _, ...rest } = specOf({
		train: sources[0] as DataSpec["train"],
	});
	const inMemory = rows.map(
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
	for (const train of [inMemory, later(inMemory), talks]) {
		const output = { folder: join(temporaryFolder(), "run"), report: false };
		facts.push(
			await factsOf(
				finetune(
					{ ...rest, output, data: { prompt } },
					{ ...python, data: { train } },
				),
			),
		);
	}
	assert.is(facts.length, 9);
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
		const { data, losses } = await factsOf(finetune(spec, python));
		const good = { kind: "jsonl", path: join(folder, "rows.jsonl") } as const;
		const alone = await factsOf(finetune(specOf({ train: good }), python));
		assert.equal(losses, alone.losses, "as if they had never been there");
		const [splits] = data as unknown as [readonly { dropped: unknown }[]];
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
