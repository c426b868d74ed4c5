// Evaluations by themselves, against the scores that a run got for the same weights and rows.
import {
	cpSync,
	existsSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	type CaptuneError,
	type EvaluationRun,
	evaluate,
	type FinetuneResult,
	finetune,
	type Prediction,
	report,
	resume,
	type Spec,
} from "../../sdk/index.js";
import { readJsonLines } from "../../sdk/run/folder.js";
import { shortSpec } from "../support/airplanes.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

const options = testPython === undefined ? {} : { python: testPython };

const spec: Spec = shortSpec({
	// Adapters of the projector change what a picture is to the decoder.
	method: { kind: "lora", targetModules: "language+projector" },
	training: {
		maxSteps: 4,
		batchSize: 3,
		gradientAccumulationSteps: 1,
		learningRate: 2e-2,
	},
	evaluation: {
		kind: "generate",
		everySteps: 4,
		maxNewTokens: 12,
		batchSize: 3,
		shuffledImages: true,
	},
});

let run: FinetuneResult;

const newFolder = () => join(temporaryFolder(), "evaluation");

test.before(async () => {
	if (testPython === undefined) return;
	run = await finetune(spec, options);
	assert.is(run.status, "completed");
});

pythonTest(
	"the weights of a run score what they scored in the run",
	async () => {
		const evaluation = evaluate(run.folder, {
			...options,
			folder: newFolder(),
		});
		const result = await evaluation;
		assert.not.equal(run.test?.tuned?.values, run.test?.base?.values);
		for (const split of ["validation", "test"] as const) {
			const { tuned, shuffled } = run[split] ?? {};
			assert.ok(tuned && shuffled);
			// What needs the base model or training answers is not there.
			const others = { base: null, constant: null, difference: null };
			assert.equal(result[split], { tuned, shuffled, ...others });
		}
		assert.is(result.specHash, run.specHash);
		assert.is(result.weights, run.adapter);

		const events = checkedLog(evaluation.folder, "events.jsonl");
		const kinds = new Set(events.map(({ type }) => type));
		for (const type of ["step", "checkpoint"] as const)
			assert.not(kinds.has(type), type);
		const data = events.find((event) => event.type === "data");
		assert.equal(
			data?.splits.map(({ split }) => split),
			["validation", "test"],
		);
		assert.equal(readdirSync(evaluation.folder).sort(), [
			"environment.json",
			"evaluation.json",
			"events.jsonl",
			"predictions",
			"result.json",
			"spec.json",
			"worker.jsonl",
		]);
		for (const name of readdirSync(join(evaluation.folder, "predictions")))
			assert.equal(
				readJsonLines(join(evaluation.folder, "predictions", name)),
				readJsonLines(join(run.folder, "predictions", name)),
				name,
			);
		const noReport = await report(evaluation.folder).catch((error) => error);
		assert.is(noReport.code, "RUN_UNKNOWN");
		for (const again of [resume, evaluate])
			assert.throws(
				() => again(evaluation.folder),
				(error: CaptuneError) =>
					error.code === "RUN_UNKNOWN" &&
					/evaluation, not a run/.test(error.message),
			);
	},
);

pythonTest("a spec without training rows scores the base model", async () => {
	const { train: _, ...data } = spec.data;
	const result = await evaluate(
		{ ...spec, data },
		{ ...options, folder: newFolder() },
	);
	assert.equal(result.test?.base, run.test?.base);
	assert.is(result.test?.tuned, null);
	assert.is(result.test?.shuffled?.step, 0);
	assert.is(result.weights, null);
});

