// How this process carries a run out: the options of finetune() and resume().
import type { Issue } from "./errors.js";
import {
	isTextMetric,
	isTokenMetric,
	type OwnMetric,
} from "./metrics/index.js";
import type { StallTimeouts } from "./run/liveness.js";
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
	/**
	 * How many milliseconds the worker may give no sign (`silence`), and how many each stage may take to get on, by a step,
	 * a batch, a file; a worker that takes longer is killed, and the run rejects with WORKER_STALLED. One number is for all.
	 * Default: 120,000 for `silence`, 600,000 for `start` and `download`, 1,800,000 for the others.
	 */
	readonly stallTimeoutMs?: number | Partial<StallTimeouts>;
}

const stallTimeouts: StallTimeouts = {
	silence: 120_000,
	start: 600_000,
	download: 600_000,
	load: 1_800_000,
	encode: 1_800_000,
	train: 1_800_000,
	evaluate: 1_800_000,
	save: 1_800_000,
};

/** The options as a session takes them, with their defaults. */
export function processOptions({
	python,
	wheels,
	metrics = {},
	startTimeoutMs = 60_000,
	graceMs = 30_000,
	stallTimeoutMs = {},
}: FinetuneOptions): ProcessOptions {
	return {
		...{ python, wheels, metrics, startTimeoutMs, graceMs },
		stallTimeouts:
			typeof stallTimeoutMs === "number"
				? (Object.fromEntries(
						Object.keys(stallTimeouts).map((name) => [name, stallTimeoutMs]),
					) as StallTimeouts)
				: { ...stallTimeouts, ...stallTimeoutMs },
	};
}

type ProcessOptions = Pick<
	SessionOptions,
	| "python"
	| "wheels"
	| "metrics"
	| "startTimeoutMs"
	| "graceMs"
	| "stallTimeouts"
>;

/** The longest time that a timer can wait. */
const longestMs = 2 ** 31 - 1;

/** What is wrong with the options. */
export function optionIssues({
	metrics,
	startTimeoutMs,
	graceMs,
	stallTimeouts: given,
}: ProcessOptions): Issue[] {
	const times = { startTimeoutMs, graceMs };
	return [
		...metricIssues(metrics),
		...Object.entries(times).flatMap(([path, ms]) =>
			Number.isFinite(ms) && ms >= 0 && ms <= longestMs
				? []
				: {
						path,
						value: ms,
						reason: `must be a number of milliseconds from 0 to ${longestMs}`,
					},
		),
		...Object.entries(given).flatMap(([name, ms]) => {
			const path = `stallTimeoutMs.${name}`;
			if (!(name in stallTimeouts))
				return {
					path,
					reason: "is no stage",
					remedy: `Known: ${Object.keys(stallTimeouts).join(", ")}.`,
				};
			return typeof ms === "number" && ms > 0
				? []
				: { path, value: ms, reason: "must be a number above 0" };
		}),
	];
}

/** What is wrong with metrics of the user's own. */
function metricIssues(metrics: Readonly<Record<string, OwnMetric>>): Issue[] {
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
