// What is wrong when a spec and its data do not go together: a column that is not there is the spec's fault, and data
// that is not here can be stood in for.
import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import {
	describeIssues,
	InputError,
	type Issue,
	SpecError,
} from "../errors.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";

const splits = ["train", "validation", "test"] as const;

/** @throws {InputError} DATA_NOT_FOUND naming every source whose file or folder does not exist. */
export function demandFiles({ data }: ResolvedSpec): void {
	const issues = splits.flatMap((split): Issue[] => {
		const source = data[split];
		const [field, place] =
			"path" in source
				? ["path", source.path]
				: ["nameOrPath", "nameOrPath" in source ? source.nameOrPath : ""];
		const isFile = isAbsolute(place);
		return !isFile || existsSync(place)
			? []
			: [
					{
						path: `data.${split}.${field}`,
						value: place,
						reason: "does not exist",
					},
				];
	});
	if (issues.length > 0) throw notFound(issues);
}

/** The error of reading the data, said by the fields of the spec where they are what is wrong. */
export function explained(error: unknown, spec: ResolvedSpec): unknown {
	if (!InputError.isInstance(error) || error.code !== "DATA_INVALID")
		return error;
	const { issues } = error;
	if (issues.length > 0 && issues.every(isUnreachable)) return notFound(issues);
	if (issues.length > 0 && issues.every(isColumn))
		return new SpecError(distinct(issues.map((one) => columnIssue(one, spec))));
	return error;
}

/** Are rows too long, and nothing else is wrong? The embedded model takes fewer tokens than the real one. */
export const isTooLong = (error: unknown): boolean =>
	InputError.isInstance(error) &&
	error.issues.length > 0 &&
	error.issues.every(({ code }) => code === "ROW_TOO_LONG");

const isUnreachable = ({ path, reason }: Issue) =>
	path.endsWith(".nameOrPath") && /Couldn't reach|offline/i.test(reason);

const isColumn = ({ path, code }: Issue) =>
	code === "COLUMN_MISSING" || /filters\[\d+\]\.column$/.test(path);

/** Rows name the column that they lack; the spec names it too. */
function columnIssue(issue: Issue, { data }: ResolvedSpec): Issue {
	const [, name] = /has no column "(.*)"/.exec(issue.reason) ?? [];
	const field = Object.entries(data.columns).find(([, own]) => own === name);
	if (field === undefined) return issue;
	const [file] = issue.path.split(/(?: row |:)\d+$/);
	return {
		path: `data.columns.${field[0]}`,
		value: name,
		reason: `is no column of ${file}`,
		...(issue.remedy === undefined ? {} : { remedy: issue.remedy }),
	};
}

const distinct = (issues: readonly Issue[]): Issue[] => [
	...new Map(issues.map((one) => [JSON.stringify(one), one])).values(),
];

function notFound(issues: readonly Issue[]): InputError {
	const headline = "The data is not here";
	const offer =
		"To check the rest, let drawn rows of the columns that the spec declares stand in for it: smoke(spec, { standInRows: 24 }), or --stand-in-rows 24.";
	return new InputError(
		"DATA_NOT_FOUND",
		`${describeIssues(headline, issues)}\n${offer}`,
		{ issues },
	);
}
