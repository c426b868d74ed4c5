import { test } from "uvu";
import * as assert from "uvu/assert";
import { SpecError } from "../../sdk/errors.js";
import { airplanesSpec, boeings } from "../../sdk/recipes/airplanes.js";
import { extrasOf } from "../../sdk/spec/extras.js";
import { hashSpec } from "../../sdk/spec/hash.js";
import { resolveSpec } from "../../sdk/spec/resolve.js";
import type { Spec } from "../../sdk/spec/spec.generated.js";

const minimal: Spec = {
	model: { nameOrPath: "captune/airplanes-tiny" },
	data: { train: { kind: "airplanes", split: "train" } },
};

function problemsOf(spec: unknown, metrics: readonly string[] = []) {
	try {
		resolveSpec(spec as Spec, { metrics });
	} catch (error) {
		assert.instance(error, SpecError);
		return error as SpecError;
	}
	throw new Error("The spec was accepted.");
}

test("a minimal spec gets every default", () => {
	const spec = resolveSpec(minimal);
	assert.equal(spec.method, {
		kind: "lora",
		rank: 16,
		alpha: 32,
		dropout: 0.1,
		targetModules: "language",
		dora: false,
		rslora: false,
		bias: "none",
		modulesToSave: [],
	});
	assert.equal(spec.data.validation, { kind: "none" });
	assert.is(spec.training.learningRate, 1e-4);
	assert.equal(spec.evaluation.best, { metric: "rouge1", direction: "max" });
});

test("the user's object stays as it was, the result is frozen", () => {
	const mine = structuredClone(minimal);
	const spec = resolveSpec(mine);
	assert.equal(mine, minimal);
	assert.throws(() => {
		(spec.training as { epochs: number }).epochs = 9;
	}, TypeError);
});

test("everything wrong is listed at once", () => {
	const error = problemsOf({
		modle: 1,
		model: { nameOrPath: "x", attention: "flash" },
		compute: { kind: "local", device: "cpu" },
		data: { train: { kind: "jsonl", path: "a.jsonl" } },
		method: { kind: "lora", rank: -3, rnak: 3 },
		training: { epochs: "four", schedule: "constnat" },
		evaluation: { kind: "generate", metrics: ["rouge1", "rogueL"] },
	});
	assert.is(error.code, "SPEC_INVALID");
	assert.equal(
		error.issues.map(({ path }) => path),
		[
			"modle",
			"method.rnak",
			"method.rank",
			"training.epochs",
			"training.schedule",
			"evaluation.metrics[1]",
			"evaluation.metrics",
			"model.attention",
		],
	);
	const [modle, rnak, rank, epochs, schedule, metric] = error.issues;
	assert.is(modle?.remedy, 'Did you mean "model"?');
	assert.is(rnak?.remedy, 'Did you mean "rank"?');
	assert.equal(rank, {
		path: "method.rank",
		value: -3,
		reason: "must be >= 1",
	});
	assert.is(epochs?.reason, "must be a number");
	assert.is(schedule?.remedy, 'Did you mean "constant"?');
	assert.match(metric?.remedy ?? "", 'Did you mean "rougeL"?');
	for (const { path } of error.issues) assert.match(error.message, path);
});

test("rules between fields", () => {
	const cases: [Partial<Spec> | object, string][] = [
		[
			{
				data: {
					train: { kind: "jsonl", path: "a" },
					prompt: "One for all",
					columns: { prompt: "prompt" },
				},
			},
			"data.prompt",
		],
		[
			{
				data: {
					train: { kind: "airplanes", split: "train" },
					validation: { kind: "airplanes", split: "validation" },
				},
				evaluation: {
					kind: "generate",
					metrics: ["rouge1", "loss"],
					best: { metric: "rougeL" },
				},
			},
			"evaluation.best.metric",
		],
		[
			{
				data: {
					train: { kind: "airplanes", split: "train" },
					validation: { kind: "airplanes", split: "validation" },
				},
				evaluation: {
					kind: "generate",
					metrics: ["loss"],
					best: { metric: "loss", direction: "max" },
				},
			},
			"evaluation.best.direction",
		],
	];
	for (const [part, path] of [
		...cases,
		[
			{ method: { kind: "lora", targetModules: "langauge" } },
			"method.targetModules",
		],
		[
			{ method: { kind: "lora", targetModules: "qkv_proj" } },
			"method.targetModules",
		],
	] as const)
		assert.equal(
			problemsOf({ ...minimal, ...part }).issues.map((issue) => issue.path),
			[path],
		);
});

test("targets of adapters: a preset, a pattern, a list", () => {
	for (const targetModules of ["article", ".*\\.(qkv|o)_proj", ["o_proj"]]) {
		const { method } = resolveSpec({
			...minimal,
			method: { kind: "lora", targetModules },
		});
		assert.equal(method.kind === "lora" && method.targetModules, targetModules);
	}
});

