// Rules between fields, which no JSON Schema expresses. They live here only; the worker trusts them.
import type { Issue } from "../errors.js";
import {
	isTextMetric,
	isTokenMetric,
	type MetricDirection,
	metricDirections,
	textMetricNames,
	tokenMetricNames,
} from "../metrics/index.js";
import { suggestion } from "../schema/judge.js";
import { isOfBitsandbytes } from "./extras.js";
import { schedules, targetPresets } from "./schema.js";
import type { ResolvedSpec } from "./spec.generated.js";

/** What the rules know besides the resolved spec. */
export interface RuleContext {
	/** Dotted paths of the fields that the user wrote. */
	readonly given: ReadonlySet<string>;
	/** Names of the metrics in `finetune(spec, { metrics })`. */
	readonly ownMetrics: readonly string[];
	/** Is anything trained? Otherwise the rules of training do not matter. */
	readonly trains: boolean;
}

/** A rule looks only at the fields it names, so that it can be judged while others are still wrong. */
interface Rule {
	readonly reads: readonly string[];
	readonly judge: (
		spec: ResolvedSpec,
		context: RuleContext,
	) => Issue | readonly Issue[] | undefined;
}

/** Everything that cannot work together, among the fields that are valid by themselves (`issues` are the others). */
export function breaches(
	spec: ResolvedSpec,
	context: RuleContext,
	issues: readonly Issue[],
): Issue[] {
	const isSound = (field: string) =>
		!issues.some(({ path }) => concerns(path, field));
	const matters = (field: string) =>
		context.trains || !field.startsWith("training");
	return rules
		.filter(({ reads }) => reads.every(isSound) && reads.every(matters))
		.flatMap(({ judge }) => judge(spec, context) ?? []);
}

/** Is the field at `path` a part of `field`, around it, or the tag that decides what it means? */
function concerns(path: string, field: string): boolean {
	const section = path.endsWith(".kind") ? path.slice(0, -5) : path;
	const contains = (outer: string, inner: string) =>
		outer === "" ||
		inner === outer ||
		inner.startsWith(`${outer}.`) ||
		inner.startsWith(`${outer}[`);
	return contains(section, field) || contains(field, path);
}

const metricsAreKnown: Rule = {
	reads: ["evaluation.metrics"],
	judge: ({ evaluation }, { ownMetrics }) => {
		if (evaluation.kind !== "generate") return [];
		const known = [...textMetricNames, ...tokenMetricNames, ...ownMetrics];
		return evaluation.metrics.flatMap((metric, index) =>
			known.includes(metric)
				? []
				: {
						path: `evaluation.metrics[${index}]`,
						value: metric,
						reason: "is no metric",
						remedy: `${suggestion(metric, known)} A metric of your own goes into finetune(spec, { metrics }).`,
					},
		);
	},
};

const bestIsMeasured: Rule = {
	reads: ["evaluation.metrics", "evaluation.best.metric"],
	judge: ({ evaluation: { metrics, best } }) =>
		(metrics as readonly string[]).includes(best.metric)
			? undefined
			: {
					path: "evaluation.best.metric",
					value: best.metric,
					reason: "is not among evaluation.metrics",
					remedy: suggestion(best.metric, metrics),
				},
};

const directionFits: Rule = {
	reads: ["evaluation.best"],
	judge: ({ evaluation: { best } }) => {
		const natural = naturalDirection(best.metric);
		return natural === undefined || natural === best.direction
			? undefined
			: {
					path: "evaluation.best.direction",
					value: best.direction,
					reason: `contradicts ${best.metric}, which is better ${natural === "max" ? "higher" : "lower"}`,
					remedy: "Leave it out.",
				};
	},
};

const onePrompt: Rule = {
	reads: ["data.prompt", "data.columns"],
	judge: ({ data }, { given }) =>
		data.columns.prompt !== null && given.has("data.prompt")
			? {
					path: "data.prompt",
					value: data.prompt,
					reason: `contradicts data.columns.prompt ("${data.columns.prompt}")`,
					remedy: "Give one prompt for all rows, or the column of their own.",
				}
			: undefined,
};

