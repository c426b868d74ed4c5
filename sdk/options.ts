// How this process carries a run out: the options of finetune() and resume().
import type { Issue } from "./errors.js";
import {
	isTextMetric,
	isTokenMetric,
	type OwnMetric,
} from "./metrics/index.js";
import type { SessionOptions } from "./run/session.js";

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

/** The options as a session takes them, with their defaults. */
export function processOptions({
	python,
	wheels,
	metrics = {},
	startTimeoutMs = 60_000,
	graceMs = 30_000,
}: FinetuneOptions): Pick<
	SessionOptions,
	"python" | "wheels" | "metrics" | "startTimeoutMs" | "graceMs"
> {
	return { python, wheels, metrics, startTimeoutMs, graceMs };
}

/** What is wrong with metrics of the user's own. */
export function metricIssues(
	metrics: Readonly<Record<string, OwnMetric>>,
): Issue[] {
	return Object.entries(metrics).flatMap(([name, metric]) => {
		const path = `metrics.${name}`;
		if (isTextMetric(name) || isTokenMetric(name))
			return {
				path,
				reason: "has the name of a built-in metric",
				remedy: "Give yours another.",
			};
		return isMetric(metric)
			? []
			: {
					path,
					value: metric,
					reason: "must be a function, or an object with a function `corpus`",
				};
	});
}

/** Callers of plain JavaScript have no compiler to tell them. */
function isMetric(metric: unknown): boolean {
	const whole =
		typeof metric === "object" && metric !== null && "corpus" in metric
			? metric.corpus
			: metric;
	return typeof whole === "function";
}
