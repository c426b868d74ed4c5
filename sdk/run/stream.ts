// Hands events to everyone who listens. A reader that is slow never holds up the run, and loses telemetry only.
import type { RunEvent } from "./event.generated.js";

export type EventType = RunEvent["type"];
export type EventOf<Type extends EventType> = Extract<
	RunEvent,
	{ readonly type: Type }
>;

/** Events of telemetry that a reader may hold before they are left out. */
const QUEUE_EVENTS = 4096;

/** May be left out for a slow reader; everything else always arrives. */
const telemetry: ReadonlySet<EventType> = new Set([
	"step",
	"stage",
	"tensors",
	"log",
]);

/** An asynchronous one is not waited for. */
type Listener = (event: RunEvent) => unknown;

export class EventStream {
	readonly #listeners = new Map<EventType, Set<Listener>>();
	readonly #readers = new Set<Reader>();
	readonly #onListenerError: (error: unknown) => void;
	#closed: { readonly error?: unknown } | undefined;

	/** A listener that throws is told to `onListenerError`; it stops neither the run nor other listeners. */
	constructor(onListenerError: (error: unknown) => void) {
		this.#onListenerError = onListenerError;
	}

	publish(event: RunEvent): void {
		for (const reader of this.#readers) reader.push(event);
		for (const listener of this.#listeners.get(event.type) ?? []) {
			try {
				const result = listener(event);
				if (result instanceof Promise) result.catch(this.#onListenerError);
			} catch (error) {
				this.#onListenerError(error);
			}
		}
	}

	/** Ends every iteration after what is queued; with an error, by throwing it. */
	close(outcome: { readonly error?: unknown } = {}): void {
		this.#closed = outcome;
		for (const reader of this.#readers) reader.end(outcome);
	}

	/** Calls `listener` for every event of a type from now on. Returns how to stop that. */
	on<Type extends EventType>(
		type: Type,
		listener: (event: EventOf<Type>) => void,
	): () => void {
		const listeners = this.#listeners.get(type) ?? new Set();
		this.#listeners.set(type, listeners.add(listener as Listener));
		return () => {
			listeners.delete(listener as Listener);
		};
	}

	/** Every event from now on, or those of the given types. Breaking off only ends this reader. */
	read(types?: readonly EventType[]): AsyncIterableIterator<RunEvent> {
		const reader = new Reader(types && new Set(types), () =>
			this.#readers.delete(reader),
		);
		if (this.#closed) reader.end(this.#closed);
		else this.#readers.add(reader);
		return reader;
	}
}

class Reader implements AsyncIterableIterator<RunEvent> {
	readonly #types: ReadonlySet<EventType> | undefined;
	readonly #onReturn: () => void;
	#queue: RunEvent[] = [];
	/** How many of them are telemetry. */
	#telemetry = 0;
	#dropped: Record<string, number> = {};
	#outcome: { readonly error?: unknown } | undefined;
	#wake: (() => void) | undefined;

	constructor(types: ReadonlySet<EventType> | undefined, onReturn: () => void) {
		this.#types = types;
		this.#onReturn = onReturn;
	}

	push(event: RunEvent): void {
		if (this.#types && !this.#types.has(event.type)) return;
		this.#queue.push(event);
		if (telemetry.has(event.type) && ++this.#telemetry > QUEUE_EVENTS)
			this.#dropTelemetry();
		this.#wake?.();
	}

	end(outcome: { readonly error?: unknown }): void {
		this.#outcome = outcome;
		this.#wake?.();
	}

	async next(): Promise<IteratorResult<RunEvent>> {
		for (;;) {
			const event = this.#takeGap() ?? this.#take();
			if (event !== undefined) return { done: false, value: event };
			if (this.#outcome !== undefined) return this.#finish();
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
			this.#wake = undefined;
		}
	}

	async return(): Promise<IteratorResult<RunEvent>> {
		this.#onReturn();
		this.#queue = [];
		this.#outcome ??= {};
		return { done: true, value: undefined };
	}

	[Symbol.asyncIterator](): this {
		return this;
	}

	#finish(): IteratorResult<RunEvent> {
		const { error } = this.#outcome ?? {};
		this.#outcome = {};
		if (error !== undefined) throw error;
		return { done: true, value: undefined };
	}

	#take(): RunEvent | undefined {
		const event = this.#queue.shift();
		if (event && telemetry.has(event.type)) this.#telemetry--;
		return event;
	}

	#dropTelemetry(): void {
		const kept = this.#queue.filter(({ type }) => !telemetry.has(type));
		for (const { type } of this.#queue)
			if (telemetry.has(type))
				this.#dropped[type] = (this.#dropped[type] ?? 0) + 1;
		this.#queue = kept;
		this.#telemetry = 0;
	}

	/** Told where the events would have stood: before whatever comes next. */
	#takeGap(): RunEvent | undefined {
		const next = this.#queue[0];
		if (next === undefined || Object.keys(this.#dropped).length === 0)
			return undefined;
		const dropped = this.#dropped;
		this.#dropped = {};
		const { runId, attempt, seq, time } = next;
		return { type: "gap", runId, attempt, seq, time, dropped };
	}
}
