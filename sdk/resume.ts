// resume(): goes on with a run in its own folder, with nothing but what is in there.

import { SpecError } from "./errors.js";
import {
	type FinetuneOptions,
	optionIssues,
	processOptions,
} from "./options.js";
import { type FinetuneRun, startRun } from "./run/run.js";
import { readUnfinished } from "./run/unfinished.js";

/**
 * Continues a run that was stopped, canceled, killed or that failed, from its newest whole checkpoint, under its own id
 * and in its own folder. Where there is no checkpoint it begins anew, and a warning NO_CHECKPOINT says so. Returns at
 * once with the same handle as `finetune`; its events are those of this attempt, after what an earlier worker wrote down
 * and nobody read. An attempt that fails leaves the folder as resumable as it was.
 *
 * @throws {InputError} at once: RUN_UNKNOWN for a folder that holds no run, RUN_COMPLETED where nothing is left to do.
 * @throws {SpecError} at once: the run's spec or the options cannot work, or a metric of your own is missing.
 * The run rejects with RUN_LOCKED while another process works in the folder, and else as `finetune` does. A worker that
 * outlived its process is waited for, and killed a second after the `graceMs` that it was given.
 */
export function resume(
	runFolder: string,
	options: FinetuneOptions = {},
): FinetuneRun {
	const session = processOptions(options);
	const issues = optionIssues(session);
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	return startRun(
		{ ...session, ...readUnfinished(runFolder, session.metrics) },
		options.signal,
	);
}
