// When to end training because it no longer helps: the rule of transformers' EarlyStoppingCallback.
import type { ResolvedEvaluation } from "../spec/spec.generated.js";

type Rule = ResolvedEvaluation["earlyStopping"];
type Direction = ResolvedEvaluation["best"]["direction"];

/**
 * Does training end with the last of these scores, which came in this order? It does once `patience` of them in a row
 * were not better than the best one before them by more than `threshold`; one that is not finite (null) never is.
 */
export function endsEarly(
	values: readonly (number | null)[],
	rule: Rule,
	direction: Direction,
): boolean {
	if (rule === null) return false;
	const gainOver = (best: number, value: number) =>
		direction === "max" ? value - best : best - value;
	let best: number | null = null;
	let misses = 0;
	for (const value of values) {
		const gain: number =
			value === null || best === null ? Number.NaN : gainOver(best, value);
		const isBetter = value !== null && (best === null || gain > rule.threshold);
		misses = isBetter ? 0 : misses + 1;
		if (value !== null && (best === null || gain > 0)) best = value;
	}
	return misses >= rule.patience;
}
