import { test } from "uvu";
import * as assert from "uvu/assert";
import { MetricError } from "../../sdk/metrics/error.js";
import { scoreTokenSums } from "../../sdk/metrics/token-sums.js";

const all = ["loss", "perplexity", "tokenAccuracy"] as const;

test("weighs by tokens, not by examples", () => {
	const values = scoreTokenSums(
		[
			{ lossSum: 3, tokens: 1, correctTokens: 0 },
			{ lossSum: 3, tokens: 7, correctTokens: 6 },
			{ lossSum: 0, tokens: 0, correctTokens: 0 },
		],
		all,
	);
	assert.equal(values, {
		loss: 0.75,
		perplexity: Math.exp(0.75),
		tokenAccuracy: 0.75,
	});
});

test("a model that halves its guess at every token has perplexity 2", () => {
	const { perplexity } = scoreTokenSums(
		[{ lossSum: 8 * Math.LN2, tokens: 8, correctTokens: 8 }],
		["perplexity"],
	);
	assert.is(perplexity, 2);
});

test("gives what is asked for and nothing else", () => {
	const sums = [{ lossSum: 1, tokens: 2, correctTokens: 1 }];
	assert.equal(scoreTokenSums(sums, ["tokenAccuracy"]), { tokenAccuracy: 0.5 });
	assert.equal(scoreTokenSums(sums, []), {});
});

test("names the example whose loss is not finite", () => {
	const sums = [
		{ lossSum: 1, tokens: 2, correctTokens: 1 },
		{ lossSum: Number.NaN, tokens: 2, correctTokens: 1 },
		{ lossSum: Number.POSITIVE_INFINITY, tokens: 2, correctTokens: 1 },
	];
	for (const metric of ["loss", "perplexity"] as const)
		assert.throws(
			() => scoreTokenSums(sums, [metric]),
			(error: unknown) =>
				error instanceof MetricError &&
				error.metric === metric &&
				error.example === 1,
		);
	assert.equal(scoreTokenSums(sums, ["tokenAccuracy"]), { tokenAccuracy: 0.5 });
});

test("a perplexity too large for a number fails alone", () => {
	const sums = [{ lossSum: 800, tokens: 1, correctTokens: 0 }];
	assert.equal(scoreTokenSums(sums, ["loss"]), { loss: 800 });
	assert.throws(
		() => scoreTokenSums(sums, ["perplexity"]),
		(error: unknown) => error instanceof MetricError && error.example === null,
	);
});

test("refuses a split without answer tokens", () => {
	for (const metric of all)
		for (const sums of [[], [{ lossSum: 0, tokens: 0, correctTokens: 0 }]])
			assert.throws(
				() => scoreTokenSums(sums, [metric]),
				(error: unknown) =>
					error instanceof MetricError && error.metric === metric,
			);
});

test.run();
