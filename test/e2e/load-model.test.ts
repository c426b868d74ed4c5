// A loaded model against evaluations of the same weights, and everything that may happen to it.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	type AnswerPiece,
	type CaptuneError,
	type FinetuneResult,
	finetune,
	type LoadedModel,
	loadModel,
	type Prediction,
	type Spec,
} from "../../sdk/index.js";
import { readJsonLines } from "../../sdk/run/folder.js";
import { shortSpec } from "../support/airplanes.js";
import { striped } from "../support/pictures.js";
import { pythonTest, testPython } from "../support/python.js";

const options = testPython === undefined ? {} : { python: testPython };

const spec: Spec = shortSpec({
	model: {
		nameOrPath: "captune/airplanes-tiny",
		imageCrops: 1,
		dtype: "float32",
	},
	training: {
		maxSteps: 3,
		batchSize: 4,
		gradientAccumulationSteps: 1,
		learningRate: 2e-2,
	},
	evaluation: {
		kind: "generate",
		everySteps: 3,
		maxNewTokens: 20,
		batchSize: 3,
	},
});

let run: FinetuneResult;
let model: LoadedModel;

test.before(async () => {
	if (testPython === undefined) return;
	run = await finetune(spec, options);
	assert.is(run.status, "completed");
	model = await loadModel(
		{
			model: spec.model,
			adapter: run.adapter,
			adapters: { again: join(run.folder, "checkpoints", "step-000003") },
			device: "cpu",
		},
		options,
	);
});

test.after(() => model?.close());

/** What an evaluation asked, and what it was told. */
function evaluated(which: "base" | "tuned"): readonly Prediction[] {
	const step = which === "base" ? 0 : run.test?.tuned?.step;
	const name = `test-${String(step).padStart(6, "0")}-${which}-own.jsonl`;
	return readJsonLines(join(run.folder, "predictions", name));
}

const questions = (rows: readonly Prediction[]) =>
	rows.map(({ images, prompt }) => ({ image: images[0] as string, prompt }));

const told = (rows: readonly Prediction[]) =>
	rows.map(({ prediction, tokens, stopped }, index) => ({
		index,
		text: prediction,
		tokens,
		stopped,
	}));

pythonTest(
	"base and tuned answer from one model what evaluations got",
	async () => {
		const [base, tuned] = [evaluated("base"), evaluated("tuned")];
		assert.not.equal(told(base), told(tuned));
		const limits = { maxNewTokens: 20, batchSize: 3 };
		const inputs = questions(tuned);
		const calls = [
			model.generate(inputs, limits),
			model.generate(inputs, { ...limits, adapter: null }),
			model.generate(inputs, { ...limits, adapter: "again", batchSize: 1 }),
			model.generate(inputs, { ...limits, adapter: "default" }),
		];
		const expected = [told(tuned), told(base), told(tuned), told(tuned)];
		assert.equal(await Promise.all(calls), expected);

		const bytes = tuned.map(({ images, prompt }) => ({
			images: [readFileSync(images[0] as string)],
			prompt,
		}));
		const conversations = tuned.map(({ images, prompt }) => ({
			messages: [
				{
					role: "user" as const,
					content: [
						{ type: "image" as const, image: images[0] as string },
						{ type: "text" as const, text: prompt },
					],
				},
			],
		}));
		assert.equal(await model.generate(bytes, limits), told(tuned));
		assert.equal(await model.generate(conversations, limits), told(tuned));
	},
);

pythonTest("pieces come before the end and are the answers", async () => {
	const inputs = questions(evaluated("base"));
	const call = model.generate(inputs, { adapter: null, maxNewTokens: 20 });
	let isOver = false;
	void call.then(() => {
		isOver = true;
	});
	const pieces: AnswerPiece[] = [];
	let early = 0;
	for await (const piece of call) {
		if (!isOver) early += 1;
		pieces.push(piece);
	}
	assert.ok(early > 1);
	const answers = await call;
	for (const { index, text } of answers) {
		const mine = pieces.filter((piece) => piece.index === index);
		assert.is(mine.map((piece) => piece.text).join(""), text);
		assert.equal(
			mine.map(({ answer }) => answer),
			mine.map((_, at) => (at === mine.length - 1 ? answers[index] : null)),
		);
	}
	const later: AnswerPiece[] = [];
	for await (const piece of call) later.push(piece);
	assert.equal(later, pieces);
});

pythonTest("a seed gives the same answers in any batches", async () => {
	const inputs = questions(evaluated("base"));
	const draw = { adapter: null, temperature: 1.2, topP: 0.95, topK: 40 };
	const answers = await model.generate(inputs, { ...draw, seed: 5 });
	const again = await model.generate(inputs, {
		...draw,
		seed: 5,
		batchSize: 1,
	});
	assert.equal(again, answers);
	const other = await model.generate(inputs, { ...draw, seed: 6 });
	const unseeded = await model.generate(inputs, draw);
	assert.not.equal(other, answers);
	assert.not.equal(unseeded, answers);
});

