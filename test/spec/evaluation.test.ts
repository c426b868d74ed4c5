import { test } from "uvu";
import * as assert from "uvu/assert";
import { type CaptuneError, hashSpec, resolveSpec } from "../../sdk/index.js";
import { resolveEvaluation } from "../../sdk/spec/evaluation.js";

/** What a run on a GPU was told, whose rows bring their own prompts. */
const run = resolveSpec({
	model: { nameOrPath: "captune/airplanes-tiny", imageCrops: 2 },
	data: {
		train: { kind: "jsonl", path: "train.jsonl" },
		validation: { kind: "split", fraction: 0.2 },
		test: { kind: "jsonl", path: "test.jsonl", limit: 5 },
		columns: { prompt: "question" },
	},
	training: { optimizer: "adamw_8bit", batchSize: 2 },
	evaluation: { kind: "generate", maxNewTokens: 20, stemming: true },
	output: { folder: "runs/one" },
	tracking: [{ kind: "tensorboard" }],
});

const known = { ...run };

test("an evaluation of a run is that of its spec, but for its folder and trackers", () => {
	const spec = resolveEvaluation({}, known, {});
	assert.equal(spec, {
		...run,
		output: { ...run.output, folder: null },
		tracking: [],
	});
	assert.is(hashSpec(spec), hashSpec(run));
});

test("what is written replaces what is known, field by field", () => {
	const spec = resolveEvaluation(
		{
			model: { dtype: "float32" },
			evaluation: { batchSize: 3, metrics: ["exactMatch", "loss"] },
			// What trained on a GPU may be evaluated without one.
			compute: { device: "cpu" },
		},
		known,
		{},
	);
	assert.equal(spec.model, { ...run.model, dtype: "float32" });
	assert.equal(spec.evaluation, {
		...run.evaluation,
		batchSize: 3,
		metrics: ["exactMatch", "loss"],
		best: { metric: "exactMatch", direction: "max" },
	});
	assert.equal(spec.data, run.data);
	assert.equal(spec.training, run.training);
});

test("a split that is written is the only one, and a source is another one", () => {
	const test = { kind: "jsonl", path: "/new.jsonl" } as const;
	const { data } = resolveEvaluation({ data: { test } }, known, {});
	assert.equal(
		[data.train, data.validation],
		[{ kind: "none" }, { kind: "none" }],
	);
	assert.equal(data.test, {
		...test,
		filters: [],
		shuffleSeed: null,
		limit: null,
	});
	assert.equal(data.columns, run.data.columns);
	const other = resolveEvaluation({ data: { maxTokens: 99 } }, known, {});
	assert.equal(other.data, { ...run.data, maxTokens: 99 });
});

test("an evaluation of another kind has nothing of the first", () => {
	const { evaluation } = resolveEvaluation(
		{ evaluation: { kind: "teacherForced" } },
		known,
		{},
	);
	assert.equal(evaluation.metrics, ["loss", "tokenAccuracy"]);
	assert.not("maxNewTokens" in evaluation);
});

test("only what was written can contradict itself", () => {
	assert.throws(
		() => resolveEvaluation({ data: { prompt: "What?" } }, known, {}),
		(error: CaptuneError) =>
			error.issues.length === 1 &&
			error.issues[0]?.reason ===
				'contradicts data.columns.prompt ("question")',
	);
});

test.run();