test("a rule does not speak about fields that are wrong by themselves", () => {
	const error = problemsOf({
		...minimal,
		evaluation: { kind: "generate", metrics: "rouge1" },
	});
	assert.equal(
		error.issues.map(({ path, reason }) => [path, reason]),
		[["evaluation.metrics", "must be an array"]],
	);
});

test("the direction follows the metric, and is max for one of the user's own", () => {
	const directionOf = (metric: string) =>
		resolveSpec(
			{
				model: { nameOrPath: "x" },
				data: {
					train: { kind: "airplanes", split: "train" },
					validation: { kind: "airplanes", split: "validation" },
				},
				evaluation: { kind: "generate", metrics: [metric], best: { metric } },
			},
			{ metrics: ["mine"] },
		).evaluation.best.direction;
	assert.is(directionOf("rougeL"), "max");
	assert.is(directionOf("loss"), "min");
	assert.is(directionOf("mine"), "max");
});

test("undefined counts as left out; what JSON cannot carry is named", () => {
	const spec = resolveSpec({
		...minimal,
		seed: undefined,
	} as unknown as Spec);
	assert.is(spec.seed, 42);
	const cyclic: Record<string, unknown> = { ...minimal };
	cyclic["name"] = cyclic;
	const cases: [unknown, string, RegExp][] = [
		[{ ...minimal, seed: Number.NaN }, "seed", /NaN/],
		[{ ...minimal, name: new Date() }, "name", /Date/],
		[{ ...minimal, name: () => "x" }, "name", /function/],
		[{ ...minimal, seed: 5n }, "seed", /bigint/],
		[{ ...minimal, name: "plane \ud800" }, "name", /lone surrogate/],
		[cyclic, "name", /contains itself/],
		[undefined, "", /must be an object/],
		["spec", "", /must be an object/],
	];
	for (const [input, path, reason] of cases) {
		const { issues } = problemsOf(input);
		assert.is(issues[0]?.path, path);
		assert.match(issues[0]?.reason ?? "", reason);
	}
});

test("settings of the recipe that cannot work together are told", () => {
	const cases: [object, string, RegExp][] = [
		[{ compute: cpu, method: { kind: "qlora" } }, "method.kind", /CUDA/],
		[
			{ compute: cpu, training: { optimizer: "adamw_8bit" } },
			"training.optimizer",
			/CUDA/,
		],
		[
			{
				training: {
					schedule: "cosine",
					scheduleArguments: { num_cycels: 2 },
				},
			},
			"training.scheduleArguments.num_cycels",
			/no argument/,
		],
		[
			{ training: { schedule: "warmup_stable_decay" } },
			"training.scheduleArguments",
			/lacks/,
		],
		[
			{ training: { schedule: "greedy", warmupSteps: 3 } },
			"training.warmupSteps",
			/no warm-up/,
		],
		[
			{ training: { schedule: "reduce_lr_on_plateau" } },
			"training.schedule",
			/validation/,
		],
		[
			{ training: { warmupSteps: 3, warmupRatio: 0.2 } },
			"training.warmupRatio",
			/contradicts/,
		],
		[
			{
				training: { cacheImageFeatures: true },
				method: { kind: "full" },
			},
			"training.cacheImageFeatures",
			/trains what makes them/,
		],
		[
			{
				model: { nameOrPath: "x", dtype: "float16" },
				training: { autocast: false },
				method: { kind: "full" },
			},
			"training.autocast",
			/loss scaling/,
		],
	];
	for (const [change, path, reason] of cases) {
		const { issues } = problemsOf({ ...minimal, ...change });
		const found = issues.find((one) => one.path === path);
		assert.match(found?.reason ?? "", reason, path);
	}
});

const cpu = { kind: "local", device: "cpu" };

test("the recipe differs from a short spec in data, name and reading losses", () => {
	const recipe = resolveSpec(airplanesSpec());
	const short = resolveSpec({
		model: { nameOrPath: "microsoft/Phi-3-vision-128k-instruct" },
		data: { ...boeings, prompt: recipe.data.prompt },
	});
	assert.equal(
		{
			...recipe,
			name: null,
			training: { ...recipe.training, loggingSteps: 1 },
		},
		short,
	);
	const tracking = [{ kind: "wandb", project: "airplanes" }] as const;
	assert.equal(resolveSpec(airplanesSpec({ tracking })).tracking, [
		{ kind: "wandb", project: "airplanes", entity: null, mode: "online" },
	]);
});

test("$schema is allowed and ignored", () => {
	const spec = resolveSpec({ ...minimal, $schema: "spec.schema.json" });
	assert.not("$schema" in spec);
	assert.is(hashSpec(spec), hashSpec(resolveSpec(minimal)));
});

