// What earlier attempts at a run left behind, and how much of it still counts.
import type { RunEvent } from "./event.generated.js";
import { readEventLog, readWorkerLog } from "./folder.js";
import { isEvent } from "./journal.js";

/** The earlier attempts at a run, as its folder tells them. */
export interface History {
	/** The last attempt; 0 before the first. */
	readonly attempt: number;
	/** Every event, in order. */
	readonly events: readonly RunEvent[];
	/** Events that the last attempt's worker wrote down and no SDK has taken. */
	readonly unread: readonly RunEvent[];
	/** How many of its events an SDK has taken. */
	readonly taken: number;
}

/** An attempt that begins with nothing returns to before everything. */
const nothing = -1;

export function readHistory(folder: string): History {
	const events = readEventLog(folder);
	// What broke the protocol in its own attempt must not break every later one.
	const written = readWorkerLog(folder).filter(isEvent);
	const attempt = [...events, ...written].reduce(
		(last, event) => Math.max(last, event.attempt),
		0,
	);
	const key = ({ type, time }: RunEvent) => `${type} ${time}`;
	const ofAttempt = (event: RunEvent) => event.attempt === attempt;
	const taken = new Set(events.filter(ofAttempt).map(key));
	const unread = written.filter(
		(event) => ofAttempt(event) && !taken.has(key(event)),
	);
	const own = written.filter(ofAttempt);
	return { attempt, events, unread, taken: own.length - unread.length };
}

/** The step that a resumed run returns to with this event, -1 for the very beginning; undefined for other events. */
export function returnsTo(event: RunEvent): number | undefined {
	if (event.type === "checkpoint" && event.state === "loaded")
		return event.step;
	if (event.type === "warning" && event.code === "NO_CHECKPOINT")
		return nothing;
	return undefined;
}

/**
 * The events of a run that still count, in order: an attempt supersedes what earlier ones did past the checkpoint it
 * went on from, an evaluation or a fact that was made again supersedes the earlier one, and an end that was gone beyond
 * is none.
 */
export function currentEvents(events: readonly RunEvent[]): RunEvent[] {
	const returns = events.flatMap((event) => {
		const step = returnsTo(event);
		return step === undefined ? [] : [{ attempt: event.attempt, step }];
	});
	const lastStep = (attempt: number) =>
		returns
			.filter((one) => one.attempt > attempt)
			.reduce((least, { step }) => Math.min(least, step), Infinity);
	const standing = events.filter(
		(event) => !("step" in event) || event.step <= lastStep(event.attempt),
	);
	const lastAttempt = events.at(-1)?.attempt;
	const evaluated = new Map<string, number>();
	const told = new Map<RunEvent["type"], number>();
	for (const event of standing) {
		told.set(event.type, event.attempt);
		if (event.type === "evaluation")
			evaluated.set(event.evaluationId, event.attempt);
	}
	return standing.filter((event) => {
		switch (event.type) {
			case "ready":
			case "resolved":
			case "data":
			case "model":
				return event.attempt === told.get(event.type);
			case "predictions":
			case "evaluation":
				return (
					event.attempt === (evaluated.get(event.evaluationId) ?? lastAttempt)
				);
			case "score":
				// A later attempt may score what an earlier one evaluated.
				return event.attempt >= (evaluated.get(event.evaluationId) ?? 0);
			case "end":
				return event.attempt === lastAttempt;
			default:
				return true;
		}
	});
}
