// The spec: what is trained, on what, how it is judged. The one place where a field, its default and its
// description are written; `npm run generate` makes the JSON Schemas and the TypeScript types from it.
import { textMetricNames, tokenMetricNames } from "../metrics/index.js";
import {
	automatic,
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
	record,
	resolvedForm,
	section,
	string,
	tagged,
} from "../schema/fields.js";

/** A model to be loaded. */
export const modelSchema = section(
	"ModelSpec",
	"The model that is fine-tuned.",
	{
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
			"Type the frozen weights are held and computed in. `auto`: bfloat16 on a GPU that has it, float16 on an older one, float32 elsewhere. In float16 the loss is scaled.",
			["auto", "float32", "bfloat16", "float16"],
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
	},
);

const seed = (description: string) =>
	integer(description, { minimum: 0, maximum: 2 ** 32 - 1 });

const texts = (description: string) =>
	list(description, string("Text.", { minLength: 1 }), { minItems: 1 });

/** What every source can do with its rows, in this order. */
const selection = {
	filters: list(
		"Keep only the rows that pass every filter.",
		section("FilterSpec", "A condition on one column, case-sensitive.", {
			column: string("Name of the column.", { minLength: 1 }),
			includesAny: nullable(
				texts(
					"One of these must be there: as an element of a list, or within a text.",
				),
				{ default: null },
			),
			includesAll: nullable(texts("All of these must be there."), {
				default: null,
			}),
		}),
		{ default: [] },
	),
	shuffleSeed: nullable(
		seed(
			"Shuffle the rows once, as `shuffle(seed=...)` of Hugging Face `datasets` does; null: as they come.",
		),
		{ default: null },
	),
	limit: nullable(
		integer("Use at most this many rows, from the first.", { minimum: 1 }),
		{ default: null },
	),
};

const file = (title: string, kind: string, description: string, path: string) =>
	branch(
		title,
		description,
		{ kind },
		{ path: string(path, { minLength: 1 }), ...selection },
	);

const sources = [
	file(
		"JsonLinesSource",
		"jsonl",
		"A JSON Lines file, one row a line; picture paths are relative to the file's folder.",
		"Path of the file.",
	),
	file(
		"JsonSource",
		"json",
		"A JSON file that holds one array of rows; picture paths are relative to the file's folder.",
		"Path of the file.",
	),
	file(
		"CsvSource",
		"csv",
		"A CSV file (RFC 4180) whose first line names the columns; picture paths are relative to the file's folder.",
		"Path of the file.",
	),
	file(
		"ParquetSource",
		"parquet",
		"Parquet, pictures inside or by path. Needs the Python package `datasets`.",
		"Path of a file, or of a folder whose `.parquet` files are read in the order of their names.",
	),
	file(
		"ImageFolderSource",
		"imagefolder",
		"A folder of pictures with `metadata.jsonl` or `metadata.csv`, in it or in its subfolders, that names each by `file_name`; the picture becomes the column `image`.",
		"Path of the folder.",
	),
	branch(
		"DatasetSource",
		"A dataset of the Hugging Face hub, or a local copy of one. Needs the Python package `datasets`.",
		{ kind: "dataset" },
		{
			nameOrPath: string(
				"Hub id, or path of a folder: a dataset repository, or what `save_to_disk` wrote.",
				{ minLength: 1 },
			),
			config: nullable(
				string("Configuration; the dataset's default when null.", {
					minLength: 1,
				}),
				{ default: null },
			),
			split: string("Split of the dataset.", {
				minLength: 1,
				default: "train",
			}),
			revision: nullable(
				string("Branch, tag or commit; the main branch when null.", {
					minLength: 1,
				}),
				{ default: null },
			),
			...selection,
		},
	),
	file(
		"RowsSource",
		"rows",
		"Rows that `materialize` has written; they name their own prompts, answers and messages, and `columns` does not concern them.",
		"Path of `rows.jsonl`.",
	),
	branch(
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
			...selection,
		},
	),
];

const split = branch(
	"SplitSource",
	"Rows taken out of the training rows: the very ones that `train_test_split(test_size=fraction, seed=seed)` of Hugging Face `datasets` takes. Where test and validation are both taken, test comes first.",
	{ kind: "split" },
	{
		fraction: number("Share of the training rows.", {
			exclusiveMinimum: 0,
			exclusiveMaximum: 1,
		}),
		seed: { ...seed("Seeds the choice."), default: 42 },
	},
);

const none = branch(
	"NoSource",
	"This split does not exist.",
	{ kind: "none" },
	{},
);

