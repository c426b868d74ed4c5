// The best that can be scored without looking at the image: one answer for all.

import { demandReference, MetricError } from "./error.js";
import { fmeasure } from "./overlap.js";
import { bestRouge } from "./rouge.js";
import { type TokenOptions, tokenize, tokenizeText } from "./tokens.js";

export interface ConstantAnswer {
	/** The chosen training answer, as written. */
	readonly answer: string;
	/** Its mean ROUGE-1 F-measure over the evaluation examples, each against its best reference. */
	readonly rouge1: number;
}

/**
 * The training answer with the best mean ROUGE-1 over the training answers (the first of equals), and what it scores when
 * given for every evaluation example: a model that has learnt to look scores more. The evaluation references have no say
 * in the choice. `stemming` must be that of the score it is compared with. Throws a `MetricError` when there is no
 * training answer, no evaluation example, or an example without reference.
 */
export function bestConstantAnswer(
	trainAnswers: readonly string[],
	references: readonly (readonly string[])[],
	options: TokenOptions,
): ConstantAnswer {
	const answer = chooseAnswer(trainAnswers, options);
	if (references.length === 0) throw fail("there is no evaluation example");
	const prediction = tokenizeText(answer, options);
	const total = references.reduce((sum, texts, example) => {
		demandReference("rouge1", texts, example);
		const expected = texts.map((text) => tokenizeText(text, options));
		return sum + bestRouge("rouge1", prediction, expected).fmeasure;
	}, 0);
	return { answer, rouge1: total / references.length };
}

/** Answers with the same words in any order score alike, so they are one bag. */
interface Bag {
	readonly answer: string;
	readonly counts: ReadonlyMap<string, number>;
	readonly size: number;
	/** Training answers that are this bag. */
	weight: number;
}

/** Closer means are equal but for rounding, and the first answer wins. */
const rounding = 1e-12;

function chooseAnswer(
	trainAnswers: readonly string[],
	options: TokenOptions,
): string {
	const bags = collectBags(trainAnswers, options);
	const postings = indexBags(bags);
	let best: Bag | undefined;
	let bestMean = 0;
	for (const bag of bags) {
		const mean = sumScores(bag, bags, postings) / trainAnswers.length;
		if (best !== undefined && mean <= bestMean + rounding) continue;
		best = bag;
		bestMean = mean;
	}
	if (best === undefined) throw fail("there is no training answer");
	return best.answer;
}

function collectBags(
	answers: readonly string[],
	options: TokenOptions,
): readonly Bag[] {
	const bags = new Map<string, Bag>();
	for (const answer of answers) {
		const tokens = tokenize(answer, options).sort();
		const key = tokens.join(" ");
		const known = bags.get(key);
		if (known !== undefined) known.weight++;
		else
			bags.set(key, {
				answer,
				counts: countTokens(tokens),
				size: tokens.length,
				weight: 1,
			});
	}
	return [...bags.values()];
}

function countTokens(tokens: readonly string[]): Map<string, number> {
	const counts = new Map<string, number>();
	for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
	return counts;
}

interface Posting {
	readonly bag: number;
	readonly count: number;
}

/** For each token, the bags that hold it. */
function indexBags(bags: readonly Bag[]): ReadonlyMap<string, Posting[]> {
	const postings = new Map<string, Posting[]>();
	for (const [bag, { counts }] of bags.entries())
		for (const [token, count] of counts) {
			const list = postings.get(token);
			if (list === undefined) postings.set(token, [{ bag, count }]);
			else list.push({ bag, count });
		}
	return postings;
}

function sumScores(
	candidate: Bag,
	bags: readonly Bag[],
	postings: ReadonlyMap<string, readonly Posting[]>,
): number {
	const hits = new Float64Array(bags.length);
	for (const [token, count] of candidate.counts)
		for (const posting of postings.get(token) ?? [])
			(hits[posting.bag] as number) += Math.min(count, posting.count);
	return bags.reduce((sum, { size, weight }, index) => {
		const shared = hits[index] as number;
		if (shared === 0) return sum;
		return sum + weight * fmeasure(shared / candidate.size, shared / size);
	}, 0);
}

function fail(reason: string): MetricError {
	return new MetricError({ metric: "rouge1", example: null, reason });
}
