import { test } from "uvu";
import * as assert from "uvu/assert";
import { bootstrapDifference, MetricError } from "../../sdk/metrics/index.js";
import { askOracle, oracleTest } from "./oracle.js";
import { below, type Random, seeded, times } from "./random.js";

/** Sums of twelve uniform numbers: mean 0, standard deviation 1. */
const normal = (random: Random) =>
	times(12, random).reduce((sum, one) => sum + one, -6);

const near = (actual: number, expected: number, tolerance: number) =>
	assert.ok(
		Math.abs(actual - expected) <= tolerance,
		`${actual} is not ${expected}`,
	);

oracleTest("equals numpy on the same draws", () => {
	const random = seeded(5);
	const cases = [1, 2, 16, 500].map((examples, seed) => ({
		base: times(examples, random),
		tuned: times(examples, () => random() * 1.5),
		resamples: 2_000,
		level: [0.95, 0.9, 0.5, 0.99][seed] as number,
		seed: seed * 1_000,
	}));
	const expected = askOracle("bootstrap_oracle.py", cases) as number[][];
	for (const [at, { base, tuned, ...options }] of cases.entries()) {
		const { difference, low, high, level, examples } = bootstrapDifference(
			base,
			tuned,
			options,
		);
		for (const [index, figure] of [difference, low, high].entries())
			near(figure, expected[at]?.[index] as number, 1e-12);
		assert.equal([level, examples], [options.level, base.length]);
	}
});

test("the ends are those of all samples that there are", () => {
	const gains = [0.1, -0.2, 0.45, 0.7, 0.05];
	let means: number[] = [0];
	for (const _ of gains)
		means = means.flatMap((sum) => gains.map((gain) => sum + gain / 5));
	assert.is(means.length, 5 ** 5);
	const { low, high } = bootstrapDifference(
		gains.map(() => 0),
		gains,
		{ resamples: 100_000 },
	);
	const shareBelow = (end: number) =>
		means.filter((one) => one < end).length / means.length;
	const shareUpTo = (end: number) =>
		means.filter((one) => one <= end + 1e-12).length / means.length;
	// Within four standard errors of a share of 0.025 in 100,000 draws.
	assert.ok(shareBelow(low) <= 0.027 && shareUpTo(low) >= 0.023, `${low}`);
	assert.ok(shareBelow(high) <= 0.977 && shareUpTo(high) >= 0.973, `${high}`);
});

test("pairs are drawn as pairs", () => {
	const random = seeded(7);
	const base = times(40, random);
	assert.equal(bootstrapDifference(base, base), {
		difference: 0,
		low: 0,
		high: 0,
		level: 0.95,
		examples: 40,
	});
	const shifted = bootstrapDifference(
		base,
		base.map((score) => score + 0.25),
	);
	for (const figure of [shifted.difference, shifted.low, shifted.high])
		near(figure, 0.25, 1e-12);
	const dealt = bootstrapDifference(base, [...base.slice(1), base[0] ?? 0]);
	near(dealt.difference, 0, 1e-12);
	assert.ok(dealt.low < -0.05 && dealt.high > 0.05);
});

test("scores that move together move the interval, and it does not depend on which is called base", () => {
	const random = seeded(8);
	const base = times(30, random);
	const tuned = times(30, random);
	const one = bootstrapDifference(base, tuned);
	const moved = bootstrapDifference(
		base,
		tuned.map((score) => score + 2),
	);
	const turned = bootstrapDifference(tuned, base);
	near(moved.low, one.low + 2, 1e-12);
	near(moved.high, one.high + 2, 1e-12);
	near(turned.low, -one.high, 1e-12);
	near(turned.high, -one.low, 1e-12);
	assert.equal(bootstrapDifference(base, tuned), one);
	assert.not.equal(bootstrapDifference(base, tuned, { seed: 1 }), one);
});

test("as many intervals hold the true difference as they say", () => {
	const random = seeded(9);
	const trials = 600;
	const hits = times(trials, () => {
		const base = times(60, () => normal(random));
		const tuned = base.map((score) => score + 0.3 + normal(random));
		const { low, high } = bootstrapDifference(base, tuned, {
			resamples: 500,
			level: 0.9,
			seed: below(random, 2 ** 31),
		});
		return low <= 0.3 && 0.3 <= high;
	}).filter(Boolean).length;
	// Four standard deviations of the binomial, and 0.015 that the percentile method lacks with 60 examples.
	const margin = 4 * Math.sqrt((0.9 * 0.1) / trials);
	assert.ok(hits / trials >= 0.9 - margin - 0.015, `${hits} of ${trials}`);
	assert.ok(hits / trials <= 0.9 + margin, `${hits} of ${trials}`);
});

test("refuses what cannot be compared", () => {
	const fails = (
		reason: RegExp,
		example: number | null,
		...args: Parameters<typeof bootstrapDifference>
	) =>
		assert.throws(
			() => bootstrapDifference(...args),
			(error: unknown) =>
				error instanceof MetricError &&
				error.example === example &&
				reason.test(error.reason),
		);
	fails(/no example/, null, [], []);
	fails(/1 base scores and 2 tuned/, null, [1], [1, 2]);
	fails(/NaN/, 1, [1, 2], [1, Number.NaN]);
	fails(/Infinity/, 0, [Number.POSITIVE_INFINITY], [1]);
	fails(/resamples.*0/, null, [1], [1], { resamples: 0 });
	fails(/level.*1/, null, [1], [1], { level: 1 });
	fails(/seed.*0\.5/, null, [1], [1], { seed: 0.5 });
});

test.run();
