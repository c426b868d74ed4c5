// How well a comma-separated list of tags agrees with another.

import { demandReference } from "./error.js";
import { fmeasure } from "./overlap.js";

/**
 * F1 of the two sets of tags, in [0, 1]; the best over the references.
 *
 * Tags are split at commas, trimmed and lower-cased; empty and repeated ones are dropped, order does not count. A prediction
 * without a tag scores 0, even against a reference without one. Throws a `MetricError` when there is no reference.
 */
export function tagF1(
	prediction: string,
	references: readonly string[],
): number {
	demandReference("tagF1", references);
	const predicted = parseTags(prediction);
	return Math.max(
		...references.map((reference) =>
			scoreTags(predicted, parseTags(reference)),
		),
	);
}

function scoreTags(
	predicted: ReadonlySet<string>,
	expected: ReadonlySet<string>,
): number {
	if (predicted.size === 0 || expected.size === 0) return 0;
	let shared = 0;
	for (const tag of predicted) if (expected.has(tag)) shared++;
	return fmeasure(shared / predicted.size, shared / expected.size);
}

function parseTags(text: string): Set<string> {
	const tags = text.split(",").map((tag) => tag.trim().toLowerCase());
	return new Set(tags.filter((tag) => tag !== ""));
}
