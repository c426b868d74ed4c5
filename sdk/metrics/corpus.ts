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

/** A user's metric, any finite number: of each example, or of a whole split at once. */
export type OwnMetric = OwnExampleMetric | OwnCorpusMetric;

export type OwnExampleMetric = (
	prediction: string,
	references: readonly string[],
) => number | Promise<number>;

/** Its value is the split's; examples have none of their own. */
export interface OwnCorpusMetric {
	readonly corpus: (
		examples: readonly TextExample[],
	) => number | Promise<number>;
}

export interface CorpusOptions extends TokenOptions {
	/** The functions behind those names that are not built in. */
	readonly ownMetrics?: Readonly<Record<string, OwnMetric>> | undefined;
}

export interface CorpusScore<Name extends string = string> {
	/** Mean of each metric over the examples, or what a user's metric made of all of them. */
	readonly values: Readonly<Record<Name, number>>;
	/** The scores of each example, in the order of the examples; without those of user's metrics of the whole. */
	readonly perExample: readonly Readonly<Partial<Record<Name, number>>>[];
	/** Predictions without a token (see `tokenize`): empty ones, but also text without an ASCII letter or digit. */
	readonly empty: number;
	/** Examples scored. */
	readonly count: number;
}

/**
 * Scores every example by every metric; each text is tokenized once, however many metrics there are.
 *
 * An empty prediction scores 0 and stays in the mean. A user's metric gets one example at a time, in order, or all of
 * them at once. Throws a `MetricError` for an unknown name, a user's metric with a built-in name, an empty list of examples, an example without
 * reference under a built-in metric, and a user's metric that throws or gives no finite number.
 */
export async function scoreCorpus<Name extends string>(
	examples: readonly TextExample[],
	metrics: readonly Name[],
	options: CorpusOptions,
): Promise<CorpusScore<Name>> {
	const wholes = new Map<Name, OwnCorpusMetric>();
	const scorers = new Map<Name, Scorer>();
	for (const name of metrics) {
		const own = findOwn(name, options);
		if (typeof own === "object") wholes.set(name, own);
		else scorers.set(name, findScorer(name, own));
	}
	const perExample: Partial<Record<Name, number>>[] = [];
	let empty = 0;
	for (const [index, example] of examples.entries()) {
		const texts = readExample(example, options);
		if (texts.prediction.tokens.length === 0) empty++;
		perExample.push(await scoreExample(index, texts, scorers));
	}
	const values: [Name, number][] = [];
	for (const name of new Set(metrics)) {
		if (examples.length === 0) throw nothingToScore(name);
		const whole = wholes.get(name);
		const value = whole
			? await scoreBy(name, () => whole.corpus(examples), null)
			: mean(name, perExample);
		values.push([name, value]);
	}
	return {
		values: toRecord(values),
		perExample,
		empty,
		count: examples.length,
	};
}

interface ExampleTexts {
	readonly example: TextExample;
	readonly prediction: MetricText;
	readonly references: readonly MetricText[];
}

type Scorer = (texts: ExampleTexts) => number | Promise<number>;

function findOwn(
	metric: string,
	{ ownMetrics = {} }: CorpusOptions,
): OwnMetric | undefined {
	const own = Object.hasOwn(ownMetrics, metric)
		? ownMetrics[metric]
		: undefined;
	if (own !== undefined && (isTextMetric(metric) || isTokenMetric(metric)))
		throw new MetricError({
			metric,
			example: null,
			reason: "a built-in metric has this name; give yours another",
		});
	return own;
}

function findScorer(metric: string, own: OwnExampleMetric | undefined): Scorer {
	if (own !== undefined)
		return ({ example }) => own(example.prediction, example.references);
	if (isTextMetric(metric))
		return ({ prediction, references }) =>
			scoreText(metric, prediction, references);
	const builtIn = textMetricNames.join(", ");
	throw new MetricError({
		metric,
		example: null,
		reason: `it is neither built in (${builtIn}) nor one of ownMetrics`,
	});
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
): Promise<Partial<Record<Name, number>>> {
	const scores: [Name, number][] = [];
	for (const [metric, scorer] of scorers)
		scores.push([metric, await scoreBy(metric, () => scorer(texts), index)]);
	return toRecord(scores);
}

async function scoreBy(
	metric: string,
	ask: () => number | Promise<number>,
	index: number | null,
): Promise<number> {
	let score: unknown;
	try {
		score = await ask();
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
	perExample: readonly Readonly<Partial<Record<Name, number>>>[],
): number {
	return (
		perExample.reduce((sum, scores) => sum + (scores[metric] as number), 0) /
		perExample.length
	);
}

const nothingToScore = (metric: string) =>
	new MetricError({
		metric,
		example: null,
		reason: "there is no example to score",
	});

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
