// finetune(): the spec is checked at once, everything else happens behind the handle.
import { join, resolve } from "node:path";
import type { RowsInput } from "./data/materialize.js";
import { type Issue, SpecError } from "./errors.js";
import {
	type FinetuneOptions,
	metricIssues,
	processOptions,
} from "./options.js";
import { type FinetuneRun, startRun } from "./run/run.js";
import { suggestion } from "./schema/judge.js";
import { resolveSpec } from "./spec/resolve.js";
import type { DataSpec, Spec } from "./spec/spec.generated.js";

/** Rows that this program holds, by the split they are for. */
export type RowsOfSplits = Readonly<
	Partial<Record<"train" | "validation" | "test", RowsInput>>
>;

/** A spec whose training rows come from the program. */
export type SpecOfRows = Omit<Spec, "data"> & {
	readonly data?: Omit<DataSpec, "train"> & { readonly train?: never };
};

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
	options: FinetuneOptions & {
		readonly data: RowsOfSplits & { readonly train: RowsInput };
	},
): FinetuneRun;
export function finetune(
	spec: Spec,
	options?: FinetuneOptions & {
		readonly data?: RowsOfSplits & { readonly train?: never };
	},
): FinetuneRun;
export function finetune(
	spec: Spec | SpecOfRows,
	{
		data = {},
		...options
	}: FinetuneOptions & { readonly data?: RowsOfSplits } = {},
): FinetuneRun {
	const session = processOptions(options);
	const issues = [...metricIssues(session.metrics), ...rowsIssues(spec, data)];
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	const runId = makeRunId();
	const folder = folderOf(spec, runId);
	const resolved = resolveSpec(withRows(spec, data, folder), {
		metrics: Object.keys(session.metrics),
	});
	return startRun(
		{ ...session, runId, spec: resolved, rows: data, folder },
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

/** Rows given in two ways, or for no split. */
function rowsIssues(spec: Spec | SpecOfRows, rows: RowsOfSplits): Issue[] {
	const given: Readonly<Record<string, unknown>> = { ...spec?.data };
	return Object.keys(rows).flatMap((split) => {
		const path = `data.${split}`;
		if (!isSplit(split))
			return { path, reason: "is no split", remedy: suggestion(split, splits) };
		return given[split] === undefined
			? []
			: {
					path,
					reason: "is given by the spec too",
					remedy: "Give rows or a source.",
				};
	});
}

/** The spec with the files that the rows will be written to. */
function withRows(
	spec: Spec | SpecOfRows,
	rows: RowsOfSplits,
	folder: string,
): Spec {
	const given = Object.keys(rows);
	if (given.length === 0) return spec as Spec;
	const sources = given.map((split) => [
		split,
		{ kind: "rows", path: join(folder, "data", split, "rows.jsonl") },
	]);
	return {
		...spec,
		data: { ...spec.data, ...Object.fromEntries(sources) },
	} as Spec;
}

const splits = ["train", "validation", "test"];

const isSplit = (name: string): name is keyof RowsOfSplits =>
	splits.includes(name);

/** Sorts by time and does not repeat: 20261123-190433-k3f9. */
function makeRunId(): string {
	const stamp = new Date()
		.toISOString()
		.replace(/\..*/, "")
		.replaceAll(/[-:]/g, "")
		.replace("T", "-");
	const salt = Math.random().toString(36).slice(2, 6).padEnd(4, "0");
	return `${stamp}-${salt}`;
}