pythonTest(
	"a call that is aborted or cannot be answered spoils no other",
	async () => {
		const [row] = questions(evaluated("tuned"));
		assert.ok(row !== undefined);
		const controller = new AbortController();
		const long = model.generate([row], {
			maxNewTokens: 100_000,
			temperature: 5,
			signal: controller.signal,
		});
		const waiting = model.generate([row], { signal: controller.signal });
		const bad = model.generate([row, { image: cutShort, prompt: "What?" }]);
		const good = model.generate([row], { maxNewTokens: 20 });
		for await (const _ of long) {
			controller.abort(new Error("enough"));
			break;
		}
		for (const call of [long, waiting]) {
			const error = await rejectionOf(call);
			assert.is(error.code, "CANCELED");
			assert.match(error.message, "The call was canceled: enough");
		}
		const error = await rejectionOf(bad);
		assert.is(error.code, "DATA_INVALID");
		assert.is(error.issues[0]?.path, "inputs[1]");
		assert.is(error.issues[0]?.code, "PICTURE_DAMAGED");
		assert.equal(await good, told(evaluated("tuned")).slice(0, 1));
	},
);

/** A picture whose file ends too soon. */
const cutShort = striped(40, 30, 1).subarray(0, 400);

pythonTest("what cannot be asked is told at once, all of it", () => {
	const ask = () =>
		model.generate(
			[
				{ prompt: " " },
				// @ts-expect-error - misspelt
				{ prompt: "What?", imgae: "a.png" },
				{ messages: [{ role: "assistant", content: "I am done." }] },
			],
			{ adapter: "agian", maxNewTokens: 0, topK: 3 },
		);
	assert.throws(ask, (error: CaptuneError) => {
		assert.is(error.code, "SPEC_INVALID");
		assert.equal(
			error.issues.map(({ path }) => path),
			[
				"inputs[0].prompt",
				"inputs[1].imgae",
				"inputs[2].messages",
				"adapter",
				"maxNewTokens",
				"topK",
			],
		);
		return /Did you mean "again"/.test(error.message);
	});
});

pythonTest("closing ends the process, its folder and its calls", async () => {
	const { pid, folder, closing } = await own();
	const call = closing.generate([{ prompt: "What?" }], endless);
	for await (const _ of call) break;
	await closing[Symbol.asyncDispose]();
	assert.is((await rejectionOf(call)).code, "CANCELED");
	assert.is(
		(await rejectionOf(closing.generate([{ prompt: "What?" }]))).code,
		"MODEL_CLOSED",
	);
	assert.not(existsSync(folder));
	assert.not(isAlive(pid));
});

pythonTest("a killed process is told to every call", async () => {
	const { pid, folder, closing } = await own();
	const calls = [endless, {}].map((one) =>
		closing.generate([{ prompt: "What?" }], one),
	);
	for await (const _ of calls[0] ?? []) break;
	process.kill(pid, "SIGKILL");
	for (const call of [...calls, closing.generate([{ prompt: "What?" }])]) {
		const error = await rejectionOf(call);
		assert.is(error.code, "WORKER_CRASHED");
		assert.match(error.message, "was ended by SIGKILL");
	}
	await closing.close();
	assert.not(existsSync(folder));
});

pythonTest("the parent's death ends the process and its folder", async () => {
	const before = folders();
	const script = `
		import { loadModel } from ${JSON.stringify(sdk)};
		const model = await loadModel({ model: "captune/airplanes-tiny" }, { python: process.argv[1] });
		const call = model.generate([{ prompt: "What?" }], ${JSON.stringify(endless)});
		for await (const _ of call) break;
		process.kill(process.pid, "SIGKILL");`;
	await execa(
		process.execPath,
		[
			"--import",
			"tsx",
			"--input-type=module",
			"-e",
			script,
			testPython as string,
		],
		{ reject: false },
	);
	for (let waited = 0; folders().length > before.length; waited += 50) {
		assert.ok(waited < 60_000, "its folder is still there");
		await delay(50);
	}
});

pythonTest("what cannot be loaded is told, and nothing stays", async () => {
	const before = folders();
	const cases = [
		[{ model: "./no/such/model" }, "MODEL_INVALID", "model.nameOrPath"],
		[
			{ model: spec.model, adapter: "gone" },
			"MODEL_INVALID",
			"adapters.default",
		],
		[{ adapters: {} }, "SPEC_INVALID", "model"],
		[
			{ model: spec.model, adapters: { "a.b": run.adapter } },
			"SPEC_INVALID",
			"adapters.a.b",
		],
	] as const;
	for (const [wanted, code, path] of cases) {
		const error = await rejectionOf(loadModel(wanted, options));
		assert.is(error.code, code);
		assert.is(error.issues[0]?.path, path);
	}
	const signal = AbortSignal.timeout(300);
	const error = await rejectionOf(
		loadModel({ model: spec.model }, { ...options, signal }),
	);
	assert.is(error.code, "CANCELED");
	assert.equal(folders(), before);
});

const endless = { maxNewTokens: 100_000, temperature: 5 };

const sdk = new URL("../../sdk/index.ts", import.meta.url).href;

/** Folders of loaded models, whoever loaded them. */
const folders = () =>
	readdirSync(tmpdir()).filter((name) => name.startsWith("captune-model-"));

/** A model with its process and folder. */
async function own() {
	const before = folders();
	const closing = await loadModel({ adapter: run.adapter }, options);
	const name = folders().find((one) => !before.includes(one)) as string;
	return { closing, folder: join(tmpdir(), name), pid: closing.facts.pid };
}

function isAlive(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}

async function rejectionOf(call: Promise<unknown>): Promise<CaptuneError> {
	return call.then(
		() => assert.unreachable("It resolved."),
		(error) => error,
	);
}

test.run();
