// The handle that `finetune` returns: a promise of the result, a stream of events, and the means to interfere.
import { inspect } from "node:util";
import { CanceledError, CaptuneError } from "../errors.js";
import { type Chart, chartsOf } from "../report/charts.js";
import { readEvents } from "../report/read.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import {
	type Conclusion,
	type EvaluationResult,
	evaluationResult,
	finetuneResult,
} from "./conclusion.js";
import type { EvaluateTask } from "./control.generated.js";
import type { RunEvent, TensorsEvent } from "./event.generated.js";
import type { FinetuneResult } from "./result.js";
import { Session, type SessionOptions } from "./session.js";
import { type EventOf, EventStream, type EventType } from "./stream.js";

export type RunState =
	| "running"
	| "stopping"
	| "completed"
	| "stopped"
	| "failed"
	| "canceled";

/**
 * Work under way. Awaiting it gives the result; so does every reader's loop end with it, and both raise the same
 * error. Iterating is a view: to break off ends the loop, not the work.
 *
 * It is a promise: returned from an async function it becomes its result, so return it inside an object.
 */
export interface RunHandle<Result>
	extends Promise<Result>,
		AsyncIterable<RunEvent>,
		AsyncDisposable {
	readonly id: string;
	/** The spec with every default filled; frozen. */
	readonly spec: ResolvedSpec;
	/** Absolute path of the run folder. */
	readonly folder: string;
	readonly state: RunState;
	/** Calls `listener` for each event of one type from now on. Returns how to stop that. */
	on<Type extends EventType>(
		type: Type,
		listener: (event: EventOf<Type>) => void,
	): () => void;
	/** The events from now on, of the given types only. */
	events<Type extends EventType>(
		...types: readonly Type[]
	): AsyncIterableIterator<EventOf<Type>>;
	/** Ends the run, which rejects with a `CanceledError`; resolves when the worker is gone. */
	cancel(reason?: unknown): Promise<void>;
}

/** A training run under way. */
export interface FinetuneRun extends RunHandle<FinetuneResult> {
	/** Finishes the step, saves, evaluates, and resolves with what was reached; before the first step it cancels. */
	stop(): Promise<FinetuneResult>;
	/**
	 * Minimum, maximum, mean, standard deviation and share of non-finite values of the trainable parameters whose name
	 * contains the pattern, at the next boundary between two steps.
	 */
	tensorStatistics(pattern?: string | RegExp): Promise<TensorsEvent>;
	/**
	 * The curves so far as Vega-Lite specifications, those of earlier attempts at the run included; read from the run
	 * folder. A chart that has no data yet is absent.
	 */
	charts(): readonly Chart[];
}

/** An evaluation under way. */
export type EvaluationRun = RunHandle<EvaluationResult>;

/** Starts a training session and puts the handle around it. */
export function startRun(
	options: SessionOptions,
	signal: AbortSignal | undefined,
): FinetuneRun {
	const { handle, stop, tensorStatistics } = begin(
		"FinetuneRun",
		options,
		(conclusion) => finetuneResult(options, conclusion),
		signal,
	);
	return Object.defineProperties(handle, {
		stop: { value: stop },
		tensorStatistics: { value: tensorStatistics },
		charts: { value: () => chartsSoFar(options) },
	}) as FinetuneRun;
}

function chartsSoFar({ folder, runId, spec }: SessionOptions) {
	const mine = readEvents(folder).filter((event) => event.runId === runId);
	return chartsOf(mine, spec.evaluation);
}

/** The same for a session that evaluates. */
export function startEvaluation(
	options: SessionOptions & { readonly task: EvaluateTask },
	signal: AbortSignal | undefined,
): EvaluationRun {
	const resultOf = (conclusion: Conclusion) =>
		evaluationResult(options, options.task, conclusion);
	return begin("EvaluationRun", options, resultOf, signal).handle;
}

function begin<Result extends { readonly status: "completed" | "stopped" }>(
	kind: string,
	options: SessionOptions,
	resultOf: (conclusion: Conclusion) => Result,
	signal: AbortSignal | undefined,
) {
	const stream = new EventStream(warnOfListener);
	const session = new Session(options, resultOf, stream);
	let state: RunState = "running";
	let requests = 0;

	const result = conduct();
	const settled = result.then(
		() => {},
		() => {},
	);
	const onAbort = () => void cancel(signal?.reason);
	if (signal?.aborted) onAbort();
	else signal?.addEventListener("abort", onAbort, { once: true });
	void settled.then(() => signal?.removeEventListener("abort", onAbort));

	async function conduct(): Promise<Result> {
		// Whoever iterates in the same breath as the call misses nothing, and errors of the folder reject, not throw.
		await Promise.resolve();
		try {
			const outcome = await session.conduct();
			state = outcome.status;
			stream.close();
			return outcome;
		} catch (error) {
			state = error instanceof CanceledError ? "canceled" : "failed";
			stream.close({ error });
			throw error;
		}
	}

	function stop(): Promise<Result> {
		if (state === "running") {
			state = "stopping";
			if (session.hasBegun) session.tell({ type: "stop" });
			else session.cancel("stopped before the first step");
		}
		return result;
	}

	async function cancel(reason?: unknown): Promise<void> {
		if (state === "running" || state === "stopping") session.cancel(reason);
		await settled;
	}

	async function tensorStatistics(
		pattern: string | RegExp = "",
	): Promise<TensorsEvent> {
		const requestId = `statistics-${++requests}`;
		const answers = stream.read(["tensors"]);
		session.tell({
			type: "tensorStatistics",
			requestId,
			pattern: typeof pattern === "string" ? pattern : pattern.source,
		});
		for await (const event of answers)
			if (event.type === "tensors" && event.requestId === requestId)
				return event;
		throw new CaptuneError(
			"CANCELED",
			"The run ended before the next boundary between two steps.",
			{ runId: options.runId },
		);
	}

	const handle = Object.defineProperties(result, {
		id: { value: options.runId, enumerable: true },
		spec: { value: options.spec, enumerable: true },
		folder: { value: options.folder, enumerable: true },
		state: { get: () => state, enumerable: true },
		on: { value: stream.on.bind(stream) },
		events: {
			value: (...types: EventType[]) =>
				stream.read(types.length > 0 ? types : undefined),
		},
		cancel: { value: cancel },
		[Symbol.asyncIterator]: { value: () => stream.read() },
		[Symbol.asyncDispose]: { value: () => cancel("disposed") },
		[inspect.custom]: {
			value: () => `${kind} ${options.runId} (${state}) in ${options.folder}`,
		},
	}) as RunHandle<Result>;
	return { handle, stop, tensorStatistics };
}

/** A listener's mistake must not cost a training run, nor go unseen. */
function warnOfListener(error: unknown): void {
	process.emitWarning(
		`A listener of a captune run threw: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
		"CaptuneListenerWarning",
	);
}
