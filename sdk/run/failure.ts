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
import { FrameError } from "../link/frames.js";
import type { EndError } from "./event.generated.js";
import type { EventBody } from "./journal.js";
import type { LastLines } from "./last-lines.js";
import type { Stall } from "./liveness.js";

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

/** Exit code of a worker that could not write its own log, and so could not say why it ended. */
const exitUnwritable = 74;

/** A detached worker's process was gone when somebody came back. */
export function vanished(
	steps: number,
	runId: string,
	output: readonly string[],
): WorkerError {
	return new WorkerError(
		"WORKER_CRASHED",
		`The detached worker is gone after step ${steps}, without a word.${lastLine(output)} resume(folder) goes on from its last checkpoint.`,
		{ runId, data: { steps, stderr: output.slice(-20) } },
	);
}

/** The worker's process is gone and has not said why; `oomKills`: of the kernel, meanwhile. */
export function crashed(
	{ exitCode, signal }: WorkerExit,
	pid: number,
	steps: number,
	stderr: LastLines,
	oomKills: number,
	runId: string,
): CaptuneError {
	const told = toldInLastLine(exitCode, stderr);
	if (told !== undefined) return fromEnd(told, runId);
	const how =
		signal !== null
			? `was ended by ${signal}`
			: exitCode === null
				? "is gone" // it was not this process's child
				: `exited with code ${exitCode}`;
	const isOomKill = signal === "SIGKILL" && oomKills > 0;
	const why = isOomKill
		? " The kernel ran out of memory and killed a process at that time, most likely this one: use less memory (training.batchSize, model.imageCrops, compute.loaderWorkers), or a machine with more."
		: "";
	const traceback = stderr.stacks();
	return new WorkerError(
		isOomKill ? "OUT_OF_MEMORY" : "WORKER_CRASHED",
		`The worker process ${pid} ${how} after step ${steps}, without a word.${why}${lastLine(stderr.last)}`,
		{
			runId,
			...(traceback === undefined ? {} : { traceback }),
			data: { exitCode, signal, steps, stderr: stderr.last, oomKills },
		},
	);
}

function toldInLastLine(
	exitCode: number | null,
	stderr: LastLines,
): EndError | undefined {
	if (exitCode !== exitUnwritable) return undefined;
	try {
		const line = stderr.last.findLast((one) => one.startsWith('{"code":'));
		return line === undefined ? undefined : JSON.parse(line);
	} catch {
		return undefined;
	}
}

/** The worker's process lives but has not connected. */
export function neverStarted(
	timeoutMs: number,
	stderr: readonly string[],
): WorkerError {
	return new WorkerError(
		"WORKER_START_TIMEOUT",
		`The worker has not connected within ${timeoutMs} ms (option \`startTimeoutMs\`).${lastLine(stderr)}`,
		{ data: { stderr: [...stderr] } },
	);
}

/** The worker is there and does nothing; `stacks`: where its threads stood, if it could be asked. */
export function stalled(
	{ isSilent, stage, ms, limitMs }: Stall,
	isStopped: boolean,
	steps: number,
	stacks: string | undefined,
	stderr: LastLines,
	runId: string,
): WorkerError {
	const seconds = (ms / 1_000).toFixed(1);
	const option = `stallTimeoutMs.${isSilent ? "silence" : stage}`;
	const what = isSilent
		? `has not been heard of for ${seconds} s, in stage "${stage}"`
		: `has not got on with stage "${stage}" for ${seconds} s`;
	const why = isStopped ? " Its process had been stopped by a signal." : "";
	const where = /File "[^"]+", line \d+ in \S+/.exec(stacks ?? "")?.[0];
	return new WorkerError(
		"WORKER_STALLED",
		`The worker ${what}, and was killed after step ${steps}; ${limitMs} ms are allowed (option \`${option}\`).${why}${where ? ` It stood at ${where}.` : ""}`,
		{
			runId,
			...(stacks === undefined ? {} : { traceback: stacks }),
			data: {
				...{ stage, isSilent, isStopped, ms, limitMs, steps },
				stderr: stderr.last,
			},
		},
	);
}

/** What broke on the line, as the caller gets it. */
export function fromLink(error: unknown, runId: string): unknown {
	if (!(error instanceof FrameError)) return error;
	const isForeign = error.code === "INCOMPATIBLE_PROTOCOL";
	return new WorkerError(
		error.code,
		isForeign
			? error.message
			: `The worker broke the protocol: ${error.message}`,
		{ runId, cause: error },
	);
}

function lastLine(stderr: readonly string[]): string {
	const last = stderr.at(-1);
	return last ? ` Its last line: ${last}` : "";
}

/** How the record of a run ends whose worker did not end it. */
export function toEnd(
	error: unknown,
	steps: number,
	redact: (text: string) => string,
): EventBody {
	const known = CaptuneError.isInstance(error) ? error : undefined;
	const traceback = known?.traceback;
	return {
		type: "end",
		status: error instanceof CanceledError ? "canceled" : "failed",
		steps,
		adapter: null,
		keptStep: null,
		error: {
			code: known?.code ?? "WORKER_FAILED",
			message: redact(error instanceof Error ? error.message : String(error)),
			issues: (known?.issues ?? []).map(
				({ path, code, value, reason, remedy }) => ({
					path,
					code: code ?? null,
					value: value ?? null,
					reason,
					remedy: remedy ?? null,
				}),
			),
			traceback: traceback === undefined ? null : redact(traceback),
			data: known?.data ?? null,
		},
	};
}