const optionalSource = (description: string): JsonSchema =>
	tagged("OptionalSource", description, "kind", [...sources, split, none], {
		default: { kind: "none" },
	});

/** Rows to train on, where something is trained. */
const optionalTrain = tagged(
	"Source",
	"Rows to train on; an evaluation needs them only where other splits are taken out of them.",
	"kind",
	[...sources, none],
	{ default: { kind: "none" } },
);

const augmentation = tagged(
	"Augmentation",
	"A random change of a picture that leaves its size as it is.",
	"kind",
	[
		branch(
			"HorizontalFlip",
			"Mirrors left and right.",
			{ kind: "horizontalFlip" },
			{
				probability: number("How often.", {
					minimum: 0,
					maximum: 1,
					default: 0.5,
				}),
			},
		),
		branch(
			"Crop",
			"Cuts out a part of the same shape and enlarges it.",
			{ kind: "crop" },
			{
				minScale: number("Least share of the area that is kept.", {
					exclusiveMinimum: 0,
					maximum: 1,
					default: 0.8,
				}),
			},
		),
		branch(
			"Rotation",
			"Turns about the middle, onto white.",
			{ kind: "rotation" },
			{
				maxDegrees: number("Largest angle either way, in degrees.", {
					minimum: 0,
					maximum: 180,
					default: 10,
				}),
			},
		),
		branch(
			"ColorJitter",
			"Changes colours by factors within 1 - x and 1 + x.",
			{ kind: "colorJitter" },
			{
				brightness: number("Limit for brightness.", {
					minimum: 0,
					maximum: 1,
					default: 0.2,
				}),
				contrast: number("Limit for contrast.", {
					minimum: 0,
					maximum: 1,
					default: 0.2,
				}),
				saturation: number("Limit for saturation.", {
					minimum: 0,
					maximum: 1,
					default: 0.2,
				}),
			},
		),
	],
);

export const maxPixels = integer(
	"Largest picture, in pixels; more is refused by the header alone.",
	{ minimum: 1, default: 64_000_000 },
);

const pictures = section("PicturesSpec", "How pictures are read.", {
	check: choice(
		"What is looked at before training: `all` decodes every picture, `headers` reads no more than sizes and leaves damage to be found on the way. `auto`: `all` up to 2,000 pictures.",
		["auto", "all", "headers"],
		{ default: "auto" },
	),
	maxPixels,
	roots: list(
		"Folders that picture paths may lead into, besides the folder of their data file.",
		string("Path of a folder.", { minLength: 1 }),
		{ default: [], uniqueItems: true },
	),
	hosts: list(
		"Hosts, by exact name, that picture URLs may name; none by default. Private addresses are never asked.",
		string("Name of a host, with a port where that is not the usual one.", {
			minLength: 1,
		}),
		{ default: [], uniqueItems: true },
	),
	maxDownloadBytes: integer("Largest picture to download, in bytes.", {
		minimum: 1,
		default: 32_000_000,
	}),
	downloadTimeoutMs: integer("Longest download of one picture.", {
		minimum: 1,
		default: 30_000,
	}),
	cacheBytes: integer(
		"Disk that prepared pictures may take in captune's cache, for all runs together; the oldest go first.",
		{ minimum: 0, default: 10 * 2 ** 30 },
	),
});

const data = section("DataSpec", "Pictures, prompts and answers.", {
	train: tagged("Source", "Rows to train on.", "kind", sources),
	validation: optionalSource("Rows to evaluate on while training."),
	test: optionalSource(
		"Rows scored once with the base model and once with the tuned one.",
	),
	columns: section("ColumnsSpec", "Names of the columns that hold a row.", {
		image: string("The picture: a path, a URL, bytes, or a list of these.", {
			minLength: 1,
			default: "image",
		}),
		answer: string(
			"Text that the model learns to answer, or a list of texts.",
			{
				minLength: 1,
				default: "answer",
			},
		),
		prompt: nullable(
			string("Text of the prompt, when rows bring their own.", {
				minLength: 1,
			}),
			{ default: null },
		),
		references: nullable(
			string(
				"Further answers that are as good, a text or a list: generated answers are compared with them too.",
				{ minLength: 1 },
			),
			{ default: null },
		),
		messages: nullable(
			string(
				"A conversation (`role` and `content`, with pictures among the content or in the column of the picture), in place of prompt and answer.",
				{ minLength: 1 },
			),
			{ default: null },
		),
	}),
	prompt: string("The prompt of every row, when rows bring none.", {
		minLength: 1,
		default: "Describe this image.",
	}),
	answerSeparator: nullable(
		string(
			"Joins an answer that is a list; null: the first is learnt, and all are references.",
		),
		{ default: ", " },
	),
	maxTokens: nullable(
		integer(
			"Longest row, in tokens, pictures included; null: what the model can take.",
			{ minimum: 1 },
		),
		{ default: null },
	),
	onBadRow: choice(
		"A row that cannot be used ends the run before it begins, or is left out, counted and listed in the run folder.",
		["fail", "drop"],
		{ default: "fail" },
	),
	augmentation: list(
		"Random changes of the training pictures, in this order, new in every epoch.",
		augmentation,
		{ default: [] },
	),
	pictures,
});

