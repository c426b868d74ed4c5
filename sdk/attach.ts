// attach(): comes back to a run that goes on by itself.

import { SpecError } from "./errors.js";
import {
	type FinetuneOptions,
	optionIssues,
	processOptions,
} from "./options.js";
import { type FinetuneRun, startRun } from "./run/run.js";
import { demandAttachable, readUnfinished } from "./run/unfinished.js";

export interface AttachOptions extends FinetuneOptions {
	/** Number (`seq`) of the first event that readers get; 1, every event of the run, when left out. */
	readonly from?: number;
}

/**
 * Comes back to a detached run, while its worker trains or after it has ended. Returns at once with the same handle as
 * `finetune`, which can stop, cancel or detach the run again; readers get its events from number `from` on, and then what
 * comes. What the worker has evaluated meanwhile is scored now and the best checkpoint chosen, with the metrics of your own
 * that the spec names. One process is attached at a time; keys are made anew each time.
 *
 * @throws {InputError} at once: RUN_UNKNOWN, RUN_COMPLETED, and NOTHING_TO_ATTACH where `resume` is what goes on.
 * @throws {SpecError} at once: the options cannot work, or a metric of your own is missing.
 * The run rejects with RUN_LOCKED while another process is attached, with WORKER_START_TIMEOUT where the worker does not
 * come within `startTimeoutMs` (it is left alone), and else as `finetune` does.
 */
export function attach(
	runFolder: string,
	{ from = 1, ...options }: AttachOptions = {},
): FinetuneRun {
	const session = processOptions(options);
	const issues = optionIssues(session);
	if (!Number.isInteger(from) || from < 1)
		issues.push({
			path: "from",
			value: from,
			reason: "must be the number of an event, 1 or more",
		});
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	const unfinished = readUnfinished(runFolder, session.metrics);
	demandAttachable(unfinished.folder);
	return startRun(
		{ ...session, ...unfinished, attaches: true, replayFrom: from },
		options.signal,
	);
}
