import { test } from "uvu";
import * as assert from "uvu/assert";
import { MetricError } from "../../sdk/metrics/error.js";
import { scoreRouge } from "../../sdk/metrics/rouge.js";
import { rougeS } from "../../sdk/metrics/skip-bigrams.js";
import { below, pick, seeded, times } from "./random.js";

/** Lin 2004, section 5. */
test("gives the values of the paper", () => {
	const reference = "police killed the gunman";
	const score = (prediction: string) =>
		scoreRouge("rougeS", prediction, [reference], { stemming: false }).fmeasure;
	assert.is(score("police kill the gunman"), 3 / 6);
	assert.is(score("the gunman kill police"), 1 / 6);
	assert.is(score("the gunman police killed"), 2 / 6);
	assert.is(score("gunman the killed police"), 0);
});

test("one word has no pair, but a unigram", () => {
	assert.is(rougeS(["a"], ["a"]).fmeasure, 0);
	assert.is(rougeS(["a"], ["a"], { unigrams: true }).fmeasure, 1);
	assert.is(rougeS(["a"], ["b", "a"], { unigrams: true }).recall, 1 / 3);
});

test("ROUGE-SU4 pairs words with at most four between them, and counts the last word", () => {
	const score = (prediction: string) =>
		scoreRouge("rougeSU4", prediction, ["a b"], { stemming: false });
	// Six words: 6 unigrams and 5 + 4 + 3 + 2 + 1 pairs; seven: 7 and 5 + 5 + 4 + 3 + 2 + 1.
	assert.is(score("a 1 2 3 4 b").precision, 3 / 21);
	assert.is(score("a 1 2 3 4 5 b").precision, 2 / 27);
});

test("with neighbours only, ROUGE-S is ROUGE-2", () => {
	const random = seeded(8);
	for (let round = 0; round < 300; round++) {
		const [left, right] = [randomLetters(), randomLetters()];
		assert.equal(
			rougeS(left, right, { maxSkip: 0 }),
			scoreRouge("rouge2", left.join(" "), [right.join(" ")], {
				stemming: false,
			}),
		);
	}
	function randomLetters(): string[] {
		return times(below(random, 12), () => pick(random, ["a", "b", "c"]));
	}
});

test("equals an enumeration of all pairs, on 2,000 texts and several distances", () => {
	const random = seeded(9);
	for (let round = 0; round < 2000; round++) {
		const alphabet = times(1 + below(random, 15), String);
		const [left, right] = times(2, () =>
			times(below(random, 25), () => pick(random, alphabet)),
		) as [string[], string[]];
		for (const maxSkip of [undefined, 0, 1, 4, 30])
			for (const unigrams of [false, true])
				assert.equal(
					rougeS(left, right, { maxSkip, unigrams }),
					enumerated(left, right, maxSkip, unigrams),
				);
		const texts = [left.join(" "), [right.join(" ")]] as const;
		assert.equal(
			scoreRouge("rougeS", ...texts, { stemming: false }),
			enumerated(left, right, undefined, false),
		);
		assert.equal(
			scoreRouge("rougeSU4", ...texts, { stemming: false }),
			enumerated(left, right, 4, true),
		);
	}
});

test("copes with 5,000 different words in either text", () => {
	const text = times(5000, String);
	assert.is(rougeS(text, text).fmeasure, 1);
	assert.is(rougeS(text, text.toReversed()).fmeasure, 0);
});

test("refuses a distance that is not a whole number", () => {
	for (const maxSkip of [-1, 1.5, Number.NaN])
		assert.throws(
			() => rougeS(["a"], ["a"], { maxSkip }),
			(error: unknown) => error instanceof MetricError,
		);
});

function enumerated(
	prediction: readonly string[],
	reference: readonly string[],
	maxSkip: number | undefined,
	unigrams: boolean,
) {
	const predicted = listUnits(prediction, maxSkip, unigrams);
	const expected = listUnits(reference, maxSkip, unigrams);
	const left = [...expected];
	let hits = 0;
	for (const unit of predicted) {
		const at = left.indexOf(unit);
		if (at < 0) continue;
		left.splice(at, 1);
		hits++;
	}
	const precision = predicted.length === 0 ? 0 : hits / predicted.length;
	const recall = expected.length === 0 ? 0 : hits / expected.length;
	const fmeasure =
		hits === 0 ? 0 : (2 * precision * recall) / (precision + recall);
	return { precision, recall, fmeasure };
}

function listUnits(
	tokens: readonly string[],
	maxSkip: number | undefined,
	unigrams: boolean,
): string[] {
	return tokens.flatMap((first, i) => [
		...(unigrams ? [first] : []),
		...tokens
			.slice(i + 1, maxSkip === undefined ? undefined : i + 1 + maxSkip + 1)
			.map((second) => `${first} ${second}`),
	]);
}

test.run();