/** Targets of adapters by name; python/captune_worker/adapters.py says what they are. */
export const targetPresets: readonly string[] = [
	"language",
	"language+projector",
	"language+projector+vision",
	"article",
];

const adapters: Fields = {
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
		["language", "language+projector", "language+projector+vision", "article"],
		{ default: "language" },
	),
	dora: boolean("Weight-decomposed adapters (PEFT's `use_dora`).", {
		default: false,
	}),
	rslora: boolean("Scale by alpha / sqrt(rank) (PEFT's `use_rslora`).", {
		default: false,
	}),
	bias: choice(
		"Biases that are trained too (PEFT's `bias`): none, all of the model, or those of modules with an adapter.",
		["none", "all", "lora_only"],
		{ default: "none" },
	),
	modulesToSave: list(
		"Modules that are trained whole and saved beside the adapters (PEFT's `modules_to_save`), by their names or last parts.",
		string("Module.", { minLength: 1 }),
		{ uniqueItems: true, default: [] },
	),
};

const lora = branch(
	"LoraMethod",
	"Low-rank adapters (PEFT); everything else stays as it is.",
	{ kind: "lora" },
	adapters,
);

const qlora = branch(
	"QloraMethod",
	"Low-rank adapters on a decoder whose weights are held in 4 bits (bitsandbytes; needs a CUDA GPU).",
	{ kind: "qlora" },
	{
		...adapters,
		quantType: choice(
			"How four bits are read (bitsandbytes' `bnb_4bit_quant_type`): levels of a normal distribution, or a small float.",
			["nf4", "fp4"],
			{ default: "nf4" },
		),
		doubleQuant: boolean(
			"Quantize the scales too (bitsandbytes' `bnb_4bit_use_double_quant`).",
			{ default: true },
		),
	},
);

const full = branch(
	"FullMethod",
	"Every weight is trained, but for those of the vision tower that are never used.",
	{ kind: "full" },
	{},
);

/** Optimizers by name; python/captune_worker/optimizers.py says where each comes from. */
export const optimizers = [
	"adamw",
	"adamw_8bit",
	"paged_adamw_8bit",
	"paged_adamw_32bit",
	"lion_32bit",
	"lion_8bit",
	"adafactor",
	"adagrad",
	"nadam",
	"radam",
	"rmsprop",
	"sgd",
] as const;

