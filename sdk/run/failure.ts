// From a worker's end, or its silence, to the error that the caller gets; and from an error to the end of the record.

import type { RowProblemCode } from "../errors/row-problems.js";
import {
	CanceledError,
	CaptuneError,
	describeIssues,
	type ErrorCode,
	InputError,
	type Issue,
	WorkerError,
} from "../errors.js";
import type { WorkerExit } from "../launch/worker.js";
import type { EndError } from "./event.generated.js";
import type { EventBody } from "./journal.js";

/** The error that a worker ended with, as the caller gets it. */
export function fromEnd(end: EndError, runId?: string): CaptuneError {
	const issues = end.issues.map(
		({ code, remedy, ...issue }): Issue => ({
			...issue,
			...(code === null ? {} : { code: code as RowProblemCode }),
			...(issue.value === null ? { value: undefined } : {}),
			...(remedy === null ? {} : { remedy }),
		}),
	);
	const message =
		issues.length > 0 ? describeIssues(end.message, issues) : end.message;
	const Kind = end.code === "WORKER_FAILED" ? WorkerError : InputError;
	return new Kind(end.code as ErrorCode, message, {
		issues,
		...(runId === undefined ? {} : { runId }),
		...(end.traceback === null ? {} : { traceback: end.traceback }),
		data: (end.data ?? {}) as Record<string, unknown>,
	});
}

/** The worker's process is gone and has not said why. */
export function crashed(
	{ exitCode, signal }: WorkerExit,
	pid: number,
	steps: number,
	stderr: readonly string[],
	runId: string,
): WorkerError {
	const how =
		signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`;
	const last = stderr.at(-1);
	return new WorkerError(
		"WORKER_CRASHED",
		`The worker process ${pid} ${how} after step ${steps}, without a word.${last ? ` Its last line: ${last}` : ""}`,
		{ runId, data: { exitCode, signal, steps, stderr: [...stderr] } },
	);
}

/** The worker's process lives but has not connected. */
export function neverStarted(
	timeoutMs: number,
	stderr: readonly string[],
): WorkerError {
	const last = stderr.at(-1);
	return new WorkerError(
		"WORKER_START_TIMEOUT",
		`The worker has not connected within ${timeoutMs} ms (option \`startTimeoutMs\`).${last ? ` Its last line: ${last}` : ""}`,
		{ data: { stderr: [...stderr] } },
	);
}

/** How the record of a run ends whose worker did not end it. */
export function toEnd(error: unknown, steps: number): EventBody {
	const known = CaptuneError.isInstance(error) ? error : undefined;
	return {
		type: "end",
		status: error instanceof CanceledError ? "canceled" : "failed",
		steps,
		adapter: null,
		keptStep: null,
		error: {
			code: known?.code ?? "WORKER_FAILED",
			message: error instanceof Error ? error.message : String(error),
			issues: (known?.issues ?? []).map(
				({ path, code, value, reason, remedy }) => ({
					path,
					code: code ?? null,
					value: value ?? null,
					reason,
					remedy: remedy ?? null,
				}),
			),
			traceback: known?.traceback ?? null,
			data: known?.data ?? null,
		},
	};
}
