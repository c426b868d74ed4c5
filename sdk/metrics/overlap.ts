// Precision, recall and F-measure from counts: what all ROUGE scores share.

/** Each in [0, 1]; all 0 when either text has nothing to count. */
export interface RougeScore {
	readonly precision: number;
	readonly recall: number;
	readonly fmeasure: number;
}

/** `hits` units in common out of `predicted` in the prediction and `expected` in the reference. */
export function scoreOverlap(
	hits: number,
	predicted: number,
	expected: number,
): RougeScore {
	const precision = hits / Math.max(predicted, 1);
	const recall = hits / Math.max(expected, 1);
	return { precision, recall, fmeasure: fmeasure(precision, recall) };
}

/** Harmonic mean (beta = 1), 0 when both are 0; rouge-score's order of operations, for results equal to the last bit. */
export function fmeasure(precision: number, recall: number): number {
	const sum = precision + recall;
	return sum > 0 ? (2 * precision * recall) / sum : 0;
}

/** Size of the intersection as multisets: a unit counts as often as both sides have it (ROUGE's clipping). */
export function countShared(
	left: readonly string[],
	right: readonly string[],
): number {
	const remaining = new Map<string, number>();
	for (const unit of left) remaining.set(unit, (remaining.get(unit) ?? 0) + 1);
	let shared = 0;
	for (const unit of right) {
		const count = remaining.get(unit) ?? 0;
		if (count === 0) continue;
		remaining.set(unit, count - 1);
		shared++;
	}
	return shared;
}