/** Schedules by transformers' names, with the arguments that its functions take. */
export const schedules = {
	constant: [],
	constant_with_warmup: [],
	linear: [],
	cosine: ["num_cycles"],
	cosine_with_restarts: ["num_cycles"],
	cosine_with_min_lr: ["num_cycles", "min_lr", "min_lr_rate"],
	cosine_warmup_with_min_lr: [
		"num_cycles",
		"min_lr",
		"min_lr_rate",
		"warmup_lr_rate",
	],
	polynomial: ["lr_end", "power"],
	inverse_sqrt: ["timescale"],
	warmup_stable_decay: [
		"num_decay_steps",
		"num_stable_steps",
		"min_lr_ratio",
		"num_cycles",
	],
	reduce_lr_on_plateau: [
		"factor",
		"patience",
		"threshold",
		"cooldown",
		"min_lr",
	],
	greedy: [
		"factor",
		"patience",
		"threshold",
		"cooldown",
		"warmup",
		"min_lr",
		"max_lr",
		"window_size",
		"reset_start",
	],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const rateOf = (tower: string) =>
	nullable(
		number(`Peak learning rate in the ${tower}; null: \`learningRate\`.`, {
			exclusiveMinimum: 0,
		}),
		{ default: null },
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
	batchSize: integer(
		"Examples in one micro-batch; with `gradientAccumulationSteps` it says how many an optimizer step takes.",
		{ minimum: 1, default: 1 },
	),
	gradientAccumulationSteps: integer("Micro-batches in one optimizer step.", {
		minimum: 1,
		default: 6,
	}),
	combineMicroBatches: automatic(
		"Compute several micro-batches of a step as one: the same gradients, sooner. `auto`: as many as fit into memory; true: all; false: none.",
	),
	lossReduction: choice(
		"What the loss of a step is: the mean over its answer tokens, or the mean of its examples' means.",
		["tokens", "examples"],
		{ default: "tokens" },
	),
	optimizer: choice(
		"Optimizer: `adamw` is torch's, fused; those in 8 bits, paged ones and Lion are of bitsandbytes and need a CUDA GPU; Adafactor is of transformers, with the learning rate it is given.",
		optimizers,
		{ default: "adamw" },
	),
	adamBeta1: number("Decay of Adam's mean of gradients.", {
		minimum: 0,
		exclusiveMaximum: 1,
		default: 0.9,
	}),
	adamBeta2: number("Decay of Adam's mean of squared gradients.", {
		minimum: 0,
		exclusiveMaximum: 1,
		default: 0.999,
	}),
	adamEpsilon: number("Added to Adam's divisor.", {
		exclusiveMinimum: 0,
		default: 1e-8,
	}),
	learningRate: number("Peak learning rate.", {
		exclusiveMinimum: 0,
		default: 1e-4,
	}),
	learningRates: section(
		"LearningRatesSpec",
		"Other peak learning rates for parts of the model.",
		{
			language: rateOf("decoder"),
			projector: rateOf("projector"),
			vision: rateOf("vision tower"),
		},
	),
	schedule: choice(
		"Learning rate after warm-up, by transformers' names. `constant` warms up too, and is then held.",
		Object.keys(schedules),
		{ default: "constant" },
	),
	scheduleArguments: record(
		"Arguments of the schedule, by transformers' names (its `lr_scheduler_kwargs`): `num_cycles`, `min_lr_rate`, `power`, `num_decay_steps` and the like.",
		{ type: "number" },
		{ default: {} },
	),
	warmupRatio: number(
		"Share of all steps over which the learning rate rises from zero.",
		{ minimum: 0, maximum: 1, default: 0.1 },
	),
	warmupSteps: nullable(
		integer("Steps of warm-up, in place of `warmupRatio`.", { minimum: 0 }),
		{ default: null },
	),
	weightDecay: number(
		"Weight decay; norms, biases and other vectors have none.",
		{ minimum: 0, default: 0.01 },
	),
	maxGradNorm: number("Gradients are scaled down to this norm.", {
		exclusiveMinimum: 0,
		default: 1,
	}),
	onNonFinite: choice(
		"A step whose loss or gradients are not finite is left out and counted, or ends the run.",
		["skip", "stop"],
		{ default: "skip" },
	),
	loggingSteps: integer(
		"Steps whose losses are read from the device at once; each is told all the same.",
		{ minimum: 1, default: 1 },
	),
	gradientCheckpointing: automatic(
		"Recompute activations in the backward pass: less memory, more time. `auto`: only where they do not fit.",
	),
	cacheImageFeatures: automatic(
		"Encode each picture once and keep the result for all epochs and evaluations. `auto`: unless the vision tower or the projector is trained.",
	),
	answerRowsOnly: automatic(
		"Compute logits and loss at the positions of answers only. `auto`: yes.",
	),
	autocast: automatic(
		"Compute under torch's autocast. `auto`: only where trained weights are held in float32 and computed with in fewer bits; adapters then cast themselves.",
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
	earlyStopping: nullable(
		section(
			"EarlyStoppingSpec",
			"End training once evaluations no longer get better (transformers' EarlyStoppingCallback); needs a validation split.",
			{
				patience: integer(
					"So many evaluations in a row that are no better than the best one before end it.",
					{ minimum: 1, default: 3 },
				),
				threshold: number("A gain counts where it is larger than this.", {
					minimum: 0,
					default: 0,
				}),
			},
		),
		{ default: null },
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

/** How tokens are drawn; `loadModel` has the same. */
export const sampling = {
	temperature: number("Logits are divided by it before a token is drawn.", {
		exclusiveMinimum: 0,
		default: 1,
	}),
	topP: number(
		"Draw from the likeliest tokens that have this probability together.",
		{ exclusiveMinimum: 0, maximum: 1, default: 1 },
	),
	topK: nullable(
		integer("Draw from so many of the likeliest tokens; null: from all.", {
			minimum: 1,
		}),
		{ default: null },
	),
};

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
		sampling: nullable(
			section(
				"SamplingSpec",
				"Draw tokens, with `seed`, each row by itself; null: always the likeliest one.",
				sampling,
			),
			{ default: null },
		),
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

export const device = choice(
	"`auto`: the first CUDA GPU, else the CPU.",
	["auto", "cpu", "cuda"],
	{ default: "auto" },
);

const hub = nullable(
	section(
		"HubSpec",
		"A repository on the hub that a completed run is pushed to, with a model card; null: none. The token is that of `HF_TOKEN`.",
		{
			repository: string("`owner/name`; made if need be."),
			private: boolean("May only you see it?", { default: true }),
			revision: nullable(string("Branch, made if need be.", { minLength: 1 }), {
				default: null,
			}),
			form: derived(
				choice(
					"The adapter, or the model with what was trained in its weights; the adapter where there is one when left out.",
					["adapter", "merged"],
				),
			),
		},
	),
	{ default: null },
);
const trackers = [
	branch(
		"WandbTracker",
		"Weights & Biases, under the id of the run. `WANDB_API_KEY` and `wandb login` mean what they mean elsewhere.",
		{ kind: "wandb" },
		{
			project: string("Project.", { minLength: 1, default: "captune" }),
			entity: nullable(
				string("User or team; the account's default when null.", {
					minLength: 1,
				}),
				{ default: null },
			),
			mode: choice(
				"`offline`: files in the run folder that `wandb sync` uploads later.",
				["online", "offline"],
				{ default: "online" },
			),
		},
	),
	branch(
		"MlflowTracker",
		"MLflow. `MLFLOW_TRACKING_USERNAME` and its like mean what they mean elsewhere.",
		{ kind: "mlflow" },
		{
			experiment: string("Experiment.", { minLength: 1, default: "captune" }),
			trackingUri: nullable(
				string(
					"URI of a server or a database; null: `MLFLOW_TRACKING_URI` where it is set, else `tracking/mlflow.db` in the run folder.",
					{ minLength: 1 },
				),
				{ default: null },
			),
		},
	),
	branch(
		"TensorboardTracker",
		"Event files for TensorBoard.",
		{ kind: "tensorboard" },
		{
			folder: nullable(
				string(
					"Folder of many runs, in which this one gets a folder named by its id; null: `tracking/tensorboard` in the run folder.",
					{ minLength: 1 },
				),
				{ default: null },
			),
		},
	),
	branch(
		"TrackioTracker",
		"Trackio, under the id of the run.",
		{ kind: "trackio" },
		{
			project: string("Project.", { minLength: 1, default: "captune" }),
			folder: nullable(
				string(
					"Folder of its databases; null: `TRACKIO_DIR` where it is set, else `tracking/trackio` in the run folder.",
					{ minLength: 1 },
				),
				{ default: null },
			),
			space: nullable(
				string("Space of the Hugging Face hub to log to, by its id.", {
					minLength: 1,
				}),
				{ default: null },
			),
		},
	),
];

const fields: Fields = {
	name: nullable(string("A name for the run.", { minLength: 1 }), {
		default: null,
	}),
	seed: integer("Seeds initial adapters, order of rows and dropout.", {
		minimum: 0,
		maximum: 2 ** 32 - 1,
		default: 42,
	}),
	model: modelSchema,
	data,
	method: tagged("Method", "What is trained.", "kind", [lora, qlora, full], {
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
		merged: boolean(
			"Also write `merged/` when the run completes: a model in the hub's layout, with what was trained in its weights.",
			{ default: false },
		),
		hub,
	}),
	tracking: list(
		"Trackers that are told every loss and every score, one of each kind; none by default. Keys come from their own environment variables, never from here.",
		tagged(
			"Tracker",
			"Where the numbers of the run go, besides its folder.",
			"kind",
			trackers,
		),
		{ default: [] },
	),
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
					device,
					loaderWorkers: nullable(
						integer(
							"Processes that prepare pictures while the model trains; 0: the training process does it; null: one per core, 8 at most.",
							{ minimum: 0, maximum: 64 },
						),
						{ default: null },
					),
				},
			),
		],
		{ default: { kind: "local" } },
	),
};

const description = "What to fine-tune, on what, how, and how to judge it.";

/** The same fields where nothing need be trained. */
const evaluationFields: Fields = {
	...fields,
	data: section("DataSpec", data.description as string, {
		...data.properties,
		train: optionalTrain,
	}),
};

/** The spec as the user writes it. */
export const specSchema = section("Spec", description, {
	$schema: derived(string("Ignored; lets an editor find the JSON Schema.")),
	...fields,
});

/** The same for an evaluation by itself: rows to train on may be left out. */
export const evaluationSpecSchema = section("Spec", description, {
	$schema: derived(string("Ignored; lets an editor find the JSON Schema.")),
	...evaluationFields,
});

/** The spec with every default filled: what the worker obeys. */
export const resolvedSpecSchema = resolvedForm(
	section("Spec", description, evaluationFields),
);
