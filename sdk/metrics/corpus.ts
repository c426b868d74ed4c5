// Scores of a whole split: each example, and the means.

import { MetricError } from "./error.js";
import {
	isTextMetric,
	isTokenMetric,
	type MetricText,
	readText,
	scoreText,
	textMetricNames,
} from "./metric.js";
import type { TokenOptions } from "./tokens.js";

export interface TextExample {
	readonly prediction: string;
	readonly references: readonly string[];
}

/** A user's metric: any finite number. */
export type OwnMetric = (
	prediction: string,
	references: readonly string[],
) => number | Promise<number>;

export interface CorpusOptions extends TokenOptions {
	/** The functions behind those names that are not built in. */
	readonly ownMetrics?: Readonly<Record<string, OwnMetric>> | undefined;
}

export interface CorpusScore<Name extends string = string> {
	/** Mean of each metric over the examples. */
	readonly values: Readonly<Record<Name, number>>;
	/** The scores of each example, in the order of the examples. */
	readonly perExample: readonly Readonly<Record<Name, number>>[];
	/** Predictions without a token (see `tokenize`): empty ones, but also text without an ASCII letter or digit. */
	readonly empty: number;
	/** Examples scored. */
	readonly count: number;
}

/**
 * Scores every example by every metric; each text is tokenized once, however many metrics there are.
 *
 * An empty prediction scores 0 and stays in the mean. A user's metric gets one example at a time, in order. Throws a
 * `MetricError` for an unknown name, a user's metric with a built-in name, an empty list of examples, an example without
 * reference under a built-in metric, and a user's metric that throws or gives no finite number.
 */
export async function scoreCorpus<Name extends string>(
	examples: readonly TextExample[],
	metrics: readonly Name[],
	options: CorpusOptions,
): Promise<CorpusScore<Name>> {
	const scorers = new Map(
		metrics.map((name) => [name, findScorer(name, options)]),
	);
	const perExample: Record<Name, number>[] = [];
	let empty = 0;
	for (const [index, example] of examples.entries()) {
		const texts = readExample(example, options);
		if (texts.prediction.tokens.length === 0) empty++;
		perExample.push(await scoreExample(index, texts, scorers));
	}
	const values = toRecord(
		[...scorers.keys()].map((name) => [name, mean(name, perExample)]),
	);
	return { values, perExample, empty, count: examples.length };
}

interface ExampleTexts {
	readonly example: TextExample;
	readonly prediction: MetricText;
	readonly references: readonly MetricText[];
}

type Scorer = (texts: ExampleTexts) => number | Promise<number>;

function findScorer(
	metric: string,
	{ ownMetrics = {} }: CorpusOptions,
): Scorer {
	const own = Object.hasOwn(ownMetrics, metric)
		? ownMetrics[metric]
		: undefined;
	const fail = (reason: string) =>
		new MetricError({ metric, example: null, reason });
	if (own !== undefined && (isTextMetric(metric) || isTokenMetric(metric)))
		throw fail("a built-in metric has this name; give yours another");
	if (own !== undefined)
		return ({ example }) => own(example.prediction, example.references);
	if (isTextMetric(metric))
		return ({ prediction, references }) =>
			scoreText(metric, prediction, references);
	const builtIn = textMetricNames.join(", ");
	throw fail(`it is neither built in (${builtIn}) nor one of ownMetrics`);
}

function readExample(
	example: TextExample,
	options: TokenOptions,
): ExampleTexts {
	return {
		example,
		prediction: readText(example.prediction, options),
		references: example.references.map((text) => readText(text, options)),
	};
}

async function scoreExample<Name extends string>(
	index: number,
	texts: ExampleTexts,
	scorers: ReadonlyMap<Name, Scorer>,
): Promise<Record<Name, number>> {
	const scores: [Name, number][] = [];
	for (const [metric, scorer] of scorers)
		scores.push([metric, await scoreBy(metric, scorer, texts, index)]);
	return toRecord(scores);
}

async function scoreBy(
	metric: string,
	scorer: Scorer,
	texts: ExampleTexts,
	index: number,
): Promise<number> {
	let score: unknown;
	try {
		score = await scorer(texts);
	} catch (cause) {
		const reason =
			cause instanceof MetricError
				? cause.reason
				: `it threw ${describe(cause)}`;
		throw new MetricError({ metric, example: index, reason }, cause);
	}
	if (typeof score === "number" && Number.isFinite(score)) return score;
	const reason = `it returned ${describe(score)}, not a finite number`;
	throw new MetricError({ metric, example: index, reason });
}

function mean<Name extends string>(
	metric: Name,
	perExample: readonly Readonly<Record<Name, number>>[],
): number {
	if (perExample.length === 0)
		throw new MetricError({
			metric,
			example: null,
			reason: "there is no example to score",
		});
	return (
		perExample.reduce((sum, scores) => sum + scores[metric], 0) /
		perExample.length
	);
}

/** Anything that a user's function may throw or return, in a few words. */
function describe(value: unknown): string {
	if (value instanceof Error) return `${value.name}: ${value.message}`;
	// An object need not have a `toString` that works.
	if (typeof value === "object" && value !== null) return "an object";
	if (typeof value === "string") return JSON.stringify(value);
	return typeof value === "function" ? "a function" : String(value);
}

function toRecord<Name extends string>(
	entries: readonly (readonly [Name, number])[],
): Record<Name, number> {
	return Object.fromEntries(entries) as Record<Name, number>;
}
