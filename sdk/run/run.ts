// The handle that `finetune` returns: a promise of the result, a stream of events, and the means to interfere.
import { inspect } from "node:util";
import { CanceledError, CaptuneError, DetachedError } from "../errors.js";
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
import { readEventLog } from "./folder.js";
import type { FinetuneResult } from "./result.js";
import { Session, type SessionOptions } from "./session.js";
import { type EventOf, EventStream, type EventType } from "./stream.js";

export type RunState =
	| "running"
	| "stopping"
	| "completed"
	| "stopped"
	| "failed"
	| "canceled"
	| "detached";

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
	 * Lets the run go on without this process, as soon as its worker has connected. Awaiting the handle then rejects with a
	 * `DetachedError`, and loops over its events end. Nothing is lost: `attach(folder)`, from any process, gives the same
	 * run with every event. A run that ends first is not detached.
	 */
	detach(): Promise<Detached>;
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

/** Where a run is to be found again. */
export interface Detached {
	readonly runId: string;
	/** What `attach` is given. */
	readonly folder: string;
}

/** An evaluation under way. */
export type EvaluationRun = RunHandle<EvaluationResult>;

interface ReplayOptions {
	/** Readers get the events that are in the folder first, from the one of this number. */
	readonly replayFrom?: number;
}

/** Starts a training session and puts the handle around it. */
export function startRun(
	options: SessionOptions & ReplayOptions,
	signal: AbortSignal | undefined,
): FinetuneRun {
	const { handle, stop, detach, tensorStatistics } = begin(
		"FinetuneRun",
		options,
		(conclusion) => finetuneResult(options, conclusion),
		signal,
	);
	return Object.defineProperties(handle, {
		stop: { value: stop },
		detach: { value: detach },
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
	options: SessionOptions & ReplayOptions,
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
			if (error instanceof DetachedError) {
				state = "detached";
				stream.close();
			} else {
				state = error instanceof CanceledError ? "canceled" : "failed";
				stream.close({ error });
			}
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

	async function detach(): Promise<Detached> {
		const { runId, folder } = options;
		await Promise.race([session.detach(), settled]);
		await result.catch((error) => {
			if (!(error instanceof DetachedError)) throw error;
		});
		return { runId, folder };
	}

	/** Every event from now on, after those before that were asked for. */
	function read(types?: readonly EventType[]) {
		const { replayFrom } = options;
		const live = stream.read(types);
		return replayFrom === undefined
			? live
			: afterThose(live, past, replayFrom, types && new Set(types));
	}

	/** What is in the folder; nothing, where that could not be had. */
	async function past(): Promise<readonly RunEvent[]> {
		const isOurs = session.opened.then(() => true);
		const isThere = await Promise.race([isOurs, settled.then(() => false)]);
		return isThere ? readEventLog(options.folder) : [];
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
				read(types.length > 0 ? types : undefined),
		},
		cancel: { value: cancel },
		[Symbol.asyncIterator]: { value: () => read() },
		[Symbol.asyncDispose]: { value: () => cancel("disposed") },
		[inspect.custom]: {
			value: () => `${kind} ${options.runId} (${state}) in ${options.folder}`,
		},
	}) as RunHandle<Result>;
	return { handle, stop, detach, tensorStatistics };
}

/** The events of the past from that number on, then those that come; `live` has been listening since before. */
async function* afterThose(
	live: AsyncIterableIterator<RunEvent>,
	past: () => Promise<readonly RunEvent[]>,
	from: number,
	types: ReadonlySet<EventType> | undefined,
): AsyncGenerator<RunEvent> {
	let next = from;
	try {
		for (const event of await past()) {
			if (event.seq < next) continue;
			next = event.seq + 1;
			if (types === undefined || types.has(event.type)) yield event;
		}
		// What is missing before the next one has been read from the folder.
		for await (const event of live)
			if (event.type === "gap" ? event.seq > next : event.seq >= next)
				yield event;
	} finally {
		// A reader that leaves amid the past has not begun with what comes.
		await live.return?.();
	}
}

/** A listener's mistake must not cost a training run, nor go unseen. */
function warnOfListener(error: unknown): void {
	process.emitWarning(
		`A listener of a captune run threw: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
		"CaptuneListenerWarning",
	);
}
