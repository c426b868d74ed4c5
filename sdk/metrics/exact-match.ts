// Whether a prediction says the very same text.

import { demandReference } from "./error.js";

/**
 * 1 when the prediction equals a reference, else 0; runs of white space count as one space and those at the ends do not
 * count. Case, accents and punctuation do count. An empty prediction scores 0, even against an empty reference.
 * Throws a `MetricError` when there is no reference.
 */
export function exactMatch(
	prediction: string,
	references: readonly string[],
): number {
	demandReference("exactMatch", references);
	const wanted = collapseSpaces(prediction);
	if (wanted === "") return 0;
	return references.some((reference) => collapseSpaces(reference) === wanted)
		? 1
		: 0;
}

function collapseSpaces(text: string): string {
	return text.trim().replace(/\s+/g, " ");
}