const messagesStandAlone: Rule = {
	reads: ["data.columns", "data.prompt"],
	judge: ({ data }, { given }) =>
		data.columns.messages === null
			? undefined
			: ["data.columns.answer", "data.columns.prompt", "data.prompt"]
					.filter((path) => given.has(path))
					.map((path) => ({
						path,
						reason: `contradicts data.columns.messages ("${data.columns.messages}"), which holds prompts and answers`,
						remedy: "Give one or the other.",
					})),
};

const filtersAskSomething: Rule = {
	reads: ["data.train", "data.validation", "data.test"],
	judge: ({ data }) =>
		(["train", "validation", "test"] as const).flatMap((split) => {
			const source = data[split];
			return "filters" in source
				? source.filters.flatMap((filter, index) =>
						filter.includesAny === null && filter.includesAll === null
							? {
									path: `data.${split}.filters[${index}]`,
									reason: "asks for nothing",
									remedy: "Give includesAny, includesAll or both.",
								}
							: [],
					)
				: [];
		}),
};

const splitsLeaveRows: Rule = {
	reads: ["data.validation", "data.test"],
	judge: ({ data: { validation, test } }) =>
		validation.kind === "split" &&
		test.kind === "split" &&
		validation.fraction + test.fraction >= 1
			? {
					path: "data.validation.fraction",
					value: validation.fraction,
					reason: `leaves no rows to train on beside data.test.fraction (${test.fraction})`,
					remedy: "Take less.",
				}
			: undefined,
};

const splitsHaveRows: Rule = {
	reads: ["data.train", "data.validation", "data.test"],
	judge: ({ data }) =>
		data.train.kind !== "none"
			? []
			: (["validation", "test"] as const)
					.filter((split) => data[split].kind === "split")
					.map((split) => ({
						path: `data.${split}`,
						reason: "takes rows out of data.train, which is not there",
						remedy: "Give data.train, or another source.",
					})),
};

const somethingToEvaluate: Rule = {
	reads: ["data.validation", "data.test", "evaluation.metrics"],
	judge: ({ data }, { given }) =>
		given.has("evaluation.metrics") &&
		data.validation.kind === "none" &&
		data.test.kind === "none"
			? {
					path: "evaluation.metrics",
					reason: "have nothing to measure",
					remedy: "Add data.validation or data.test, or leave them out.",
				}
			: undefined,
};

const flashNeedsGpu: Rule = {
	reads: ["model.attention", "compute"],
	judge: ({ model, compute }) =>
		model.attention === "flash" && compute.device === "cpu"
			? {
					path: "model.attention",
					value: "flash",
					reason: 'cannot run on compute.device "cpu"',
					remedy: 'Use "auto" or "sdpa", or a GPU.',
				}
			: undefined,
};

const qloraNeedsGpu: Rule = {
	reads: ["method", "compute"],
	judge: ({ method, compute }) =>
		method.kind === "qlora" && compute.device === "cpu"
			? {
					path: "method.kind",
					value: "qlora",
					reason: 'cannot run on compute.device "cpu": bitsandbytes needs CUDA',
					remedy: 'Use "lora", or a GPU.',
				}
			: undefined,
};

const optimizerNeedsGpu: Rule = {
	reads: ["training.optimizer", "compute"],
	judge: ({ training: { optimizer }, compute }) =>
		isOfBitsandbytes(optimizer) && compute.device === "cpu"
			? {
					path: "training.optimizer",
					value: optimizer,
					reason: 'cannot run on compute.device "cpu": bitsandbytes needs CUDA',
					remedy: 'Use "adamw", or a GPU.',
				}
			: undefined,
};

const scheduleTakesArguments: Rule = {
	reads: ["training.schedule", "training.scheduleArguments"],
	judge: ({ training: { schedule, scheduleArguments } }) => {
		const known: readonly string[] = schedules[schedule];
		return Object.entries(scheduleArguments).flatMap(([name, value]) =>
			known.includes(name)
				? []
				: {
						path: `training.scheduleArguments.${name}`,
						value,
						reason: `is no argument of the schedule "${schedule}"`,
						remedy:
							known.length === 0 ? "It takes none." : suggestion(name, known),
					},
		);
	},
};