pythonTest(
	"an adapter answers rows of the program, by a metric of theirs",
	async () => {
		const known = readJsonLines<Prediction>(
			join(run.folder, "predictions", `test-${stepOf(run)}-tuned-own.jsonl`),
		);
		const rows = known.map(({ images, prompt, references }) => ({
			image: readFileSync(images[0] as string),
			prompt,
			answer: references,
		}));
		const evaluation = evaluate(run.adapter, {
			...options,
			folder: newFolder(),
			data: { test: rows },
			metrics: { brevity: (prediction) => 1 / (1 + prediction.length) },
			spec: {
				model: { imageCrops: 1 },
				evaluation: {
					metrics: ["brevity", "rouge1", "loss"],
					maxNewTokens: 12,
					batchSize: 1,
				},
			},
		});
		assert.equal(evaluation.spec.model.nameOrPath, "captune/airplanes-tiny");
		assert.is(
			evaluation.spec.method.kind === "lora" && evaluation.spec.method.rank,
			16,
		);
		const { test: scored, validation } = await evaluation;
		assert.is(validation, null);
		const { rouge1, loss } = run.test?.tuned?.values ?? {};
		assert.is(scored?.tuned?.values["rouge1"], rouge1);
		assert.ok(
			Math.abs((scored?.tuned?.values["loss"] ?? 0) - (loss ?? 0)) < 1e-4,
		);
		const lengths = known.map(({ prediction }) => 1 / (1 + prediction.length));
		const mean = lengths.reduce((sum, one) => sum + one, 0) / lengths.length;
		assert.ok(Math.abs((scored?.tuned?.values["brevity"] ?? 0) - mean) < 1e-12);
	},
);

pythonTest(
	"an adapter that does not fit is refused, and nothing stays",
	async () => {
		const adapter = join(temporaryFolder(), "adapter");
		cpSync(run.adapter, adapter, { recursive: true });
		const file = join(adapter, "adapter_config.json");
		const config = JSON.parse(readFileSync(file, "utf8"));
		writeFileSync(file, JSON.stringify({ ...config, r: 8 }));
		const folder = newFolder();
		const error = await rejectionOf(
			evaluate(adapter, {
				...options,
				folder,
				spec: {
					data: { test: { kind: "airplanes", split: "test", count: 1 } },
				},
			}),
		);
		assert.is(error.code, "MODEL_INVALID");
		assert.is(error.issues[0]?.path, "weights");
		assert.match(
			error.issues[0]?.reason ?? "",
			/of the shape \[16, .*; the model needs \[8, /,
		);
		assert.not(existsSync(folder));
	},
);

test("what cannot be evaluated is told at once", () => {
	const empty = temporaryFolder();
	const foreign = temporaryFolder();
	writeFileSync(join(foreign, "adapter_config.json"), '{"peft_type": "IA3"}');
	const nameless = temporaryFolder();
	writeFileSync(join(nameless, "adapter_config.json"), '{"peft_type": "LORA"}');
	const model = { nameOrPath: "captune/airplanes-tiny" };
	const cases: readonly (readonly [() => unknown, string, RegExp])[] = [
		[() => evaluate(join(empty, "gone")), "RUN_UNKNOWN", /does not exist/],
		[() => evaluate(empty), "RUN_UNKNOWN", /neither a run nor weights/],
		[() => evaluate(foreign), "MODEL_INVALID", /"IA3", not "LORA"/],
		[
			() => evaluate(nameless, { data: { test: [] } }),
			"SPEC_INVALID",
			/`model.nameOrPath` is missing/,
		],
		[() => evaluate({ model }), "SPEC_INVALID", /nothing to evaluate/],
		[
			() =>
				evaluate({ model, data: { test: { kind: "split", fraction: 0.5 } } }),
			"SPEC_INVALID",
			/takes rows out of data.train/,
		],
		[
			() =>
				evaluate({
					model,
					data: { test: { kind: "airplanes", split: "test" } },
					evaluation: { kind: "generate", metrics: ["brevity"] },
				}),
			"SPEC_INVALID",
			/`evaluation.metrics\[0\]` is no metric/,
		],
	];
	for (const [call, code, message] of cases)
		assert.throws(
			call,
			(error: CaptuneError) =>
				error.code === code && message.test(error.message),
		);
});

const stepOf = ({ test }: FinetuneResult) =>
	String(test?.tuned?.step).padStart(6, "0");

async function rejectionOf(evaluation: EvaluationRun): Promise<CaptuneError> {
	return evaluation.then(
		() => assert.unreachable("It resolved."),
		(error) => error,
	);
}

test.run();
