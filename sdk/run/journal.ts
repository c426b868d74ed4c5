// The run's own log: gives events their place in the run, keeps them in the run folder, and hands them on.
import { type Issue, WorkerError } from "../errors.js";
import { compileJudge, type Judge } from "../schema/judge.js";
import type { RunEvent } from "./event.generated.js";
import { eventSchema } from "./event-schema.js";
import type { RunFolder } from "./folder.js";
import type { EventStream } from "./stream.js";

type Distribute<Event> = Event extends RunEvent
	? Omit<Event, "runId" | "attempt" | "seq" | "time">
	: never;

/** An event before it has its place. */
export type EventBody = Distribute<RunEvent>;

/** The disk has these before anybody is told. */
const durable: ReadonlySet<RunEvent["type"]> = new Set([
	"evaluation",
	"checkpoint",
	"score",
	"end",
]);

export class RunJournal {
	readonly #runId: string;
	readonly #attempt: number;
	readonly #folder: RunFolder;
	readonly #stream: EventStream;
	#seq: number;

	/** `lastSeq`: number of the last event that is in the folder already. */
	constructor(
		runId: string,
		attempt: number,
		folder: RunFolder,
		stream: EventStream,
		lastSeq: number,
	) {
		this.#seq = lastSeq;
		this.#runId = runId;
		this.#attempt = attempt;
		this.#folder = folder;
		this.#stream = stream;
	}

	/** An event of the SDK's own. */
	say(body: EventBody): RunEvent {
		const event = {
			...body,
			runId: this.#runId,
			attempt: this.#attempt,
			seq: this.#seq + 1,
			time: Date.now(),
		} as RunEvent;
		this.#keep([event]);
		return event;
	}

	/**
	 * Events of the worker: they keep their time and get the run's numbers.
	 *
	 * @throws {WorkerError} PROTOCOL_ERROR for an event that the schema does not know.
	 */
	relay(events: readonly unknown[]): readonly RunEvent[] {
		const kept = events.map((event, at) => ({
			...checked(event),
			seq: this.#seq + 1 + at,
		}));
		this.#keep(kept);
		return kept;
	}

	#keep(events: readonly RunEvent[]): void {
		this.#folder.append(
			events,
			events.some(({ type }) => durable.has(type)),
		);
		this.#seq += events.length;
		for (const event of events) this.#stream.publish(event);
	}
}

/** What a worker may say, and what it may not. */
export interface Heard {
	readonly events: readonly RunEvent[];
	/** PROTOCOL_ERROR of the first that is no event by the schema, is of another attempt, or follows an end. */
	readonly fault?: WorkerError;
}

/** Holds a worker to the schema, to its own attempt and to its end: what it says up to the first fault counts. */
export function hear(
	said: readonly unknown[],
	{ runId, attempt }: Pick<RunEvent, "runId" | "attempt">,
	end: RunEvent | undefined,
): Heard {
	const events: RunEvent[] = [];
	let isOver = end !== undefined;
	for (const one of said) {
		const issues = judge(one);
		if (issues.length > 0) return { events, fault: noEvent(one, issues) };
		const event = one as RunEvent;
		const what = isOver
			? `"${event.type}" after its end`
			: `of run ${event.runId}, attempt ${event.attempt}`;
		if (isOver || event.runId !== runId || event.attempt !== attempt) {
			const fault = new WorkerError(
				"PROTOCOL_ERROR",
				`The worker of run ${runId}, attempt ${attempt}, sent an event ${what}.`,
				{ runId, data: { event } },
			);
			return { events, fault };
		}
		isOver = event.type === "end";
		events.push(event);
	}
	return { events };
}

let compiled: Judge | undefined;
const judge: Judge = (value) => {
	compiled ??= compileJudge(eventSchema);
	return compiled(value);
};

/** Is it an event by the schema? */
export const isEvent = (value: unknown): value is RunEvent =>
	judge(value).length === 0;

function checked(event: unknown): RunEvent {
	const issues = judge(event);
	if (issues.length > 0) throw noEvent(event, issues);
	return event as RunEvent;
}

const noEvent = (event: unknown, issues: readonly Issue[]) =>
	new WorkerError(
		"PROTOCOL_ERROR",
		`The worker sent an event that is none: ${issues[0]?.path} ${issues[0]?.reason}.`,
		{ issues, data: { event } },
	);