test("a push has a form of its own method, and a name that the hub takes", () => {
	const pushed = (repository: string, changes: Partial<Spec> = {}) =>
		resolveSpec({ ...minimal, output: { hub: { repository } }, ...changes });
	assert.equal(pushed("somebody/birds-2").output.hub, {
		repository: "somebody/birds-2",
		private: true,
		revision: null,
		form: "adapter",
	});
	const full = pushed("somebody/birds", { method: { kind: "full" } });
	assert.is(full.output.hub?.form, "merged");
	assert.is(hashSpec(pushed("somebody/birds")), hashSpec(resolveSpec(minimal)));
	for (const name of [
		"birds",
		"a/b/c",
		"a/",
		"a/-b",
		"a/b c",
		"a/b--c",
		"a/b.git",
		"a/b\n",
		"",
	])
		assert.is(
			problemsOf({ ...minimal, output: { hub: { repository: name } } })
				.issues[0]?.path,
			"output.hub.repository",
		);
	const { issues } = problemsOf({
		...minimal,
		method: { kind: "full" },
		output: { hub: { repository: "somebody/birds", form: "adapter" } },
	});
	assert.is(issues[0]?.path, "output.hub.form");
	for (const hub of ["birds", 3, [], {}])
		assert.match(
			problemsOf({ ...minimal, output: { hub } }).issues[0]?.path ?? "",
			"output.hub",
		);
});

test("the hash is that of the content, on every machine", () => {
	const at = (folder: string, seed = 42) =>
		hashSpec(
			resolveSpec(
				{
					model: { nameOrPath: `${folder}/model` },
					data: { train: { kind: "jsonl", path: `${folder}/train.jsonl` } },
					output: { folder: `${folder}/run` },
					seed,
				},
				{ cwd: folder },
			),
		);
	assert.match(at("/one"), /^[0-9a-f]{64}$/);
	assert.is(at("/one"), at("/two/deeper"));
	assert.is.not(at("/one"), at("/one", 43));
	const { data, model } = minimal;
	assert.is(
		hashSpec(resolveSpec({ data, model })),
		hashSpec(resolveSpec({ model, data })),
	);
});

test("trackers: defaults, one of each kind, and no password", () => {
	const { tracking } = resolveSpec({
		...minimal,
		tracking: [
			{ kind: "wandb" },
			{ kind: "mlflow" },
			{ kind: "tensorboard" },
			{ kind: "trackio" },
		],
	});
	assert.equal(tracking, [
		{ kind: "wandb", project: "captune", entity: null, mode: "online" },
		{ kind: "mlflow", experiment: "captune", trackingUri: null },
		{ kind: "tensorboard", folder: null },
		{ kind: "trackio", project: "captune", folder: null, space: null },
	]);
	assert.equal(resolveSpec(minimal).tracking, []);
	for (const trackingUri of [
		"http://localhost:5000",
		"https://user@mlflow.example/path:x@y",
		"sqlite:////folder/mlflow.db",
		"postgresql+psycopg2://host/db",
		"databricks",
	])
		resolveSpec({ ...minimal, tracking: [{ kind: "mlflow", trackingUri }] });
	const cases: [Spec["tracking"], string, RegExp][] = [
		[
			[{ kind: "wandb" }, { kind: "trackio" }, { kind: "wandb" }],
			"tracking[2].kind",
			/already/,
		],
		[
			[{ kind: "mlflow", trackingUri: "https://me:hidden@mlflow.example" }],
			"tracking[0].trackingUri",
			/password/,
		],
		[
			[{ kind: "mlflow", trackingUri: "./mlruns" }],
			"tracking[0].trackingUri",
			/neither a server nor a database/,
		],
	];
	for (const [trackers, path, reason] of cases) {
		const error = problemsOf({ ...minimal, tracking: trackers });
		assert.equal(
			error.issues.map((issue) => issue.path),
			[path],
		);
		assert.match(error.issues[0]?.reason ?? "", reason);
		assert.not.match(error.message, "hidden");
	}
});

test("trackers need their extras, and change nothing in what is trained", () => {
	const tracked = resolveSpec(
		{
			...minimal,
			tracking: [
				{ kind: "trackio", folder: "tracks" },
				{ kind: "tensorboard", folder: "boards" },
			],
		},
		{ cwd: "/project" },
	);
	assert.equal(
		tracked.tracking.map((one) => "folder" in one && one.folder),
		["/project/tracks", "/project/boards"],
	);
	assert.equal(extrasOf(tracked), ["trackio", "tensorboard"]);
	assert.equal(extrasOf(resolveSpec(minimal)), []);
	assert.is(hashSpec(tracked), hashSpec(resolveSpec(minimal)));
});

test("relative paths start at the given folder", () => {
	const spec = resolveSpec(
		{
			model: { nameOrPath: "./model" },
			data: { train: { kind: "jsonl", path: "train.jsonl" } },
			output: { folder: "run" },
		},
		{ cwd: "/project" },
	);
	assert.is(spec.model.nameOrPath, "/project/model");
	assert.equal(spec.data.train, {
		kind: "jsonl",
		path: "/project/train.jsonl",
		filters: [],
		shuffleSeed: null,
		limit: null,
	});
	assert.is(spec.output.folder, "/project/run");
});

test.run();
