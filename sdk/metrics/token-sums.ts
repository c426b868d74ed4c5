// Metrics of teacher-forced evaluation, from sums over the answer tokens of each example.

import { MetricError } from "./error.js";
import type { TokenMetricName } from "./metric.js";

/** One example's answer, predicted token by token with the true tokens before it given. */
export interface TokenSums {
	/** Negative log-likelihood of the answer, summed over its tokens, in nats. */
	readonly lossSum: number;
	/** Answer tokens that were scored. */
	readonly tokens: number;
	/** Answer tokens that were the most likely ones. */
	readonly correctTokens: number;
}

/**
 * Means over all answer tokens of the split, so that a long answer weighs more than a short one: `loss` in nats per token,
 * `perplexity` = exp(loss), `tokenAccuracy` in [0, 1].
 *
 * Throws a `MetricError` when the split has no answer token, for the first example whose loss is not finite (a diverged
 * model), and when `perplexity` is asked for and too large for a number (a loss above 709).
 */
export function scoreTokenSums<Name extends TokenMetricName>(
	sums: readonly TokenSums[],
	metrics: readonly Name[],
): Record<Name, number> {
	const values = metrics.map((metric) => [metric, scoreSums(metric, sums)]);
	return Object.fromEntries(values) as Record<Name, number>;
}

function scoreSums(
	metric: TokenMetricName,
	sums: readonly TokenSums[],
): number {
	const fail = (reason: string, example: number | null = null) =>
		new MetricError({ metric, example, reason });
	const tokens = total(sums, "tokens");
	if (tokens === 0) throw fail("the split has no answer token");
	if (metric === "tokenAccuracy") return total(sums, "correctTokens") / tokens;
	const bad = sums.findIndex(({ lossSum }) => !Number.isFinite(lossSum));
	if (bad >= 0) throw fail(`its loss is ${sums[bad]?.lossSum}`, bad);
	const loss = total(sums, "lossSum") / tokens;
	const value = metric === "loss" ? loss : Math.exp(loss);
	if (!Number.isFinite(value))
		throw fail(`a mean loss of ${loss} is too large`);
	return value;
}

function total(sums: readonly TokenSums[], key: keyof TokenSums): number {
	return sums.reduce((sum, example) => sum + example[key], 0);
}
