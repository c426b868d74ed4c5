// What travels between the SDK and a loaded model. No part of a run: nothing of it is kept.
import { endError } from "../run/event-schema.js";
import {
	boolean,
	branch,
	choice,
	integer,
	type JsonSchema,
	list,
	nullable,
	number,
	record,
	resolvedForm,
	section,
	string,
	tagged,
} from "../schema/fields.js";
import { device, maxPixels, modelSchema, sampling } from "../spec/schema.js";

/** A model with every default filled. */
export const resolvedModel = resolvedForm(modelSchema);

const adapters = record(
	"Folders of adapters in PEFT's format, by the name they are called by.",
	string("Path of the folder.", { minLength: 1 }),
);

/** What `loadModel` takes, once it is brought into one form. */
export const loadSettingsSchema = section(
	"LoadSettings",
	"A model to be loaded.",
	{ model: modelSchema, adapters, device, maxPixels },
);

const maxNewTokens = integer("Longest answer, in tokens.", {
	minimum: 1,
	default: 64,
});

const batchSize = integer("Inputs answered at once.", {
	minimum: 1,
	default: 8,
});

const { temperature, topP, topK } = sampling;

const seed = integer("Seeds the draw.", { minimum: 0, maximum: 2 ** 32 - 1 });

const generateSettings = section(
	"GenerateSettings",
	"How answers are generated.",
	{
		maxNewTokens,
		batchSize,
		temperature: nullable(
			{
				...temperature,
				description:
					"Draw tokens at this temperature; null: always the likeliest one.",
			},
			{ default: null },
		),
		topP,
		topK,
		seed: nullable(
			{
				...seed,
				description:
					"The same seed gives the same answers, however they are batched; null: another one each time.",
			},
			{ default: null },
		),
	},
);

/** The plain options of `generate`; a default of the whole has no place to go. */
export const generateSettingsSchema: JsonSchema = {
	...generateSettings,
	default: undefined,
};

const requestId = string("Names the call.");

const index = integer("Number of the input within the call.", { minimum: 0 });

const load = branch(
	"LoadMessage",
	"Load a model; the first message.",
	{ type: "load" },
	{
		model: resolvedModel,
		adapters,
		device: resolvedForm(device),
		maxPixels: resolvedForm(maxPixels),
	},
);

const generate = branch(
	"GenerateMessage",
	"Answer these questions, when those before are answered.",
	{ type: "generate" },
	{
		requestId,
		adapter: nullable(string("Adapter to use; null: the base model.")),
		questions: list(
			"What is asked.",
			section("Question", "A conversation that the model goes on with.", {
				messages: list(
					"Turns.",
					section("Turn", "One turn.", {
						role: choice("Who speaks.", ["system", "user", "assistant"]),
						content: list(
							"Texts and pictures, in order.",
							tagged("TurnPart", "A part of a turn.", "type", [
								branch(
									"TextPart",
									"Text.",
									{ type: "text" },
									{ text: string("The text.") },
								),
								branch(
									"PicturePart",
									"A picture.",
									{ type: "image" },
									{ path: string("Path of its file.") },
								),
							]),
						),
					}),
				),
			}),
			{ minItems: 1 },
		),
		maxNewTokens: resolvedForm(maxNewTokens),
		batchSize: resolvedForm(batchSize),
		sampling: {
			...section("Sampling", "How tokens are drawn.", {
				temperature: resolvedForm(temperature),
				topP: resolvedForm(topP),
				topK: resolvedForm(topK),
				seed,
			}),
			type: ["object", "null"],
		},
	},
);

const cancel = branch(
	"CancelMessage",
	"Nobody waits for this call any more.",
	{ type: "cancel" },
	{ requestId },
);

const close = branch("CloseMessage", "End.", { type: "close" }, {});

/** Every message to a loaded model. */
export const servingControlSchema = tagged(
	"ServingControl",
	"A message to a loaded model.",
	"type",
	[load, generate, cancel, close],
);

const download = branch(
	"DownloadMessage",
	"The model's files arrive.",
	{ type: "download" },
	{
		done: number("Bytes so far.", { minimum: 0 }),
		total: number("Bytes in all.", { minimum: 0 }),
	},
);

const ready = branch(
	"ReadyMessage",
	"The model can be asked.",
	{ type: "ready" },
	{
		pid: integer("Process id of the worker.", { minimum: 1 }),
		device: string("Device that torch computes on."),
		dtype: choice("Type of the weights.", ["float32", "bfloat16", "float16"]),
		attention: string("Attention implementation, as transformers names it."),
		parameters: integer("Parameters in all, with the adapters.", {
			minimum: 0,
		}),
	},
);

const piece = branch(
	"PieceMessage",
	"An answer goes on.",
	{ type: "piece" },
	{ requestId, index, text: string("What comes next.") },
);

const answer = branch(
	"AnswerMessage",
	"An answer is complete.",
	{ type: "answer" },
	{
		requestId,
		index,
		rest: string("What no piece has told."),
		text: string("The whole answer."),
		tokens: integer("Tokens generated, the end token included.", {
			minimum: 0,
		}),
		stopped: boolean("Did it end by itself?"),
	},
);

const done = branch(
	"DoneMessage",
	"Every answer of a call is told.",
	{ type: "done" },
	{ requestId },
);

const failed = branch(
	"FailedMessage",
	"A call cannot be answered, or the model not be loaded.",
	{ type: "failed" },
	{
		requestId: nullable(string("Names the call; null: loading.")),
		error: endError,
	},
);

/** Every message of a loaded model. */
export const servingEventSchema = tagged(
	"ServingEvent",
	"A message of a loaded model.",
	"type",
	[download, ready, piece, answer, done, failed],
);
