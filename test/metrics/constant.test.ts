import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	bestConstantAnswer,
	MetricError,
	textMetrics,
} from "../../sdk/metrics/index.js";
import { below, joinWords, randomWords, seeded, times } from "./random.js";

const plain = { stemming: false };

test("chooses by the training answers alone", () => {
	const { answer, rouge1 } = bestConstantAnswer(
		["A dog.", "A red cat.", "A cat.", "a cat"],
		[["dog"], ["a dog", "a cat"], ["A dog."]],
		plain,
	);
	assert.is(answer, "A cat.");
	assert.is(rouge1, (0 + 1 + 1 / 2) / 3);
});

test("of equals the first in order wins, also where sums differ by rounding only", () => {
	const answer = (...answers: string[]) =>
		bestConstantAnswer(answers, [["a"]], plain).answer;
	assert.is(answer("x", "y", "z"), "x");
	assert.is(answer("...", "", "飛行機"), "...");
	assert.is(answer("The CAT", "cat the", "the cat"), "The CAT");
	// "a d c" and "e a c" have the same mean, 0.66, but for the order in which it is summed up.
	assert.is(answer("c a", "a d c", "a", "e a c", "e d d"), "a d c");
});

test("stemming has its say", () => {
	const answers = ["two cats", "one cat", "a cat", "many cats", "cats"];
	assert.is(bestConstantAnswer(answers, [["cat"]], plain).rouge1, 0);
	assert.is(
		bestConstantAnswer(answers, [["cat"]], { stemming: true }).rouge1,
		1,
	);
});

test("equals scoring every answer against every other", () => {
	const random = seeded(12);
	for (let round = 0; round < 60; round++) {
		const answers = times(1 + below(random, 40), () =>
			joinWords(random, randomWords(random, below(random, 9))),
		);
		const references = times(5, () => [
			joinWords(random, randomWords(random, 6)),
			joinWords(random, randomWords(random, 6)),
		]);
		for (const stemming of [false, true]) {
			const rouge1 = (answer: string, against: readonly string[]) =>
				textMetrics.rouge1(answer, against, { stemming });
			const means = answers.map((answer) =>
				mean(answers.map((other) => rouge1(answer, [other]))),
			);
			const best = Math.max(...means);
			const first = answers[means.findIndex((m) => m > best - 1e-12)] as string;
			assert.equal(bestConstantAnswer(answers, references, { stemming }), {
				answer: first,
				rouge1: mean(references.map((texts) => rouge1(first, texts))),
			});
		}
	}
});

test("refuses to choose from nothing or to score against nothing", () => {
	const fails = (
		answers: readonly string[],
		references: readonly (readonly string[])[],
		example: number | null,
	) =>
		assert.throws(
			() => bestConstantAnswer(answers, references, plain),
			(error: unknown) =>
				error instanceof MetricError && error.example === example,
		);
	fails([], [["a"]], null);
	fails(["a"], [], null);
	fails(["a"], [["a"], []], 1);
});

function mean(values: readonly number[]): number {
	return values.reduce((sum, value) => sum + value, 0) / values.length;
}

test.run();
