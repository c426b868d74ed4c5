// finetune(): the spec is checked at once, everything else happens behind the handle.
import { resolve } from "node:path";
import type { RowsInput } from "./data/materialize.js";
import { type RowsOfSplits, rowsIssues, withRows } from "./data/splits.js";
import { SpecError } from "./errors.js";
import {
	type FinetuneOptions,
	optionIssues,
	processOptions,
} from "./options.js";
import { makeRunId } from "./run/id.js";
import { type FinetuneRun, startRun } from "./run/run.js";
import { resolveSpec } from "./spec/resolve.js";
import type { DataSpec, Spec } from "./spec/spec.generated.js";

/** A spec whose training rows come from the program. */
export type SpecOfRows = Omit<Spec, "data"> & {
	readonly data?: Omit<DataSpec, "train"> & { readonly train?: never };
};

/** How a run is started and carried out. */
export interface StartOptions extends FinetuneOptions {
	/**
	 * The worker outlives this process, however that ends, and prints to `worker.log` in the run folder; `attach` comes back
	 * to it. `run.detach()` lets it go at once.
	 */
	readonly detach?: boolean;
}

/**
 * Fine-tunes a model. Returns at once with a handle that is a promise of the result and an iterable of the events.
 *
 * @throws {SpecError} at once, listing everything that is wrong with the spec or the options.
 * The run rejects with an `EnvironmentError`, an `InputError`, a `WorkerError`, a `CallbackError` or a `CanceledError`.
 *
 * `options.data` holds rows of this program in place of sources of the spec; they are written into the run folder as
 * `materialize` does it.
 */
export function finetune(
	spec: SpecOfRows,
	options: StartOptions & {
		readonly data: RowsOfSplits & { readonly train: RowsInput };
	},
): FinetuneRun;
export function finetune(
	spec: Spec,
	options?: StartOptions & {
		readonly data?: RowsOfSplits & { readonly train?: never };
	},
): FinetuneRun;
export function finetune(
	spec: Spec | SpecOfRows,
	{
		data = {},
		detach: detached = false,
		...options
	}: StartOptions & { readonly data?: RowsOfSplits } = {},
): FinetuneRun {
	const session = processOptions(options);
	const issues = [...optionIssues(session), ...rowsIssues(spec?.data, data)];
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	const runId = makeRunId();
	const folder = folderOf(spec, runId);
	const resolved = resolveSpec(withRows(spec, data, folder) as Spec, {
		metrics: Object.keys(session.metrics),
	});
	return startRun(
		{ ...session, runId, spec: resolved, rows: data, folder, detached },
		options.signal,
	);
}

/** Where the run goes; a spec that says nonsense about it is refused later. */
function folderOf(spec: Spec | SpecOfRows, runId: string): string {
	const folder: unknown = spec?.output?.folder;
	return typeof folder === "string"
		? resolve(folder)
		: resolve("captune-runs", runId);
}
