// Rows that this program holds, by the split they are for.
import { join } from "node:path";
import type { Issue } from "../errors.js";
import { suggestion } from "../schema/judge.js";
import type { RowsInput } from "./materialize.js";

const splits = ["train", "validation", "test"] as const;

/** Rows that this program holds, by the split they are for. */
export type RowsOfSplits = Readonly<
	Partial<Record<(typeof splits)[number], RowsInput>>
>;

/** Rows given in two ways, or for no split. `data` is that of the spec. */
export function rowsIssues(data: unknown, rows: RowsOfSplits): Issue[] {
	const given: Readonly<Record<string, unknown>> = { ...(data as object) };
	return Object.keys(rows).flatMap((split) => {
		const path = `data.${split}`;
		if (!splits.some((one) => one === split))
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

/** The spec with the files of a run folder that the rows will be written to. */
export function withRows<Written extends { readonly data?: object }>(
	spec: Written,
	rows: RowsOfSplits,
	folder: string,
): Written {
	const given = Object.keys(rows);
	if (given.length === 0) return spec;
	const sources = given.map((split) => [
		split,
		{ kind: "rows", path: join(folder, "data", split, "rows.jsonl") },
	]);
	return {
		...spec,
		data: { ...spec.data, ...Object.fromEntries(sources) },
	};
}
