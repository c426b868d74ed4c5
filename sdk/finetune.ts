// finetune(): the spec is checked at once, everything else happens behind the handle.
import { resolve } from "node:path";
import { type Issue, SpecError } from "./errors.js";
import {
	isTextMetric,
	isTokenMetric,
	type OwnMetric,
} from "./metrics/index.js";
import { type FinetuneRun, startRun } from "./run/run.js";
import { resolveSpec } from "./spec/resolve.js";
import type { Spec } from "./spec/spec.generated.js";

/** How this process carries a run out; what is trained is the spec's matter. */
export interface FinetuneOptions {
	/** Aborting cancels the run. */
	readonly signal?: AbortSignal;
	/** A Python interpreter that has what the worker needs; else `CAPTUNE_PYTHON`, the project's `.venv`, or one that captune makes. */
	readonly python?: string;
	/** Another source of Python wheels, for the environment that captune makes: the URL of an index, or a folder. */
	readonly wheels?: string;
	/** Metrics of your own, by the names that `evaluation.metrics` uses. */
	readonly metrics?: Readonly<Record<string, OwnMetric>>;
	/** How long the worker may take to connect. Default: 60,000 ms. */
	readonly startTimeoutMs?: number;
	/** How long an ending worker may take before it is killed. Default: 30,000 ms. */
	readonly graceMs?: number;
}

/**
 * Fine-tunes a model. Returns at once with a handle that is a promise of the result and an iterable of the events.
 *
 * @throws {SpecError} at once, listing everything that is wrong with the spec or the options.
 * The run rejects with an `EnvironmentError`, an `InputError`, a `WorkerError`, a `CallbackError` or a `CanceledError`.
 */
export function finetune(
	spec: Spec,
	{
		signal,
		python,
		wheels,
		metrics = {},
		startTimeoutMs = 60_000,
		graceMs = 30_000,
	}: FinetuneOptions = {},
): FinetuneRun {
	const issues = metricIssues(metrics);
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	const resolved = resolveSpec(spec, { metrics: Object.keys(metrics) });
	const runId = makeRunId();
	return startRun(
		{
			runId,
			spec: resolved,
			folder: resolved.output.folder ?? resolve("captune-runs", runId),
			python,
			wheels,
			metrics,
			startTimeoutMs,
			graceMs,
		},
		signal,
	);
}

function metricIssues(metrics: Readonly<Record<string, OwnMetric>>): Issue[] {
	return Object.entries(metrics).flatMap(([name, metric]) => {
		const path = `metrics.${name}`;
		if (isTextMetric(name) || isTokenMetric(name))
			return {
				path,
				reason: "has the name of a built-in metric",
				remedy: "Give yours another.",
			};
		return typeof metric === "function"
			? []
			: { path, value: metric, reason: "must be a function" };
	});
}

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
