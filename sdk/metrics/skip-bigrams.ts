// ROUGE-S and ROUGE-SU: pairs of words in their order, whatever stands between them.

import { MetricError } from "./error.js";
import { countShared, type RougeScore, scoreOverlap } from "./overlap.js";

export interface SkipOptions {
	/** Most words allowed between the two of a pair, a whole number from 0 (neighbours only); without it, any number. */
	readonly maxSkip?: number | undefined;
	/** ROUGE-SU: count single words besides the pairs. */
	readonly unigrams?: boolean | undefined;
}

/**
 * ROUGE-S, or ROUGE-SU with `unigrams`, of tokenized texts (Lin 2004, section 5, beta = 1).
 *
 * Pairs count as often as they occur and are matched as multisets. A text of one word has no pair, so its ROUGE-S is 0,
 * even against itself; its ROUGE-SU is that of the word. `maxSkip: 4` with `unigrams` is ROUGE-SU4: as in ROUGE-1.5.5 the
 * second word stands at most 5 places after the first. ROUGE-1.5.5 forgets the unigram of each text's last word; here, as
 * in the paper, every word counts.
 */
export function rougeS(
	prediction: readonly string[],
	reference: readonly string[],
	{ maxSkip = Number.POSITIVE_INFINITY, unigrams = false }: SkipOptions = {},
): RougeScore {
	demandWholeNumber(maxSkip);
	const reach = maxSkip + 1;
	const perWord = unigrams ? 1 : 0;
	return scoreOverlap(
		countSharedPairs(prediction, reference, reach) +
			perWord * countShared(prediction, reference),
		countPairs(prediction.length, reach) + perWord * prediction.length,
		countPairs(reference.length, reach) + perWord * reference.length,
	);
}

function demandWholeNumber(maxSkip: number): void {
	const unlimited = maxSkip === Number.POSITIVE_INFINITY;
	if (unlimited || (Number.isInteger(maxSkip) && maxSkip >= 0)) return;
	throw new MetricError({
		metric: "rougeS",
		example: null,
		reason: `maxSkip must be a whole number from 0, not ${maxSkip}`,
	});
}

/** Pairs of positions at most `reach` apart. */
function countPairs(length: number, reach: number): number {
	const near = Math.min(reach, Math.max(length - 1, 0));
	return near * length - (near * (near + 1)) / 2;
}

/**
 * Goes through the first words of pairs one by one, so that memory stays in proportion to the text: a text of 5,000
 * different words has 12 million pairs.
 */
function countSharedPairs(
	prediction: readonly string[],
	reference: readonly string[],
	reach: number,
): number {
	const ids = numberSharedTokens(prediction, reference);
	const predicted = prediction.map((token) => ids.get(token) ?? -1);
	const expected = reference.map((token) => ids.get(token) ?? -1);
	let shared = 0;
	for (const first of ids.values()) {
		const left = countFollowers(predicted, first, reach, ids.size);
		const right = countFollowers(expected, first, reach, ids.size);
		for (let second = 0; second < ids.size; second++)
			shared += Math.min(left[second] as number, right[second] as number);
	}
	return shared;
}

/** Only words of both texts can be in a shared pair. */
function numberSharedTokens(
	prediction: readonly string[],
	reference: readonly string[],
): Map<string, number> {
	const expected = new Set(reference);
	const ids = new Map<string, number>();
	for (const token of prediction)
		if (expected.has(token) && !ids.has(token)) ids.set(token, ids.size);
	return ids;
}

/** For each word, how many pairs (first, word) the text has. */
function countFollowers(
	text: readonly number[],
	first: number,
	reach: number,
	numWords: number,
): Float64Array {
	const counts = new Float64Array(numWords);
	let within = 0;
	for (let position = 0; position < text.length; position++) {
		const word = text[position] as number;
		if (word >= 0) (counts[word] as number) += within;
		if (word === first) within++;
		const leaving = position - reach;
		if (leaving >= 0 && text[leaving] === first) within--;
	}
	return counts;
}
