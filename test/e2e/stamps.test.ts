// Real pictures with human captions, when they lie beside the repository.
import {
	copyFileSync,
	existsSync,
	mkdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { finetune, materialize, type Spec } from "../../sdk/index.js";
import { temporaryFolder } from "../support/folders.js";
import { testPython } from "../support/python.js";

const stamps = fileURLToPath(
	new URL("../../../shared/data/stamps", import.meta.url),
);
const isThere = existsSync(join(stamps, "train.jsonl"));
const stampsTest = testPython && isThere ? test : test.skip;
if (!testPython)
	console.log("skipped: CAPTUNE_TEST_PYTHON is not set (npm test sets it)");
if (!isThere)
	console.log("skipped: the pictures are not at ../shared/data/stamps");

const rows = (split: string, limit: number | null = null) =>
	({ kind: "jsonl", path: join(stamps, `${split}.jsonl`), limit }) as const;

const runOf = (spec: Pick<Spec, "data" | "training" | "evaluation">) =>
	finetune(
		{
			// One tile shows all that pictures of 224 pixels have to show.
			model: { nameOrPath: "captune/airplanes-tiny", imageCrops: 1 },
			method: { kind: "full" },
			checkpoints: { keep: 1 },
			output: { folder: join(temporaryFolder(), "run"), report: false },
			...spec,
			data: {
				...spec.data,
				columns: { answer: "caption" },
				prompt: "What is on this stamp?",
			},
		},
		testPython === undefined ? {} : { python: testPython },
	);

stampsTest(
	"full fine-tuning learns 32 pictures by heart, and by their looks",
	async () => {
		const { validation } = await runOf({
			data: { train: rows("train", 32), validation: rows("train", 32) },
			training: {
				epochs: 18,
				batchSize: 4,
				gradientAccumulationSteps: 1,
				learningRate: 1e-3,
				schedule: "cosine",
			},
			evaluation: {
				kind: "generate",
				everySteps: 144,
				maxNewTokens: 128,
				shuffledImages: true,
			},
		});
		const own = validation?.tuned?.values["rouge1"] ?? Number.NaN;
		const shuffled = validation?.shuffled?.values["rouge1"] ?? Number.NaN;
		console.log(
			`note: 32 stamps: ROUGE-1 ${own.toFixed(3)}, shuffled ${shuffled.toFixed(3)}`,
		);
		assert.ok(own >= 0.95, `${own}`);
		assert.ok(shuffled < 0.3, `${shuffled}`);
	},
);

stampsTest("the whole set teaches to look at pictures never seen", async () => {
	const epochs = 3;
	const run = runOf({
		data: { train: rows("train"), validation: rows("validation") },
		training: {
			epochs,
			batchSize: 8,
			gradientAccumulationSteps: 1,
			learningRate: 1e-3,
			schedule: "cosine",
		},
		evaluation: {
			kind: "generate",
			everySteps: 150,
			maxNewTokens: 48,
			metrics: ["rouge1", "loss"],
			best: { metric: "loss" },
			shuffledImages: true,
		},
	});
	const losses: number[] = [];
	run.on("step", ({ loss }) => losses.push(loss ?? Number.NaN));
	const { validation } = await run;
	const perEpoch = losses.length / epochs;
	const mean = (from: number) =>
		losses.slice(from, from + perEpoch).reduce((sum, one) => sum + one, 0) /
		perEpoch;
	const [first, last] = [mean(0), mean(losses.length - perEpoch)];
	const own = validation?.tuned?.values["loss"] ?? Number.NaN;
	const shuffled = validation?.shuffled?.values["loss"] ?? Number.NaN;
	const rouge1 = validation?.tuned?.values["rouge1"] ?? Number.NaN;
	console.log(
		`note: 400 stamps: training loss ${first.toFixed(3)} to ${last.toFixed(3)}, validation loss ${own.toFixed(3)}, shuffled ${shuffled.toFixed(3)}`,
	);
	console.log(
		`note: 400 stamps: validation ROUGE-1 ${rouge1.toFixed(3)}, best constant caption ${validation?.constant?.rouge1.toFixed(3)}`,
	);
	assert.is(losses.length, 50 * epochs);
	assert.ok(last <= 0.6 * first, `${first} to ${last}`);
	assert.ok(own < shuffled, `${own} and ${shuffled}`);
	assert.ok(Math.abs((validation?.constant?.rouge1 ?? 0) - 0.281) < 0.0005);
});

stampsTest("whatever holds the stamps, the loss is the same", async () => {
	const folder = temporaryFolder();
	const file = readFileSync(join(stamps, "train.jsonl"), "utf8");
	const lines = file.trim().split("\n");
	const stampRows: { image: string; caption: string }[] = lines.map((line) =>
		JSON.parse(line),
	);
	mkdirSync(join(folder, "images"));
	for (const { image } of stampRows)
		copyFileSync(join(stamps, image), join(folder, image));
	writeFileSync(join(folder, "rows.jsonl"), file);
	const writer = new URL("../fixtures/write_tables.py", import.meta.url);
	await execa(testPython as string, [fileURLToPath(writer), folder]);
	async function* generated() {
		for (const { image, caption } of stampRows)
			yield { image: join(folder, image), answer: caption };
	}
	const sources = [
		{ kind: "jsonl", path: join(stamps, "train.jsonl") },
		{ kind: "imagefolder", path: folder },
		{ kind: "parquet", path: join(folder, "rows.parquet") },
		await materialize(generated(), temporaryFolder()),
	] as const;
	const curves = [];
	for (const train of sources) {
		const run = runOf({
			data: { train: { ...train, limit: 24 } },
			training: {
				epochs: 1,
				batchSize: 8,
				gradientAccumulationSteps: 1,
				learningRate: 1e-3,
			},
			evaluation: { kind: "teacherForced", everySteps: 100 },
		});
		const losses: (number | null)[] = [];
		run.on("step", ({ loss }) => losses.push(loss));
		await run;
		curves.push(losses);
	}
	assert.is(curves[0]?.length, 3);
	for (const curve of curves) assert.equal(curve, curves[0]);
});

test.run();
