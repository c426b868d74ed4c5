// Every event of a run: a closed union, told apart by `type`. What the worker sends, what the run folder keeps and
// what a reader of the stream sees is this one form.
import { warningCodes } from "../errors/warnings.js";
import {
	anything,
	boolean,
	branch,
	choice,
	type Fields,
	integer,
	type JsonSchema,
	list,
	nullable,
	number,
	openChoice,
	record,
	section,
	string,
	tagged,
} from "../schema/fields.js";

/** What every event has besides its `type`. */
export const envelope: Fields = {
	runId: string("The run this event belongs to."),
	attempt: integer("1 for a fresh run; counts up with every resume.", {
		minimum: 1,
	}),
	seq: integer("Number of the event in its log, without gaps, from 1.", {
		minimum: 1,
	}),
	time: number("Milliseconds since 1970-01-01 UTC."),
};

const event = (
	title: string,
	type: string,
	description: string,
	fields: Fields,
): JsonSchema =>
	branch(title, description, { type }, { ...envelope, ...fields });

const count = (description: string) => integer(description, { minimum: 0 });

const split = choice("The split.", ["train", "validation", "test"]);

const step = count("Optimizer step; 0 is before the first.");

const evaluationId = string(
	"Names one evaluation; its predictions, its sums, its score and its decision carry the same.",
);

const range = (title: string, description: string) =>
	section(title, description, {
		min: count("Smallest."),
		mean: number("Mean."),
		max: count("Largest."),
	});

const stage = event(
	"StageEvent",
	"stage",
	"Progress of work that takes long.",
	{
		stage: choice("What is being done.", [
			"install",
			"start",
			"download",
			"load",
			"encode",
			"train",
			"evaluate",
			"save",
		]),
		state: choice("Where it stands.", ["started", "progress", "completed"]),
		done: nullable(number("How much is done, in `unit`.", { minimum: 0 })),
		total: nullable(number("How much there is, in `unit`.", { minimum: 0 })),
		unit: nullable(
			choice("What `done` and `total` count.", ["bytes", "rows", "steps"]),
		),
		message: nullable(string("One line for people.")),
	},
);

const ready = event(
	"ReadyEvent",
	"ready",
	"The worker has imported what it needs.",
	{
		pid: integer("Process id of the worker.", { minimum: 1 }),
		versions: record(
			"Versions of Python and of the packages that decide the numbers.",
			{ type: "string" },
		),
		device: section("DeviceFacts", "What it computes on.", {
			kind: choice("Kind of device.", ["cpu", "cuda"]),
			name: string("Name of the device."),
			memoryBytes: nullable(count("Memory of the device.")),
		}),
	},
);

const resolved = event(
	"ResolvedEvent",
	"resolved",
	"What `auto` fields and counts came out as, from measured facts; said again when memory does not hold what was planned.",
	{
		device: string("Device that torch computes on."),
		dtype: choice("Type of the frozen weights.", [
			"float32",
			"bfloat16",
			"float16",
		]),
		attention: string("Attention implementation, as transformers names it."),
		stepsPerEpoch: number(
			"Optimizer steps in one pass; the last may be short.",
		),
		totalSteps: count(
			"Optimizer steps in the whole run; 0 where nothing is trained.",
		),
		warmupSteps: count("Steps over which the learning rate rises."),
		microBatchSize: integer("Examples that are computed at once.", {
			minimum: 1,
		}),
		gradientAccumulationSteps: integer(
			"Micro-batches of that size in one optimizer step.",
			{ minimum: 1 },
		),
		gradientCheckpointing: boolean(
			"Are activations recomputed in the backward pass?",
		),
		cacheImageFeatures: boolean("Is each picture encoded only once?"),
		answerRowsOnly: boolean("Are logits computed for answers only?"),
		autocast: boolean("Is torch's autocast in use?"),
	},
);