const scheduleHasArguments: Rule = {
	reads: ["training.schedule", "training.scheduleArguments"],
	judge: ({ training: { schedule, scheduleArguments } }) => {
		const needed = neededArguments[schedule] ?? [];
		return needed.length === 0 ||
			needed.some((name) => name in scheduleArguments)
			? undefined
			: {
					path: "training.scheduleArguments",
					reason: `lacks what the schedule "${schedule}" needs`,
					remedy: `Give ${needed.join(" or ")}.`,
				};
	},
};

/** One of them must be given. */
const neededArguments: Readonly<Record<string, readonly string[]>> = {
	cosine_with_min_lr: ["min_lr", "min_lr_rate"],
	cosine_warmup_with_min_lr: ["min_lr", "min_lr_rate"],
	warmup_stable_decay: ["num_decay_steps"],
};

const scheduleWarmsUp: Rule = {
	reads: ["training.schedule", "training.warmupRatio", "training.warmupSteps"],
	judge: ({ training: { schedule } }, { given }) =>
		schedule !== "reduce_lr_on_plateau" && schedule !== "greedy"
			? undefined
			: ["training.warmupRatio", "training.warmupSteps"]
					.filter((path) => given.has(path))
					.map((path) => ({
						path,
						reason: `has no effect: the schedule "${schedule}" has no warm-up`,
						remedy: "Leave it out.",
					})),
};

const scheduleHearsScores: Rule = {
	reads: ["training.schedule", "data.validation"],
	judge: ({ training: { schedule }, data }) =>
		(schedule === "reduce_lr_on_plateau" || schedule === "greedy") &&
		data.validation.kind === "none"
			? {
					path: "training.schedule",
					value: schedule,
					reason:
						"goes by the scores of the validation split, and there is none",
					remedy: "Add data.validation, or choose another schedule.",
				}
			: undefined,
};

const earlyStoppingHearsScores: Rule = {
	reads: ["evaluation", "data.validation"],
	judge: ({ evaluation: { earlyStopping }, data }) =>
		earlyStopping !== null && data.validation.kind === "none"
			? {
					path: "evaluation.earlyStopping",
					value: earlyStopping,
					reason:
						"goes by the scores of the validation split, and there is none",
					remedy: "Add data.validation, or leave it out.",
				}
			: undefined,
};

const oneWarmup: Rule = {
	reads: ["training.warmupRatio", "training.warmupSteps"],
	judge: ({ training }, { given }) =>
		training.warmupSteps !== null && given.has("training.warmupRatio")
			? {
					path: "training.warmupRatio",
					value: training.warmupRatio,
					reason: `contradicts training.warmupSteps (${training.warmupSteps})`,
					remedy: "Give one of them.",
				}
			: undefined,
};

const changedPicturesAreNotKept: Rule = {
	reads: ["training.cacheImageFeatures", "data.augmentation", "method"],
	judge: ({ training, data, method }) => {
		if (training.cacheImageFeatures !== true) return undefined;
		const why =
			data.augmentation.length > 0
				? "data.augmentation makes other pictures in every epoch"
				: method.kind === "full"
					? 'method.kind "full" trains what makes them'
					: undefined;
		return why === undefined
			? undefined
			: {
					path: "training.cacheImageFeatures",
					value: true,
					reason: `cannot be: ${why}`,
					remedy: 'Use "auto".',
				};
	},
};

const halfIsNotFullyTrained: Rule = {
	reads: ["model.dtype", "training.autocast", "method"],
	judge: ({ model, training, method }) =>
		model.dtype === "float16" &&
		method.kind === "full" &&
		training.autocast === false
			? {
					path: "training.autocast",
					value: false,
					reason:
						"leaves trained weights in float16, where loss scaling cannot work",
					remedy: 'Use "auto".',
				}
			: undefined,
};

/** The hub's own rule for names of repositories. */
export function repositoryIssue(
	path: string,
	repository: unknown,
): Issue | undefined {
	return typeof repository === "string" &&
		/^\w([\w.-]*\w)?\/\w([\w.-]{0,94}\w)?$/.test(repository) &&
		!/--|\.\.|\.git$/.test(repository)
		? undefined
		: {
				path,
				value: repository,
				reason: "is no name of a repository on the hub",
				remedy:
					"Use owner/name, of letters, digits and single -, _ or . inside.",
			};
}

