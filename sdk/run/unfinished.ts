// What a run folder says of a run that is to go on: which run it is, and what it trains.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { InputError, type Issue, SpecError } from "../errors.js";
import { livingHolder } from "../launch/lock.js";
import {
	isTextMetric,
	isTokenMetric,
	type OwnMetric,
} from "../metrics/index.js";
import { compileJudge } from "../schema/judge.js";
import { deepFreeze } from "../spec/plain.js";
import { resolvedSpecSchema } from "../spec/schema.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import { runFiles } from "./folder.js";
import { readHistory } from "./history.js";
import { isEvent } from "./journal.js";
import type { FinetuneResult } from "./result.js";
import type { SessionOptions } from "./session.js";

/**
 * Reads what is needed to go on with the run in a folder, which may have been moved.
 *
 * @throws {InputError} RUN_UNKNOWN, RUN_COMPLETED.
 * @throws {SpecError} for a spec that this version does not know, or metrics of the user's own that are missing.
 */
export function readUnfinished(
	runFolder: string,
	metrics: Readonly<Record<string, OwnMetric>>,
): Pick<SessionOptions, "runId" | "spec" | "folder"> & {
	readonly resumes: true;
} {
	const folder = resolve(runFolder);
	const spec = readRunSpec(folder);
	const runId = readRunId(folder);
	if (existsSync(join(folder, runFiles.result))) demandUnfinished(folder);
	const missing = missingMetrics(spec, metrics);
	if (missing.length > 0) throw new SpecError(missing, "The options are");
	return { runId, spec: deepFreeze(spec), folder, resumes: true };
}

/**
 * Is there a worker to come back to, or what one has left?
 *
 * @throws {InputError} NOTHING_TO_ATTACH.
 */
export function demandAttachable(folder: string): void {
	if (livingHolder(join(folder, runFiles.lock)) !== undefined) return;
	if (readHistory(folder).unread.some(({ type }) => type === "end")) return;
	throw new InputError(
		"NOTHING_TO_ATTACH",
		`No detached worker trains in ${folder}. resume("${folder}") goes on from the last checkpoint.`,
		{ data: { folder } },
	);
}

/**
 * What a run trains, by its folder, which may have been moved.
 *
 * @throws {InputError} RUN_UNKNOWN, also for an evaluation.
 * @throws {SpecError} for a spec that this version does not know.
 */
export function readRunSpec(folder: string): ResolvedSpec {
	const spec = readJson(folder, runFiles.spec);
	if (existsSync(join(folder, runFiles.evaluation)))
		throw new InputError(
			"RUN_UNKNOWN",
			`${folder} holds an evaluation, not a run. Give the folder of a run.`,
			{ data: { folder } },
		);
	const issues = compileJudge(resolvedSpecSchema)(spec);
	if (issues.length > 0)
		throw new SpecError(issues, `The spec of the run in ${folder} is`);
	return inFolder(spec as ResolvedSpec, folder);
}

function demandUnfinished(folder: string): void {
	const result = readJson(folder, runFiles.result) as FinetuneResult | null;
	if (result?.status !== "completed") return;
	throw new InputError(
		"RUN_COMPLETED",
		`The run in ${folder} is completed: nothing is left to do. Its result is in ${runFiles.result}.`,
		{ data: { folder } },
	);
}

function missingMetrics(
	{ evaluation }: ResolvedSpec,
	given: Readonly<Record<string, OwnMetric>>,
): Issue[] {
	return evaluation.metrics
		.filter(
			(name) => !isTextMetric(name) && !isTokenMetric(name) && !(name in given),
		)
		.map((name) => ({
			path: `metrics.${name}`,
			reason: "is missing: evaluation.metrics of the run names it",
			remedy: "Give it: resume(folder, { metrics }).",
		}));
}

/** What lies in the run folder is looked for where the folder is now. */
function inFolder(spec: ResolvedSpec, folder: string): ResolvedSpec {
	const { data, output } = spec;
	const moved = <Source extends ResolvedSpec["data"]["test"]>(
		source: Source,
		split: string,
	): Source => {
		const path = join(folder, "data", split, "rows.jsonl");
		return source.kind === "rows" && existsSync(path)
			? { ...source, path }
			: source;
	};
	return {
		...spec,
		data: {
			...data,
			train: moved(data.train, "train"),
			validation: moved(data.validation, "validation"),
			test: moved(data.test, "test"),
		},
		output: { ...output, folder: output.folder === null ? null : folder },
	};
}

/** A caller that dies at once may have stored nothing of what its worker has written down. */
function readRunId(folder: string): string {
	const isStored = firstLine(folder, runFiles.events) !== "";
	const name =
		isStored || !existsSync(join(folder, runFiles.worker))
			? runFiles.events
			: runFiles.worker;
	const event = parse(firstLine(folder, name), folder, name);
	if (isEvent(event)) return event.runId;
	throw unknownRun(folder, name, new Error("its first line is no event"));
}

/** Empty where there is no whole one. */
function firstLine(folder: string, name: string): string {
	const text = readText(folder, name);
	return text.slice(0, text.indexOf("\n") + 1);
}

const readJson = (folder: string, name: string): unknown =>
	parse(readText(folder, name), folder, name);

function readText(folder: string, name: string): string {
	try {
		return readFileSync(join(folder, name), "utf8");
	} catch (error) {
		throw unknownRun(folder, name, error);
	}
}

function parse(text: string, folder: string, name: string): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		throw unknownRun(folder, name, error);
	}
}

function unknownRun(folder: string, name: string, cause: unknown): InputError {
	return new InputError(
		"RUN_UNKNOWN",
		`${folder} holds no run: ${name} cannot be read: ${(cause as Error).message}. Give the folder of a run.`,
		{ cause, data: { folder, file: name } },
	);
}