const data = event(
	"DataEvent",
	"data",
	"The rows of every split, read and checked.",
	{
		splits: list(
			"One entry per split that exists.",
			section("SplitFacts", "One split.", {
				split,
				rows: count("Rows in use."),
				dropped: record(
					"Rows left out, by the code of the reason; `dropped.jsonl` in the run folder lists them.",
					{ type: "integer" },
				),
				promptTokens: range("PromptTokens", "Text tokens of the prompts."),
				visualTokens: range("VisualTokens", "Tokens that stand for pictures."),
				answerTokens: range(
					"AnswerTokens",
					"Tokens of the answers, the end token included: what is learnt.",
				),
			}),
		),
		trainAnswers: list(
			"Answers of the training split, the first 5,000: baselines are made of them.",
			{ type: "string" },
		),
	},
);

const modelEvent = event("ModelEvent", "model", "The model as it is trained.", {
	parameters: count("Parameters in all."),
	trainable: count("Parameters that are trained."),
	attention: string(
		"Attention kernel that ran in the first micro-batch: `flash_attention_2`, `flash_attention_3`, `sdpa:flash`, `sdpa:cudnn`, `sdpa:efficient`, `sdpa:math` or `eager`.",
	),
	evaluationAttention: nullable(
		string(
			"The same for reading the prompts of the first evaluated batch; null when nothing is generated.",
		),
	),
	modules: list(
		"What the adapters' targets matched; empty when every weight is trained.",
		section("MatchedModules", "One target and the modules it matched.", {
			target: string("Entry of `method.targetModules`."),
			tower: choice("Part of the model.", ["language", "projector", "vision"]),
			count: count("Modules matched there."),
			trainable: count("Adapter parameters on them."),
		}),
	),
});

const statistics = section(
	"TensorStatistics",
	"Facts about a tensor's values; null where no value is finite.",
	{
		min: nullable(number("Smallest finite value.")),
		max: nullable(number("Largest finite value.")),
		mean: nullable(number("Mean of the finite values.")),
		std: nullable(
			number("Population standard deviation of the finite values."),
		),
		nonFinite: number("Share of values that are NaN or infinite.", {
			minimum: 0,
			maximum: 1,
		}),
	},
);

const tensors = event("TensorsEvent", "tensors", "Facts about tensors.", {
	of: choice(
		"`batch`: what the model got in the first micro-batch; `trainable`: what is trained; `statistics`: asked for.",
		["batch", "trainable", "statistics"],
	),
	step,
	requestId: nullable(string("Names the request that this answers.")),
	tensors: list(
		"The tensors.",
		section("TensorInfo", "One tensor.", {
			name: string("Name of the input or parameter."),
			shape: list("Size of each dimension.", count("Size.")),
			dtype: string("Type of the elements, by its safetensors name (`F32`)."),
			device: string("Where it lies."),
			bytes: count("Bytes of its elements."),
			trainable: boolean("Does the optimizer change it?"),
			statistics: { ...statistics, type: ["object", "null"] },
		}),
	),
});

const stepEvent = event("StepEvent", "step", "One optimizer step.", {
	step,
	epoch: number("Passes over the training split so far."),
	loss: nullable(
		number(
			"Mean negative log-likelihood of the answer tokens, in nats, as `training.lossReduction` takes it; null when it is not finite.",
		),
	),
	finite: boolean(
		"Are loss and gradients finite? Where they are not, the step changed nothing.",
	),
	learningRate: number("Learning rate of this step."),
	gradNorm: nullable(
		number("Norm of all gradients before clipping; null when not finite."),
	),
	examples: count("Examples in this step."),
	tokens: count("Answer tokens in this step."),
	examplesPerSecond: number("Examples per second of this step."),
	tokensPerSecond: number(
		"Tokens per second of this step, prompt and pictures included.",
	),
	memoryBytes: count(
		"Peak memory so far: of the GPU where there is one, else of the process.",
	),
});

/** Names an evaluation, and says whose answers it is about. */
export const scored = {
	evaluationId,
	split,
	step,
	model: choice("Which weights answered.", ["base", "tuned"]),
	images: choice("Whether every row had its own picture or another row's.", [
		"own",
		"shuffled",
	]),
};

