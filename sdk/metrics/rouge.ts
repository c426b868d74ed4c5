// ROUGE of a prediction against its references.

import { demandReference } from "./error.js";
import { indexPositions, lcsLength, lcsPositions } from "./lcs.js";
import { countShared, type RougeScore, scoreOverlap } from "./overlap.js";
import { rougeS } from "./skip-bigrams.js";
import {
	type TokenizedText,
	type TokenOptions,
	tokenizeText,
} from "./tokens.js";

export type RougeType =
	| "rouge1"
	| "rouge2"
	| "rougeL"
	| "rougeLsum"
	| "rougeS"
	| "rougeSU4";

/**
 * The score against the reference with the best F-measure (the first of equals).
 *
 * C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004. `rouge1`, `rouge2`, `rougeL` and `rougeLsum`
 * equal the Python package rouge-score 0.1.2, bit for bit; for `rougeS` and `rougeSU4` see `rougeS`. A prediction without
 * a token scores 0. Throws a `MetricError` when there is no reference.
 */
export function scoreRouge(
	type: RougeType,
	prediction: string,
	references: readonly string[],
	options: TokenOptions,
): RougeScore {
	return bestRouge(
		type,
		tokenizeText(prediction, options),
		references.map((reference) => tokenizeText(reference, options)),
	);
}

/** As `scoreRouge`, for texts already tokenized. */
export function bestRouge(
	type: RougeType,
	prediction: TokenizedText,
	references: readonly TokenizedText[],
): RougeScore {
	demandReference(type, references);
	const scores = references.map((reference) =>
		rougeTypes[type](prediction, reference),
	);
	return scores.reduce((best, score) =>
		score.fmeasure > best.fmeasure ? score : best,
	);
}

const rougeTypes: Readonly<
	Record<
		RougeType,
		(prediction: TokenizedText, reference: TokenizedText) => RougeScore
	>
> = {
	rouge1: ({ tokens }, reference) => rougeN(tokens, reference.tokens, 1),
	rouge2: ({ tokens }, reference) => rougeN(tokens, reference.tokens, 2),
	rougeL: ({ tokens }, reference) => rougeL(tokens, reference.tokens),
	rougeLsum: ({ sentences }, reference) =>
		rougeLsum(sentences, reference.sentences),
	rougeS: ({ tokens }, reference) => rougeS(tokens, reference.tokens),
	rougeSU4: ({ tokens }, reference) =>
		rougeS(tokens, reference.tokens, { maxSkip: 4, unigrams: true }),
};

/** ROUGE-N of tokenized texts: runs of `n` tokens (a whole number from 1), matched as multisets. */
export function rougeN(
	prediction: readonly string[],
	reference: readonly string[],
	n: number,
): RougeScore {
	const predicted = listNgrams(prediction, n);
	const expected = listNgrams(reference, n);
	return scoreOverlap(
		countShared(expected, predicted),
		predicted.length,
		expected.length,
	);
}

/** ROUGE-L of tokenized texts: their longest common subsequence. */
export function rougeL(
	prediction: readonly string[],
	reference: readonly string[],
): RougeScore {
	return scoreOverlap(
		lcsLength(indexPositions(reference), prediction),
		prediction.length,
		reference.length,
	);
}

/**
 * ROUGE-Lsum of texts given as tokenized sentences: each reference sentence counts the tokens that a longest common
 * subsequence with any predicted sentence covers (union LCS, Lin 2004, section 3.2); as in ROUGE-1.5.5, a token hits no
 * more often than the prediction has it.
 */
export function rougeLsum(
	prediction: readonly (readonly string[])[],
	reference: readonly (readonly string[])[],
): RougeScore {
	const predicted = prediction.flat();
	const hits = reference.flatMap((sentence) => unionLcs(sentence, prediction));
	return scoreOverlap(
		countShared(predicted, hits),
		predicted.length,
		reference.reduce((length, sentence) => length + sentence.length, 0),
	);
}

function unionLcs(
	reference: readonly string[],
	candidates: readonly (readonly string[])[],
): string[] {
	const index = indexPositions(reference);
	const covered = new Set<number>();
	for (const candidate of candidates)
		for (const position of lcsPositions(index, candidate))
			covered.add(position);
	return [...covered].map((position) => reference[position] as string);
}

function listNgrams(tokens: readonly string[], n: number): readonly string[] {
	if (n === 1) return tokens;
	const count = Math.max(tokens.length - n + 1, 0);
	// No token holds a space, so different runs give different strings.
	return Array.from({ length: count }, (_, start) =>
		tokens.slice(start, start + n).join(" "),
	);
}