const repositoryIsName: Rule = {
	reads: ["output.hub"],
	judge: ({ output: { hub } }) =>
		hub === null
			? undefined
			: repositoryIssue("output.hub.repository", hub.repository),
};

const formExists: Rule = {
	reads: ["output.hub", "method"],
	judge: ({ output: { hub }, method }) =>
		hub?.form === "adapter" && method.kind === "full"
			? {
					path: "output.hub.form",
					value: "adapter",
					reason: 'contradicts method.kind "full", which has no adapter',
					remedy: 'Use "merged", or leave it out.',
				}
			: undefined,
};

/** A pattern is written with the signs of patterns; a plain word is a preset, or meant to be one. */
const presetIsKnown: Rule = {
	reads: ["method"],
	judge: ({ method }) => {
		const target = method.kind === "full" ? [] : method.targetModules;
		return typeof target !== "string" ||
			targetPresets.includes(target) ||
			!/^[\w+-]+$/.test(target)
			? undefined
			: {
					path: "method.targetModules",
					value: target,
					reason: "is neither a preset nor a pattern",
					remedy: `${suggestion(target, targetPresets)} A single module name goes into a list.`,
				};
	},
};

const oneTrackerOfAKind: Rule = {
	reads: ["tracking"],
	judge: ({ tracking }) =>
		tracking.flatMap(({ kind }, index) =>
			tracking.findIndex((one) => one.kind === kind) === index
				? []
				: {
						path: `tracking[${index}].kind`,
						value: kind,
						reason: "is there already",
						remedy: "Give one tracker of each kind.",
					},
		),
};

/** Where a URI is wrong it is not told: it may hold a password, and errors are shown and logged. */
const trackingUriIsNoSecret: Rule = {
	reads: ["tracking"],
	judge: ({ tracking }) =>
		tracking.flatMap((tracker, index) =>
			tracker.kind === "mlflow" &&
			/^[^/]+:\/\/[^/@]*:[^/@]*@/.test(tracker.trackingUri ?? "")
				? {
						path: `tracking[${index}].trackingUri`,
						reason: "holds a password, and the spec is written to disk",
						remedy:
							"Leave it out and set MLFLOW_TRACKING_URI, or MLFLOW_TRACKING_PASSWORD.",
					}
				: [],
		),
};

/** MLflow itself refuses a folder, after the run has begun. */
const trackingUriIsUri: Rule = {
	reads: ["tracking"],
	judge: ({ tracking }) =>
		tracking.flatMap((tracker, index) =>
			tracker.kind !== "mlflow" ||
			tracker.trackingUri === null ||
			/^(https?|databricks(-uc)?|sqlite|postgresql|mysql|mssql)(\+\w+)?(:|$)/.test(
				tracker.trackingUri,
			)
				? []
				: {
						path: `tracking[${index}].trackingUri`,
						reason: "is neither a server nor a database",
						remedy:
							'Use "http://host:5000" or "sqlite:////folder/mlflow.db", or leave it out.',
					},
		),
};

const rules: readonly Rule[] = [
	metricsAreKnown,
	bestIsMeasured,
	directionFits,
	onePrompt,
	messagesStandAlone,
	filtersAskSomething,
	splitsLeaveRows,
	splitsHaveRows,
	somethingToEvaluate,
	flashNeedsGpu,
	qloraNeedsGpu,
	optimizerNeedsGpu,
	scheduleTakesArguments,
	scheduleHasArguments,
	scheduleWarmsUp,
	scheduleHearsScores,
	earlyStoppingHearsScores,
	oneWarmup,
	changedPicturesAreNotKept,
	halfIsNotFullyTrained,
	presetIsKnown,
	repositoryIsName,
	formExists,
	oneTrackerOfAKind,
	trackingUriIsNoSecret,
	trackingUriIsUri,
];

/** Which way a built-in metric is better; undefined for a metric of the user's own. */
export function naturalDirection(metric: string): MetricDirection | undefined {
	return isTextMetric(metric) || isTokenMetric(metric)
		? metricDirections[metric]
		: undefined;
}
