// A preview shows what a run does, and refuses what a run refuses.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	CaptuneError,
	finetune,
	InputError,
	preview,
	SpecError,
} from "../../sdk/index.js";
import { shortSpec } from "../support/airplanes.js";
import { temporaryFolder } from "../support/folders.js";
import { striped } from "../support/pictures.js";
import { pythonTest, testPython } from "../support/python.js";

const python = testPython === undefined ? {} : { python: testPython };

function writeRows(...rows: readonly object[]): string {
	const folder = temporaryFolder();
	mkdirSync(join(folder, "images"));
	writeFileSync(join(folder, "images/wide.bmp"), striped(90, 40, 1));
	writeFileSync(join(folder, "images/tall.bmp"), striped(40, 90, 2));
	const path = join(folder, "rows.jsonl");
	writeFileSync(path, rows.map((row) => JSON.stringify(row)).join("\n"));
	return path;
}

pythonTest("spans, crops and tensors of the first rows", async () => {
	const path = writeRows(
		{ image: "images/wide.bmp", answer: "wide stripes" },
		{
			image: ["images/tall.bmp", "images/wide.bmp"],
			answer: "two of them, long",
		},
		{ image: "images/tall.bmp", answer: "not shown" },
	);
	const folder = join(temporaryFolder(), "seen");
	const spec = shortSpec({
		model: { nameOrPath: "captune/airplanes-tiny", imageCrops: 4 },
		data: { train: { kind: "jsonl", path }, prompt: "What?" },
	});
	const seen = await preview(spec, { rows: 2, folder, ...python });
	const { rows, tensors, splits } = seen;
	for (const shown of [`${seen}`, inspect(seen), seen.toHtml()]) {
		assert.match(shown, "wide stripes");
		assert.match(shown, "pixel_values");
	}
	assert.equal(
		rows.map(({ split, place }) => [split, place]),
		[
			["train", `${path}:1`],
			["train", `${path}:2`],
		],
	);
	const [first, second] = rows;
	assert.equal(
		first?.spans.map(({ kind, trained }) => [kind, trained]),
		[
			["prompt", false],
			["image", false],
			["prompt", false],
			["answer", true],
			["end", true],
			["pad", false],
		],
	);
	assert.equal(
		first?.spans.filter(({ trained }) => trained).map(({ text }) => text),
		["wide stripes", "<|end|>"],
	);
	for (const row of rows) {
		const real = row.spans.filter(({ kind }) => kind !== "pad");
		const sum = (numbers: readonly number[]) =>
			numbers.reduce((total, one) => total + one, 0);
		assert.is(sum(real.map(({ tokens }) => tokens)), row.tokens);
		assert.is(
			sum(real.filter((one) => one.trained).map(({ tokens }) => tokens)),
			row.trainedTokens,
		);
		assert.equal(
			real.filter(({ kind }) => kind === "image").map(({ tokens }) => tokens),
			row.pictures.map(({ visualTokens }) => visualTokens),
		);
	}
	assert.equal(
		second?.pictures.map(({ width, height, grid, crops }) => [
			width,
			height,
			grid,
			crops.length,
		]),
		[
			[40, 90, { rows: 2, columns: 1 }, 3],
			[90, 40, { rows: 1, columns: 2 }, 3],
		],
	);
	for (const crop of second?.pictures.flatMap(({ crops }) => crops) ?? [])
		assert.ok(existsSync(crop), crop);
	const width = Math.max(...rows.map(({ tokens }) => tokens));
	assert.equal(
		tensors.map(({ name, shape }) => [name, shape]),
		[
			["input_ids", [2, width]],
			["labels", [2, width]],
			["row_lengths", [2]],
			["pixel_values", [3, 3, 3, 336, 336]],
			["image_sizes", [3, 2]],
		],
	);
	assert.is(splits[0]?.rows, 3);
});

pythonTest("its facts are those that a run reports", async () => {
	const spec = shortSpec();
	const { splits } = await preview(spec, { rows: 1, ...python });
	const run = finetune({ ...spec, training: { maxSteps: 1 } }, python);
	for await (const event of run.events("data"))
		assert.equal(event.splits, splits);
	await run;
	assert.is(splits.length, 3);
});

pythonTest("it refuses what a run refuses", async () => {
	const path = writeRows(
		{ image: "images/wide.bmp", answer: "good" },
		{ image: "images/gone.bmp", answer: "bad" },
	);
	const folder = join(temporaryFolder(), "seen");
	const error = await preview(
		shortSpec({ data: { train: { kind: "jsonl", path } } }),
		{ folder, ...python },
	).catch((error) => error);
	assert.instance(error, InputError);
	assert.is(error.code, "DATA_INVALID");
	assert.equal(
		error.issues.map(({ path, code }: { path: string; code: string }) => [
			path,
			code,
		]),
		[[`${path}:2`, "PICTURE_MISSING"]],
	);
	assert.equal(
		readdirSync(folder).filter((name) => name.endsWith(".png")),
		[],
	);
});

test("bad options and specs are told before anything is started", async () => {
	for (const rows of [0, -1, 1.5, Number.NaN]) {
		const error = await preview(shortSpec(), { rows }).catch((error) => error);
		assert.instance(error, SpecError);
		assert.is(error.issues[0]?.path, "rows");
	}
	const error = await preview({} as never).catch((error) => error);
	assert.ok(CaptuneError.isInstance(error));
	assert.is(error.code, "SPEC_INVALID");
});

pythonTest("aborting ends it", async () => {
	const signal = AbortSignal.timeout(300);
	const error = await preview(shortSpec(), { signal, ...python }).catch(
		(error) => error,
	);
	assert.is(error.code, "CANCELED");
});

test.run();
