// The handle that `loadModel` returns.
import { randomInt } from "node:crypto";
import { inspect } from "node:util";
import { type Issue, SpecError } from "../errors.js";
import { compileJudge, type Judge, suggestion } from "../schema/judge.js";
import type { GenerateCall } from "./call.js";
import { checkInputs, type GenerateInput, toQuestions } from "./inputs.js";
import type {
	GenerateSettings,
	ReadyMessage,
	Sampling,
} from "./messages.generated.js";
import type { ModelWorker } from "./model-worker.js";
import { generateSettingsSchema } from "./schema.js";

export interface GenerateOptions extends GenerateSettings {
	/** One of the model's `adapters`, or null for the base model; the model's `adapter` when left out. */
	readonly adapter?: string | null;
	/** Aborting cancels this call, and leaves the model as it is. */
	readonly signal?: AbortSignal;
}

/** What a model is and where it runs. */
export type ModelFacts = Omit<ReadyMessage, "type">;

/** A model in a process of its own, until it is closed. Calls are answered one after the other. */
export class LoadedModel implements AsyncDisposable {
	/** Names of its adapters. */
	readonly adapters: readonly string[];
	/** The adapter that answers unless a call says otherwise; null: the base model. */
	readonly adapter: string | null;
	/** Where it runs and in which type. */
	readonly facts: ModelFacts;
	readonly #worker: ModelWorker;

	/** @internal */
	constructor(
		worker: ModelWorker,
		{ type: _, ...facts }: ReadyMessage,
		adapters: readonly string[],
		adapter: string | null,
	) {
		this.#worker = worker;
		this.facts = facts;
		this.adapters = adapters;
		this.adapter = adapter;
	}

	/**
	 * Answers every input. Returns at once; `await` gives all answers, `for await` the pieces of all of them as they are
	 * generated.
	 *
	 * @throws {SpecError} at once, listing everything that is wrong with inputs and options.
	 * The call rejects with an `InputError` (DATA_INVALID: a picture or a text cannot be used, `inputs[3]` says which;
	 * OUT_OF_MEMORY; MODEL_CLOSED), a `CanceledError` or a `WorkerError`. The model can be asked again after the first
	 * two of these.
	 */
	generate(
		inputs: readonly GenerateInput[],
		options: GenerateOptions = {},
	): GenerateCall {
		const { adapter = this.adapter, signal, ...plain } = options;
		const draft = { ...plain } as Draft;
		const issues = [
			...checkInputs(inputs),
			...this.#adapterIssues(adapter),
			...judge(draft),
			...samplingIssues(draft, options),
		];
		if (issues.length > 0) throw new SpecError(issues, "What is asked is");
		const { maxNewTokens, batchSize, temperature, topP, topK } = draft;
		const seed = draft.seed ?? randomInt(2 ** 32);
		const sampling: Sampling | null =
			temperature === null ? null : { temperature, topP, topK, seed };
		return this.#worker.ask(
			{ adapter, maxNewTokens, batchSize, sampling },
			(folder) => toQuestions(inputs, folder),
			signal,
		);
	}

	/** Ends its process; calls that are not answered reject with a `CanceledError`. */
	close(): Promise<void> {
		return this.#worker.close();
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	[inspect.custom](): string {
		const { device, dtype } = this.facts;
		return `LoadedModel on ${device} in ${dtype}, adapters: ${this.adapters.join(", ") || "none"}`;
	}

	#adapterIssues(adapter: string | null): Issue[] {
		if (adapter === null || this.adapters.includes(adapter)) return [];
		return [
			{
				path: "adapter",
				value: adapter,
				reason: "is not loaded",
				remedy:
					this.adapters.length === 0
						? "The model has none."
						: suggestion(String(adapter), this.adapters),
			},
		];
	}
}

type Draft = Required<GenerateSettings>;

let compiled: Judge | undefined;

/** Fills the defaults of the options. */
const judge: Judge = (draft) => {
	compiled ??= compileJudge(generateSettingsSchema);
	return compiled(draft);
};

function samplingIssues(draft: Draft, given: GenerateOptions): Issue[] {
	if (draft.temperature !== null) return [];
	return (["topP", "topK", "seed"] as const)
		.filter((name) => given[name] !== undefined && given[name] !== null)
		.map((name) => ({
			path: name,
			value: given[name],
			reason: "has no effect: the likeliest token is always taken",
			remedy: "Give a temperature too, or leave it out.",
		}));
}
