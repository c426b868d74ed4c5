// Errors are designed values: a code to branch on, sentences to read, and every problem found, not only the first.

import type { RowProblemCode } from "./errors/row-problems.js";

/** One problem with something the user gave: where it is, what was found there, why that cannot work, what to do. */
export interface Issue {
	/** Dotted path of the field (`method.rank`), a file with a row (`train.jsonl:12`), or "" for the whole. */
	readonly path: string;
	/** What is wrong with a row of data. */
	readonly code?: RowProblemCode;
	/** What was found there, if there was anything. */
	readonly value?: unknown;
	/** Why it cannot work; completes the sentence that the path begins. */
	readonly reason: string;
	/** What to do about it. */
	readonly remedy?: string;
}

/** Every code a captune error can carry. */
export type ErrorCode =
	| "SPEC_INVALID"
	| "PYTHON_NOT_FOUND"
	| "PYTHON_TOO_OLD"
	| "PYTHON_TOO_NEW"
	| "PYTHON_NO_ENSUREPIP"
	| "PYTHON_PACKAGES_MISSING"
	| "PLATFORM_UNSUPPORTED"
	| "INSTALL_NO_NETWORK"
	| "INSTALL_NO_SPACE"
	| "INSTALL_FAILED"
	| "INSPECTION_FAILED"
	| "DATA_INVALID"
	| "DATA_NOT_FOUND"
	| "MODEL_INVALID"
	| "MODEL_CLOSED"
	| "DOWNLOAD_FAILED"
	| "DEVICE_UNAVAILABLE"
	| "OUTPUT_UNWRITABLE"
	| "OUTPUT_EXISTS"
	| "RUN_LOCKED"
	| "RUN_UNKNOWN"
	| "SPEC_NOT_FOUND"
	| "RUN_COMPLETED"
	| "DATA_CHANGED"
	| "OUT_OF_MEMORY"
	| "NON_FINITE"
	| "DISK_FULL"
	| "EXPORT_MISMATCH"
	| "HUB_FORBIDDEN"
	| "HUB_PUSH_FAILED"
	| "METRIC_FAILED"
	| "WORKER_START_TIMEOUT"
	| "WORKER_STALLED"
	| "WORKER_CRASHED"
	| "WORKER_FAILED"
	| "INCOMPATIBLE_PROTOCOL"
	| "PROTOCOL_ERROR"
	| "RUN_DETACHED"
	| "NOTHING_TO_ATTACH"
	| "CANCELED";

/** What an error may carry besides its code and its issues. */
export interface ErrorDetails {
	readonly issues?: readonly Issue[];
	/** The run it belongs to, once there is one. */
	readonly runId?: string;
	/** The worker's Python traceback, when the failure happened there. */
	readonly traceback?: string;
	/** Plain facts for programs: exit code, signal, bytes needed, candidates tried. */
	readonly data?: Readonly<Record<string, unknown>>;
	readonly cause?: unknown;
}

const brand = Symbol.for("captune.error");

/** The base of every error that captune throws or rejects with. */
export class CaptuneError extends Error {
	readonly code: ErrorCode;
	readonly issues: readonly Issue[];
	readonly runId: string | undefined;
	readonly traceback: string | undefined;
	readonly data: Readonly<Record<string, unknown>>;
	readonly [brand] = true;

	constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
		super(
			message,
			details.cause === undefined ? undefined : { cause: details.cause },
		);
		this.name = new.target.name;
		this.code = code;
		this.issues = details.issues ?? [];
		this.runId = details.runId;
		this.traceback = details.traceback;
		this.data = details.data ?? {};
	}

	/** True for an error of this class, also one made by another copy of the package. */
	static isInstance(error: unknown): error is CaptuneError {
		return typeof error === "object" && error !== null && brand in error;
	}
}

/** The spec, or the options, cannot work. Thrown at once, with every problem listed in `issues`. */
export class SpecError extends CaptuneError {
	constructor(issues: readonly Issue[], subject = "The spec is") {
		super("SPEC_INVALID", describeIssues(`${subject} not valid`, issues), {
			issues,
		});
	}
}

/** No usable Python environment: none found, none that could be made, or one that lacks something. */
export class EnvironmentError extends CaptuneError {}

/** Data, model, device or disk cannot serve the spec; found before the first optimizer step wherever possible. */
export class InputError extends CaptuneError {}

/** The worker did not start, broke, or broke the protocol. */
export class WorkerError extends CaptuneError {}

/** A metric of the user's own threw, or returned what is no number. */
export class CallbackError extends CaptuneError {}

/** The run, or other long work, was canceled, by `cancel()` or by its `AbortSignal`. */
export class CanceledError extends CaptuneError {
	constructor(reason: unknown, runId?: string, subject = "The run") {
		super("CANCELED", `${subject} was canceled${because(reason)}.`, {
			cause: reason,
			...(runId === undefined ? {} : { runId }),
		});
	}
}

/** What a failed write is: no room, by the disk, a quota or a limit on files, or anything else. */
export function diskCode(error: unknown): "DISK_FULL" | "OUTPUT_UNWRITABLE" {
	const { code = "" } = error as NodeJS.ErrnoException;
	return ["ENOSPC", "EDQUOT", "EFBIG"].includes(code)
		? "DISK_FULL"
		: "OUTPUT_UNWRITABLE";
}

/** This process has let the run go, by `detach()`; it goes on, and `attach(folder)` comes back to it. */
export class DetachedError extends CaptuneError {
	constructor(runId: string, folder: string) {
		super(
			"RUN_DETACHED",
			`The run goes on without this process; attach("${folder}") comes back to it.`,
			{ runId, data: { folder } },
		);
	}
}

/** A headline and one line per issue. */
export function describeIssues(
	headline: string,
	issues: readonly Issue[],
): string {
	const only = issues.length === 1 ? issues[0] : undefined;
	if (only) return `${headline}: ${describeIssue(only)}`;
	return [
		`${headline} (${issues.length} problems):`,
		...issues.map((issue) => `  - ${describeIssue(issue)}`),
	].join("\n");
}

/** "`method.rank` must be at least 1 (got -3). Remedy." */
export function describeIssue(issue: Issue): string {
	const where = issue.path === "" ? "" : `\`${issue.path}\` `;
	const found =
		issue.value === undefined ? "" : ` (got ${shortJson(issue.value)})`;
	const remedy = issue.remedy === undefined ? "" : ` ${issue.remedy}`;
	return `${where}${issue.reason}${found}.${remedy}`;
}

function shortJson(value: unknown): string {
	const text = typeof value === "bigint" ? `${value}n` : JSON.stringify(value);
	if (text === undefined) return typeof value;
	return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function because(reason: unknown): string {
	if (reason === undefined) return "";
	return `: ${reason instanceof Error ? reason.message : String(reason)}`;
}