const evaluation = event(
	"EvaluationEvent",
	"evaluation",
	"One evaluation is complete; its predictions came before it.",
	{
		...scored,
		examples: list(
			"Teacher-forced sums of every example, in the order of the rows.",
			section("ExampleSums", "One example.", {
				row: count("Row of the split, from 0."),
				lossSum: nullable(
					number(
						"Negative log-likelihood summed over the answer tokens, in nats; null when not finite.",
					),
				),
				tokens: count("Answer tokens."),
				correctTokens: count("Answer tokens that were the likeliest."),
			}),
		),
		seconds: number("Time it took."),
	},
);

const predictions = event(
	"PredictionsEvent",
	"predictions",
	"What the model answered to some rows.",
	{
		...scored,
		items: list(
			"One entry per row.",
			section("Prediction", "One answer.", {
				row: count("Row of the split, from 0."),
				images: list("Paths of the pictures that the model was shown.", {
					type: "string",
				}),
				prompt: string("The prompt, or the last thing that the user said."),
				references: list("The expected answers.", { type: "string" }),
				prediction: string("The model's answer."),
				tokens: count("Tokens generated, the end token included."),
				stopped: boolean("Did the answer end by itself?"),
			}),
		),
	},
);

/** What an evaluation came to. */
export const values = record(
	"Every metric of the spec; null where it is not finite, as the loss of a diverged model.",
	nullable({ type: "number" }),
);

const score = event("ScoreEvent", "score", "TypeScript scored an evaluation.", {
	...scored,
	values,
	examples: count("Examples scored."),
	empty: count("Answers without a single word."),
	stopped: nullable(
		number(
			"Share of answers that ended by themselves; null when none was generated.",
			{
				minimum: 0,
				maximum: 1,
			},
		),
	),
	best: {
		...section("BestSoFar", "The best checkpoint so far.", {
			step,
			value: number("Its value of the metric to go by."),
		}),
		type: ["object", "null"],
	},
	isBest: boolean("Is it this one?"),
	ends: boolean(
		"Does training end with it, because `evaluation.earlyStopping` says so?",
	),
});

const checkpoint = event(
	"CheckpointEvent",
	"checkpoint",
	"A checkpoint was saved, removed to keep the number that was asked for, or loaded to go on from.",
	{
		step,
		state: choice("What happened to it.", ["saved", "pruned", "loaded"]),
		path: string("Its folder."),
		bytes: count("Bytes of its files."),
	},
);

const warning = event(
	"WarningEvent",
	"warning",
	"Something to know that does not stop the run.",
	{
		code: openChoice(
			"Stable name; `sdk/errors/README.md` explains each.",
			warningCodes,
		),
		message: string("One sentence."),
		data: anything("Facts for programs."),
	},
);

const log = event("LogEvent", "log", "A line that the worker printed.", {
	stream: choice("Where.", ["stdout", "stderr"]),
	text: string("The line."),
});

const gap = event(
	"GapEvent",
	"gap",
	"This reader was slow and lost telemetry; the run folder has it all.",
	{
		dropped: record("How many events of each type.", { type: "integer" }),
	},
);

/** What went wrong in a worker. */
export const endError = section("EndError", "What went wrong.", {
	code: string("Code of the error."),
	message: string("One sentence."),
	issues: list(
		"Every problem found.",
		section("EndIssue", "One problem.", {
			path: string("Where."),
			code: nullable(string("Code of a bad row.")),
			value: anything("What was found there."),
			reason: string("Why it cannot work."),
			remedy: nullable(string("What to do.")),
		}),
	),
	traceback: nullable(string("Python traceback.")),
	data: anything("Facts for programs."),
});

const end = event("EndEvent", "end", "Nothing follows.", {
	status: choice("How it ended.", [
		"completed",
		"stopped",
		"failed",
		"canceled",
	]),
	steps: count("Optimizer steps that were made."),
	adapter: nullable(
		string("Folder of the trained weights; null when none were kept."),
	),
	keptStep: nullable(count("Step of the checkpoint that they are.")),
	error: {
		...endError,
		type: ["object", "null"],
	},
});

/** Every event; `gap` is made for one reader and never written. */
export const eventSchema = tagged("RunEvent", "An event of a run.", "type", [
	stage,
	ready,
	resolved,
	data,
	modelEvent,
	tensors,
	stepEvent,
	evaluation,
	predictions,
	score,
	checkpoint,
	warning,
	log,
	gap,
	end,
]);
