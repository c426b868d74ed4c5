// How a spec is cut down to a smoke run, and what that leaves open.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	airplanesSpec,
	type ResolvedSpec,
	resolveSpec,
	type Spec,
} from "../../sdk/index.js";
import { compileJudge } from "../../sdk/schema/judge.js";
import { cutToData, cutToSteps } from "../../sdk/smoke/cut.js";
import { notCheckedOf, unreadRows } from "../../sdk/smoke/not-checked.js";
import { resolvedSpecSchema } from "../../sdk/spec/schema.js";

const judge = compileJudge(resolvedSpecSchema);

const cut = (spec: ResolvedSpec) => cutToSteps(cutToData(spec), "/run");

const recipe = (changes: Partial<Spec> = {}): ResolvedSpec =>
	resolveSpec({ ...airplanesSpec(), ...changes });

const open = (spec: ResolvedSpec) => notCheckedOf(spec).map(({ what }) => what);

test("every valid spec is still one when it is cut", () => {
	const file = new URL(
		"../../schemas/examples/resolved-spec.json",
		import.meta.url,
	);
	const { valid } = JSON.parse(readFileSync(file, "utf8"));
	assert.ok(valid.length >= 2);
	for (const spec of valid) {
		assert.equal(judge(structuredClone(cutToData(spec))), []);
		assert.equal(judge(structuredClone(cut(spec))), []);
	}
});

test("the recipe keeps all its settings but model, size and what needs others", () => {
	const whole = recipe({
		tracking: [{ kind: "wandb" }],
		output: { merged: true, hub: { repository: "me/planes" } },
	});
	const { model, data, training, evaluation, output, ...rest } = cut(whole);
	assert.equal(
		[training, evaluation, output].map((one, at) =>
			changesOf([whole.training, whole.evaluation, whole.output][at], one),
		),
		[
			{ maxSteps: 2, epochs: 2 },
			{ maxNewTokens: 16, everySteps: 1, maxExamples: 4 },
			{ folder: "/run", merged: false, hub: null },
		],
	);
	assert.equal(changesOf(whole.model, model), {
		nameOrPath: "captune/airplanes-tiny",
	});
	assert.equal(
		[data.train, data.validation, data.test].map((source) =>
			"limit" in source ? source.limit : source.kind,
		),
		[15, "split", 4],
		"12 are left when a fifth is split off",
	);
	assert.equal(data.columns, whole.data.columns);
	assert.equal(rest.method, whole.method);
	assert.equal(rest.checkpoints, whole.checkpoints);
	assert.equal(rest.tracking, []);
	assert.is(rest.compute.device, "cpu");
});

function changesOf(one: unknown, other: object): Record<string, unknown> {
	const before = one as Readonly<Record<string, unknown>>;
	return Object.fromEntries(
		Object.entries(other).filter(
			([key, value]) => JSON.stringify(before[key]) !== JSON.stringify(value),
		),
	);
}

test("large steps are cut, small ones and smaller limits stay", () => {
	const step = (batchSize: number, gradientAccumulationSteps: number) => {
		const { training } = cut(
			recipe({ training: { batchSize, gradientAccumulationSteps } }),
		);
		return [training.batchSize, training.gradientAccumulationSteps];
	};
	assert.equal(step(1, 6), [1, 6]);
	assert.equal(step(64, 8), [1, 6]);
	assert.equal(step(64, 2), [3, 2]);
	assert.equal(step(2, 1), [2, 1]);
	const { data } = cut(
		resolveSpec({
			model: { nameOrPath: "x/y" },
			data: {
				train: { kind: "jsonl", path: "rows.jsonl", limit: 3 },
				test: { kind: "airplanes", split: "test" },
			},
		}),
	);
	assert.is("limit" in data.train && data.train.limit, 3);
	assert.is(data.test.kind === "airplanes" && data.test.count, 4);
});

test("what needs a GPU, or other layers, is replaced and told", () => {
	const whole = recipe({
		model: {
			nameOrPath: "x/y",
			revision: "main",
			attention: "flash",
			imageCrops: 64,
		},
		method: {
			kind: "qlora",
			targetModules: ["layers.31.self_attn.qkv_proj"],
			modulesToSave: ["layers.0.mlp", "lm_head"],
		},
		training: {
			optimizer: "adamw_8bit",
			schedule: "warmup_stable_decay",
			scheduleArguments: { num_decay_steps: 500, num_cycles: 0.5 },
			warmupSteps: 100,
		},
		compute: { kind: "local", device: "cuda" },
	});
	const { model, method, training, compute } = cut(whole);
	assert.equal(
		[model.revision, model.attention, model.imageCrops],
		[null, "auto", 16],
	);
	assert.is(method.kind, "lora");
	assert.not.ok("quantType" in method);
	assert.equal(method.kind === "lora" && method.targetModules, "language");
	assert.equal(method.kind === "lora" && method.modulesToSave, ["lm_head"]);
	assert.is(training.optimizer, "adamw");
	assert.equal(training.scheduleArguments, {
		num_decay_steps: 1,
		num_cycles: 0.5,
	});
	assert.is(training.warmupSteps, 1);
	assert.is(compute.device, "cpu");
	for (const what of [
		'model.nameOrPath "x/y"',
		"memory",
		"lengths of rows",
		'compute.device "cuda"',
		'model.attention "flash"',
		'method.kind "qlora"',
		'training.optimizer "adamw_8bit"',
		"method.targetModules and modulesToSave",
		"model.imageCrops 64",
	])
		assert.ok(open(whole).includes(what), what);
});

test("what is outside is told; nothing of it for the embedded model alone", () => {
	const outside = recipe({
		tracking: [{ kind: "mlflow" }],
		output: { hub: { repository: "me/planes" } },
	});
	assert.ok(open(outside).includes('tracking[0] "mlflow"'));
	assert.ok(open(outside).includes('output.hub.repository "me/planes"'));
	const embedded = resolveSpec({
		model: { nameOrPath: "captune/airplanes-tiny" },
		data: { train: { kind: "airplanes", split: "train" } },
	});
	assert.equal(open(embedded), ["quality and speed"]);
	assert.equal(
		unreadRows({ train: 1_000, test: 16 }).map(({ what }) => what),
		["data.train"],
	);
});

test.run();
