// The spec: what is trained, on what, how it is judged. The one place where a field, its default and its
// description are written; `npm run generate` makes the JSON Schemas and the TypeScript types from it.
import { textMetricNames, tokenMetricNames } from "../metrics/index.js";
import {
	boolean,
	branch,
	choice,
	derived,
	type Fields,
	integer,
	type JsonSchema,
	list,
	nullable,
	number,
	openChoice,
	openChoiceOrList,
	resolvedForm,
	section,
	string,
	tagged,
} from "../schema/fields.js";

const model = section("ModelSpec", "The model that is fine-tuned.", {
	nameOrPath: string(
		"Hub id or path of a folder in hub layout, or `captune/airplanes-tiny`, the model that comes with the package.",
		{ minLength: 1 },
	),
	revision: nullable(
		string("Branch, tag or commit on the hub; the main branch when null.", {
			minLength: 1,
		}),
		{ default: null },
	),
	dtype: choice(
		"Type the frozen weights are held and computed in. `auto`: bfloat16 on a GPU that has it, float32 elsewhere.",
		["auto", "float32", "bfloat16"],
		{ default: "auto" },
	),
	attention: choice(
		"Attention implementation. `auto`: the fastest that is installed; `flash` is an error where no flash kernel can run.",
		["auto", "flash", "sdpa", "eager"],
		{ default: "auto" },
	),
	imageCrops: integer(
		"Most 336-pixel tiles a picture is cut into (`num_crops` of the image processor), besides the global view.",
		{ minimum: 1, maximum: 64, default: 4 },
	),
});

const limit = nullable(
	integer("Use at most this many rows, from the first.", { minimum: 1 }),
	{ default: null },
);

const jsonl = branch(
	"JsonLinesSource",
	"A JSON Lines file, one row a line; picture paths are relative to the file's folder.",
	{ kind: "jsonl" },
	{ path: string("Path of the file.", { minLength: 1 }), limit },
);

