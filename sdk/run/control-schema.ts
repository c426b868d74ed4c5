// Every message that the SDK sends to a worker.
import {
	boolean,
	branch,
	integer,
	list,
	nullable,
	number,
	section,
	string,
	tagged,
} from "../schema/fields.js";
import { resolvedSpecSchema } from "../spec/schema.js";
import { scored, values } from "./event-schema.js";

const train = branch(
	"TrainTask",
	"Fine-tune the model.",
	{ kind: "train" },
	{
		resume: nullable(
			section("ResumeControl", "Go on where an earlier attempt ended.", {
				scored: list(
					"Steps of the checkpoints that have their decision.",
					integer("Step.", { minimum: 0 }),
				),
			}),
		),
	},
);

const evaluate = branch(
	"EvaluateTask",
	"Score weights as they are, on the validation and the test split; train nothing and save no weights.",
	{ kind: "evaluate" },
	{
		weights: nullable(
			string(
				"Folder of an adapter in PEFT's format or of a whole model; null: the base model.",
			),
		),
		step: integer("Optimizer step that made them, where that is known.", {
			minimum: 0,
		}),
	},
);

const start = branch(
	"StartControl",
	"Begin, and obey this spec.",
	{ type: "start" },
	{
		spec: resolvedSpecSchema,
		task: tagged("Task", "What is to be done.", "kind", [train, evaluate]),
	},
);

const stop = branch(
	"StopControl",
	"Finish the step, save, evaluate, end.",
	{ type: "stop" },
	{},
);

const cancel = branch(
	"CancelControl",
	"End at the next boundary and save nothing.",
	{ type: "cancel" },
	{},
);

const decision = branch(
	"DecisionControl",
	"What TypeScript decides at a checkpoint, once its evaluation is scored.",
	{ type: "decision" },
	{
		step: integer("The checkpoint that this is about.", { minimum: 0 }),
		best: nullable(
			integer("Step of the best checkpoint so far.", { minimum: 0 }),
		),
		value: nullable(
			number("What the best checkpoint is told by, of this checkpoint."),
		),
		prune: list(
			"Steps of the checkpoints to remove.",
			integer("Step.", { minimum: 0 }),
		),
		stop: boolean("Is training over?"),
	},
);

const score = branch(
	"ScoreControl",
	"What an evaluation came to, for the trackers; without values where it could not be scored.",
	{ type: "score" },
	{ ...scored, values },
);

const tensorStatistics = branch(
	"TensorStatisticsControl",
	"Send statistics of trainable parameters at the next boundary.",
	{ type: "tensorStatistics" },
	{
		requestId: string("Comes back in the answer."),
		pattern: string("Regular expression that a name must contain."),
	},
);

/** Every control message. */
export const controlSchema = tagged(
	"ControlMessage",
	"A message to the worker.",
	"type",
	[start, stop, cancel, decision, score, tensorStatistics],
);
