// Compile-time tests: each line that must not type-check says so, and tsc fails where one does.
import {
	defineSpec,
	evaluate,
	finetune,
	loadModel,
	type Spec,
} from "../../sdk/index.js";

const data = {
	train: { kind: "jsonl", path: "train.jsonl" },
	validation: { kind: "jsonl", path: "validation.jsonl" },
} as const;
const model = { nameOrPath: "captune/airplanes-tiny" };
const forced = { kind: "teacherForced" } as const;
const drawn = { kind: "airplanes", split: "test" } as const;

// What must be accepted.
export const accepted: readonly Spec[] = [
	{ model, data },
	{ model, data, method: { kind: "lora", rank: 8, dora: true } },
	{ model, data, method: { kind: "full" } },
	defineSpec({ model, data, evaluation: { kind: "teacherForced" } }),
	{
		model,
		data,
		evaluation: {
			kind: "generate",
			metrics: ["rougeL", "myOwn"],
			best: { metric: "myOwn" },
		},
	},
	{ model, data: { train: { kind: "airplanes", split: "train" } } },
] satisfies readonly Spec[];

const base = { model, data };

// Passed directly.
export const direct = () => [
	// @ts-expect-error rank belongs to lora
	finetune({ ...base, method: { kind: "full", rank: 8 } }),
	// @ts-expect-error there is no such method
	finetune({ ...base, method: { kind: "ia3" } }),
	// @ts-expect-error a method says its kind
	finetune({ ...base, method: { rank: 8 } }),
	// @ts-expect-error nothing is generated
	finetune({ ...base, evaluation: { kind: "teacherForced", stemming: true } }),
	// @ts-expect-error ROUGE needs generated text
	finetune({ ...base, evaluation: { ...forced, metrics: ["rouge1"] } }),
	// @ts-expect-error a drawn split has no path
	finetune({ model, data: { train: { ...drawn, path: "x" } } }),
	// @ts-expect-error there is no training without rows
	finetune({ model, data: { train: { kind: "none" } } }),
	// @ts-expect-error unknown key
	finetune({ ...base, trainnig: {} }),
	// @ts-expect-error wrong type
	finetune({ ...base, training: { epochs: "4" } }),
	// @ts-expect-error the model is needed
	finetune({ data }),
];

// Through defineSpec.
export const defined = () => [
	// @ts-expect-error rank belongs to lora
	defineSpec({ ...base, method: { kind: "full", rank: 8 } }),
	// @ts-expect-error nothing is generated
	defineSpec({ ...base, evaluation: { ...forced, stemming: true } }),
];

// With satisfies.
export const satisfied = [
	// @ts-expect-error rank belongs to lora
	{ ...base, method: { kind: "full", rank: 8 } } satisfies Spec,
	// @ts-expect-error nothing is generated
	{ ...base, evaluation: { ...forced, maxNewTokens: 9 } } satisfies Spec,
];

// From a variable, which escapes the check for excess keys.
const fullWithRank = { kind: "full", rank: 8 } as const;
const forcedWithTokens = { kind: "teacherForced", maxNewTokens: 9 } as const;
const drawnWithPath = { kind: "airplanes", split: "test", path: "x" } as const;
export const fromVariable = () => [
	// @ts-expect-error rank belongs to lora
	finetune({ ...base, method: fullWithRank }),
	// @ts-expect-error nothing is generated
	finetune({ ...base, evaluation: forcedWithTokens }),
	// @ts-expect-error a drawn split has no path
	finetune({ model, data: { train: drawnWithPath } }),
];

/** Every event can be told apart, and none is forgotten. */
export async function exhaustive(spec: Spec): Promise<void> {
	const run = finetune(spec);
	for await (const event of run) {
		switch (event.type) {
			case "step":
				event.loss?.toFixed();
				// @ts-expect-error a loss may be null
				event.loss.toFixed();
				break;
			case "score":
				event.values["rouge1"]?.toFixed();
				break;
			case "stage":
			case "ready":
			case "resolved":
			case "data":
			case "model":
			case "tensors":
			case "evaluation":
			case "predictions":
			case "checkpoint":
			case "warning":
			case "log":
			case "gap":
			case "end":
				break;
			default:
				event satisfies never;
		}
	}
	run.on("checkpoint", ({ path }) => path.length);
	// @ts-expect-error there is no such event
	run.on("checkpoints", () => {});
	const result = await run;
	result.test?.tuned?.values["rouge1"]?.toFixed();
	// @ts-expect-error awaiting the handle gives the result, which cannot be stopped
	result.stop();
}

/** Nothing is trained, so nothing can be stopped half-way, and splits may be taken out of training rows only. */
export async function evaluation(run: string): Promise<void> {
	evaluate({ model, data: { test: drawn } });
	evaluate(run, { spec: { evaluation: { maxNewTokens: 9 } } });
	// @ts-expect-error which model
	evaluate({ data: { test: drawn } });
	// @ts-expect-error where it goes is an option
	evaluate(run, { spec: { output: { folder: "x" } } });
	// @ts-expect-error a spec is there already
	evaluate({ model, data: { test: drawn } }, { spec: {} });
	// @ts-expect-error it can only be canceled
	evaluate(run).stop();
	const { test } = await evaluate(run);
	test?.base?.values["loss"]?.toFixed();
}

/** A question is a prompt with its pictures, or a conversation. */
export async function serving(): Promise<void> {
	await using loaded = await loadModel({ model, adapters: { planes: "x" } });
	const [answer] = await loaded.generate([{ prompt: "What?", image: "x" }]);
	answer?.text.trim();
	// @ts-expect-error both
	loaded.generate([{ prompt: "What?", messages: [] }]);
	// @ts-expect-error no prompt
	loaded.generate([{ image: "x" }]);
	for await (const piece of loaded.generate([{ prompt: "What?" }]))
		piece.answer?.stopped.valueOf();
}