const airplanes = branch(
	"AirplanesSource",
	"Airplanes drawn on first use: the pictures of the quickstart, with the columns `image`, `answer` and `caption`.",
	{ kind: "airplanes" },
	{
		split: choice("Which of the drawn splits.", [
			"train",
			"validation",
			"test",
		]),
		seed: nullable(
			integer(
				"Draw other pictures with this seed; null: the standard pictures.",
				{ minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
			),
			{ default: null },
		),
		count: nullable(
			integer("How many to draw; null: 108, 28 and 16.", {
				minimum: 1,
				maximum: 100_000,
			}),
			{ default: null },
		),
		limit,
	},
);

const none = branch(
	"NoSource",
	"This split does not exist.",
	{ kind: "none" },
	{},
);

const optionalSource = (description: string): JsonSchema =>
	tagged("OptionalSource", description, "kind", [jsonl, airplanes, none], {
		default: { kind: "none" },
	});

const data = section("DataSpec", "Pictures, prompts and answers.", {
	train: tagged("Source", "Rows to train on.", "kind", [jsonl, airplanes]),
	validation: optionalSource("Rows to evaluate on while training."),
	test: optionalSource(
		"Rows scored once with the base model and once with the tuned one.",
	),
	columns: section("ColumnsSpec", "Names of the columns that hold a row.", {
		image: string("Path of the picture.", { minLength: 1, default: "image" }),
		answer: string("Text that the model learns to answer.", {
			minLength: 1,
			default: "answer",
		}),
		prompt: nullable(
			string("Text of the prompt, when rows bring their own.", {
				minLength: 1,
			}),
			{ default: null },
		),
	}),
	prompt: string("The prompt of every row, when rows bring none.", {
		minLength: 1,
		default: "Describe this image.",
	}),
});

/** Targets of adapters by name; python/captune_worker/adapters.py says what they are. */
export const targetPresets: readonly string[] = [
	"language",
	"language+projector",
	"language+projector+vision",
	"article",
];

const lora = branch(
	"LoraMethod",
	"Low-rank adapters (PEFT); everything else stays as it is.",
	{ kind: "lora" },
	{
		rank: integer("Rank of the adapters (PEFT's `r`).", {
			minimum: 1,
			maximum: 4096,
			default: 16,
		}),
		alpha: number("Scale of the adapters (PEFT's `lora_alpha`).", {
			exclusiveMinimum: 0,
			default: 32,
		}),
		dropout: number("Dropout before the adapters (PEFT's `lora_dropout`).", {
			minimum: 0,
			exclusiveMaximum: 1,
			default: 0.1,
		}),
		targetModules: openChoiceOrList(
			"Modules that get an adapter: a preset, a regular expression for whole names, or names as PEFT matches them, whole or by their last parts. `article` is what the well-known airplane recipe really trains.",
			[
				"language",
				"language+projector",
				"language+projector+vision",
				"article",
			],
			{ default: "language" },
		),
		dora: boolean("Weight-decomposed adapters (PEFT's `use_dora`).", {
			default: false,
		}),
		rslora: boolean("Scale by alpha / sqrt(rank) (PEFT's `use_rslora`).", {
			default: false,
		}),
	},
);

const full = branch(
	"FullMethod",
	"Every weight is trained, but for those of the vision tower that are never used.",
	{ kind: "full" },
	{},
);

const training = section("TrainingSpec", "The optimizer and its steps.", {
	epochs: number("Passes over the training split.", {
		exclusiveMinimum: 0,
		default: 4,
	}),
	maxSteps: nullable(
		integer("Stop after this many optimizer steps, if that comes first.", {
			minimum: 1,
		}),
		{ default: null },
	),
	batchSize: integer("Examples in one micro-batch.", {
		minimum: 1,
		default: 1,
	}),
	gradientAccumulationSteps: integer(
		"Micro-batches in one optimizer step; the loss is the mean over all their answer tokens.",
		{ minimum: 1, default: 6 },
	),
	learningRate: number("Peak learning rate of AdamW.", {
		exclusiveMinimum: 0,
		default: 1e-4,
	}),
	schedule: choice(
		"Learning rate after warm-up: held, or brought to zero by the last step.",
		["constant", "linear", "cosine"],
		{ default: "constant" },
	),
	warmupRatio: number(
		"Share of all steps over which the learning rate rises from zero.",
		{ minimum: 0, maximum: 1, default: 0.1 },
	),
	weightDecay: number("Decoupled weight decay of AdamW.", {
		minimum: 0,
		default: 0.01,
	}),
	maxGradNorm: number("Gradients are scaled down to this norm.", {
		exclusiveMinimum: 0,
		default: 1,
	}),
	gradientCheckpointing: boolean(
		"Recompute activations in the backward pass: less memory, more time.",
		{ default: false },
	),
});

const evaluationCommon = {
	everySteps: integer(
		"Save a checkpoint and evaluate it after every so many optimizer steps.",
		{
			minimum: 1,
			default: 10,
		},
	),
	maxExamples: nullable(
		integer("Evaluate at most this many rows of a split, from the first.", {
			minimum: 1,
		}),
		{ default: null },
	),
	batchSize: integer("Examples evaluated at once.", {
		minimum: 1,
		default: 8,
	}),
	shuffledImages: boolean(
		"Also score the finished model with the pictures dealt to other rows: how much of the score needs the picture.",
		{ default: false },
	),
	scoreTimeoutMs: integer(
		"How long the worker waits at an evaluation for its score before it trains on.",
		{ minimum: 0, default: 60_000 },
	),
};

const best = (metric: JsonSchema) =>
	section("BestSpec", "How the best checkpoint is told.", {
		metric,
		direction: derived(
			choice(
				"Whether more or less of the metric is better; by the metric when left out, `max` for one of your own.",
				["max", "min"],
			),
		),
	});

const generate = branch(
	"GenerateEvaluation",
	"Answers are generated and compared with the references; the teacher-forced loss is measured too.",
	{ kind: "generate" },
	{
		...evaluationCommon,
		metrics: list(
			"Scores to compute: built-in ones, or names of your own in `finetune(spec, { metrics })`.",
			openChoice("Metric.", [...textMetricNames, ...tokenMetricNames]),
			{
				minItems: 1,
				uniqueItems: true,
				default: ["rouge1", "rouge2", "rougeL", "loss"],
			},
		),
		best: best(
			openChoice(
				"The metric to go by, one of `metrics`.",
				[...textMetricNames, ...tokenMetricNames],
				{ default: "rouge1" },
			),
		),
		stemming: boolean(
			"Compare stems instead of words in ROUGE (Porter's stemmer).",
			{ default: false },
		),
		maxNewTokens: integer("Longest answer, in tokens.", {
			minimum: 1,
			default: 64,
		}),
	},
);

const teacherForced = branch(
	"TeacherForcedEvaluation",
	"The references are fed in and only their tokens are judged: cheap, and no measure of what the model would say.",
	{ kind: "teacherForced" },
	{
		...evaluationCommon,
		metrics: list("Scores to compute.", choice("Metric.", tokenMetricNames), {
			minItems: 1,
			uniqueItems: true,
			default: ["loss", "tokenAccuracy"],
		}),
		best: {
			...best(
				choice("The metric to go by, one of `metrics`.", tokenMetricNames, {
					default: "loss",
				}),
			),
			title: "TeacherForcedBestSpec",
		},
	},
);

const fields: Fields = {
	name: nullable(string("A name for the run.", { minLength: 1 }), {
		default: null,
	}),
	seed: integer("Seeds initial adapters, order of rows and dropout.", {
		minimum: 0,
		maximum: 2 ** 32 - 1,
		default: 42,
	}),
	model,
	data,
	method: tagged("Method", "What is trained.", "kind", [lora, full], {
		default: { kind: "lora" },
	}),
	training,
	evaluation: tagged(
		"Evaluation",
		"How the model is judged while it trains and at the end.",
		"kind",
		[generate, teacherForced],
		{ default: { kind: "generate" } },
	),
	checkpoints: section("CheckpointsSpec", "What is kept of the way.", {
		keep: integer("Checkpoints to keep besides the best one, newest first.", {
			minimum: 1,
			default: 2,
		}),
	}),
	output: section("OutputSpec", "Where the run goes.", {
		folder: nullable(
			string(
				"Run folder, made anew; null: `captune-runs/<run id>` in the current folder.",
				{ minLength: 1 },
			),
			{ default: null },
		),
		report: boolean("Write `report.html` at the end.", { default: true }),
	}),
	compute: tagged(
		"Compute",
		"Where it runs.",
		"kind",
		[
			branch(
				"LocalCompute",
				"A worker process on this machine.",
				{ kind: "local" },
				{
					device: choice(
						"`auto`: the first CUDA GPU, else the CPU.",
						["auto", "cpu", "cuda"],
						{ default: "auto" },
					),
				},
			),
		],
		{ default: { kind: "local" } },
	),
};

const description = "What to fine-tune, on what, how, and how to judge it.";

/** The spec as the user writes it. */
export const specSchema = section("Spec", description, {
	$schema: derived(string("Ignored; lets an editor find the JSON Schema.")),
	...fields,
});

/** The spec with every default filled: what the worker obeys. */
export const resolvedSpecSchema = resolvedForm(
	section("Spec", description, fields),
);
