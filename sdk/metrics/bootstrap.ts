// Is a difference of two means more than chance? A paired bootstrap over the examples.

import { MetricError } from "./error.js";

/** How far two models are apart on the same examples. */
export interface Difference {
	/** Mean of the tuned scores minus mean of the base scores. */
	readonly difference: number;
	/** Lower end of the confidence interval. */
	readonly low: number;
	/** Upper end of the confidence interval. */
	readonly high: number;
	/** Share of such intervals that hold the true difference, in (0, 1). */
	readonly level: number;
	/** Pairs of scores. */
	readonly examples: number;
}

export interface BootstrapOptions {
	/** Samples drawn, at least 1. */
	readonly resamples?: number;
	/** Level of the interval, in (0, 1). */
	readonly level?: number;
	/** Whole number; the same seed gives the same interval on every machine. */
	readonly seed?: number;
}

/**
 * Difference of the means of two lists of scores of the same examples in the same order, with its percentile interval
 * (Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13): examples are drawn with replacement, each
 * with both of its scores, as often as there are examples; the interval leaves out (1 - level) / 2 of the drawn
 * differences at either end, interpolated linearly. One example gives an interval without width: it knows no spread.
 *
 * Throws a `MetricError` for lists that are empty, of unequal length or hold what is not finite, and for options out of
 * their range.
 */
export function bootstrapDifference(
	base: readonly number[],
	tuned: readonly number[],
	{ resamples = 10_000, level = 0.95, seed = 0 }: BootstrapOptions = {},
): Difference {
	demandPairs(base, tuned);
	demandOptions({ resamples, level, seed });
	const gains = Float64Array.from(
		tuned,
		(score, example) => score - (base[example] as number),
	);
	const means = resampleMeans(gains, resamples, seed).sort();
	const tail = (1 - level) / 2;
	return {
		difference: mean(gains),
		low: quantile(means, tail),
		high: quantile(means, 1 - tail),
		level,
		examples: gains.length,
	};
}

/** The mean of each sample, drawn with replacement. Pairs stay together, so their gains are all there is to draw. */
function resampleMeans(
	gains: Float64Array,
	resamples: number,
	seed: number,
): Float64Array {
	const random = mulberry32(seed);
	return Float64Array.from({ length: resamples }, () => {
		let sum = 0;
		for (let draw = 0; draw < gains.length; draw++)
			sum += gains[Math.floor(random() * gains.length)] as number;
		return sum / gains.length;
	});
}

/** Tommy Ettinger's generator: numbers in [0, 1) from 32 bits of state. */
function mulberry32(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** Between the two nearest of the sorted values (definition 7 of Hyndman and Fan 1996). */
function quantile(sorted: Float64Array, share: number): number {
	const at = share * (sorted.length - 1);
	const below = sorted[Math.floor(at)] as number;
	const above = sorted[Math.ceil(at)] as number;
	return below + (above - below) * (at - Math.floor(at));
}

const mean = (values: Float64Array) =>
	values.reduce((sum, value) => sum + value, 0) / values.length;

function demandPairs(base: readonly number[], tuned: readonly number[]): void {
	if (base.length !== tuned.length)
		throw fail(
			`${base.length} base scores and ${tuned.length} tuned scores are not of the same examples`,
		);
	if (base.length === 0) throw fail("there is no example to compare");
	for (const scores of [base, tuned]) {
		const bad = scores.findIndex((score) => !Number.isFinite(score));
		if (bad >= 0) throw fail(`its score is ${scores[bad]}`, bad);
	}
}

function demandOptions({
	resamples,
	level,
	seed,
}: Required<BootstrapOptions>): void {
	if (!Number.isInteger(resamples) || resamples < 1)
		throw fail(`resamples must be a whole number from 1, not ${resamples}`);
	if (!(level > 0 && level < 1))
		throw fail(`level must lie between 0 and 1, not ${level}`);
	if (!Number.isInteger(seed))
		throw fail(`seed must be a whole number, not ${seed}`);
}

const fail = (reason: string, example: number | null = null) =>
	new MetricError({ metric: "difference", example, reason });
