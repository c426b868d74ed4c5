import { test } from "uvu";
import * as assert from "uvu/assert";
import { MetricError } from "../../sdk/metrics/error.js";
import type { RougeScore } from "../../sdk/metrics/overlap.js";
import { type RougeType, rougeN, scoreRouge } from "../../sdk/metrics/rouge.js";
import { tokenize } from "../../sdk/metrics/tokens.js";
import { askOracle, oracleTest } from "./oracle.js";
import {
	joinWords,
	mutate,
	type Pair,
	randomPair,
	randomWords,
	seeded,
	times,
} from "./random.js";

const plain = { stemming: false };
const allTypes = [
	"rouge1",
	"rouge2",
	"rougeL",
	"rougeLsum",
	"rougeS",
	"rougeSU4",
] as const;
const oracleTypes = ["rouge1", "rouge2", "rougeL", "rougeLsum"] as const;

test("scores a caption against a list of tags", () => {
	const prediction =
		"A large commercial airplane with a blue tail and a red logo, possibly a Qantas Boeing 747, is taking off from an airport runway.";
	const references = ["tupolev sb,707,boeing 707,douglas dc-8,boeing 2707"];
	const score = (type: RougeType) =>
		scoreRouge(type, prediction, references, plain).fmeasure;
	assert.is(score("rouge1"), 0.058823529411764705);
	assert.is(score("rouge2"), 0);
	assert.is(score("rougeL"), 0.058823529411764705);
});

test("gives precision and recall their own sides", () => {
	assert.equal(scoreRouge("rouge1", "a b", ["a c d e"], plain), {
		precision: 1 / 2,
		recall: 1 / 4,
		fmeasure: 1 / 3,
	});
	assert.equal(scoreRouge("rouge2", "a b c", ["b c d e f"], plain), {
		precision: 1 / 2,
		recall: 1 / 4,
		fmeasure: 1 / 3,
	});
});

test("a bigram is two words, not their letters", () => {
	assert.is(scoreRouge("rouge2", "ab c", ["a bc"], plain).fmeasure, 0);
});

test("clips repeated words", () => {
	const { precision, recall } = scoreRouge(
		"rouge1",
		"the the the the the the the",
		["the cat is on the mat"],
		plain,
	);
	assert.is(precision, 2 / 7);
	assert.is(recall, 2 / 6);
});

test("ROUGE-Lsum takes lines for sentences, ROUGE-L does not", () => {
	const prediction = "b b\na a";
	const references = ["a a\nb b"];
	assert.is(scoreRouge("rougeLsum", prediction, references, plain).fmeasure, 1);
	assert.is(scoreRouge("rougeL", prediction, references, plain).fmeasure, 0.5);
});

/** Lin 2004, section 3.2: w1 w2 w3 w4 w5 against w1 w2 w6 w7 w8 and w1 w3 w8 w9 w5. */
test("ROUGE-Lsum unites what the sentences cover", () => {
	const { precision, recall } = scoreRouge(
		"rougeLsum",
		"w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5",
		["w1 w2 w3 w4 w5"],
		plain,
	);
	assert.is(recall, 4 / 5);
	assert.is(precision, 4 / 10);
});

test("ROUGE-Lsum of two single lines is ROUGE-L", () => {
	const random = seeded(13);
	for (let words = 0; words < 150; words++) {
		const base = randomWords(random, words);
		const pair = [
			mutate(random, base).join(" "),
			[mutate(random, base).join(" ")],
		] as const;
		assert.equal(
			scoreRouge("rougeLsum", ...pair, plain),
			scoreRouge("rougeL", ...pair, plain),
		);
	}
});

test("stemming joins the forms of a word", () => {
	const pair = ["Parked airplanes", ["parking airplane"]] as const;
	assert.is(scoreRouge("rouge1", ...pair, plain).fmeasure, 0);
	assert.is(scoreRouge("rouge2", ...pair, { stemming: true }).fmeasure, 1);
});

test("a side without tokens scores 0", () => {
	for (const type of allTypes)
		for (const [prediction, reference] of [
			["", "a b"],
			["a b", ""],
			["", ""],
			["飛行機\n...", "a b"],
		] as const)
			assert.equal(
				scoreRouge(type, prediction, [reference], plain),
				{ precision: 0, recall: 0, fmeasure: 0 },
				type,
			);
});

test("refuses to score against nothing", () => {
	for (const type of allTypes)
		assert.throws(
			() => scoreRouge(type, "a", [], plain),
			(error: unknown) =>
				error instanceof MetricError &&
				error.metric === type &&
				error.example === null,
		);
});

test("of several references the best counts, of equals the first", () => {
	const score = scoreRouge("rouge1", "a b", ["x", "a c d e", "a b c"], plain);
	assert.equal(score, scoreRouge("rouge1", "a b", ["a b c"], plain));
	const first = scoreRouge("rouge1", "a b", ["a x", "a b x x y z"], plain);
	assert.equal(first, { precision: 0.5, recall: 0.5, fmeasure: 0.5 });
	const other = scoreRouge("rouge1", "a b", ["a b x x y z", "a x"], plain);
	assert.equal(other, { precision: 1, recall: 1 / 3, fmeasure: 0.5 });
});

test("in [0, 1], symmetric in F, 1 for the same text, and no worse for a reference more", () => {
	const random = seeded(6);
	for (const { prediction, references } of times(1500, () =>
		randomPair(random, 20),
	))
		for (const type of allTypes) {
			const score = scoreRouge(type, prediction, references, plain);
			for (const value of Object.values(score))
				assert.ok(value >= 0 && value <= 1);
			const singles = references.map((reference) =>
				scoreRouge(type, prediction, [reference], plain),
			);
			assert.is(score.fmeasure, Math.max(...singles.map((s) => s.fmeasure)));
			checkSymmetry(type, prediction, references[0] as string);
			checkIdentity(type, prediction);
		}
});

function checkSymmetry(type: RougeType, one: string, other: string): void {
	// The union LCS of ROUGE-Lsum is taken over the reference's sentences only.
	if (type === "rougeLsum") return;
	const there = scoreRouge(type, one, [other], plain);
	const back = scoreRouge(type, other, [one], plain);
	assert.is(there.fmeasure, back.fmeasure);
	assert.is(there.precision, back.recall);
}

function checkIdentity(type: RougeType, text: string): void {
	const needed = type === "rouge2" || type === "rougeS" ? 2 : 1;
	const countable = tokenize(text, plain).length >= needed;
	const { fmeasure } = scoreRouge(type, text, [text], plain);
	assert.is(fmeasure, countable ? 1 : 0);
}

type OracleScores = Record<
	(typeof oracleTypes)[number] | "rouge3" | "rouge4",
	RougeScore
>;

oracleTest("equals rouge-score on 2,600 pairs, to the last bit", () => {
	const pairs = makePairs();
	assert.is(pairs.length, 2606);
	const { plain: unstemmed, stemmed } = askOracle("rouge_oracle.py", {
		pairs,
		texts: [],
	}) as { plain: OracleScores[]; stemmed: OracleScores[] };
	assert.is(unstemmed.length, pairs.length);
	assert.is(stemmed.length, pairs.length);
	for (const [index, pair] of pairs.entries()) {
		comparePair(pair, unstemmed[index] as OracleScores, false);
		comparePair(pair, stemmed[index] as OracleScores, true);
	}
});

/** Captions, many-line texts, and a few that are very long. */
function makePairs(): Pair[] {
	const random = seeded(7);
	const long = (length: number): Pair => {
		const base = randomWords(random, length);
		return {
			prediction: mutate(random, base).join(" "),
			references: [joinWords(random, mutate(random, base))],
		};
	};
	return [
		...times(2000, () => randomPair(random, 15)),
		...times(600, () => randomPair(random, 60)),
		...[300, 300, 400, 400, 700, 700].map(long),
	];
}

/** The operations are the same and in the same order, so nothing less than equality will do. */
function comparePair(
	{ prediction, references }: Pair,
	expected: OracleScores,
	stemming: boolean,
): void {
	const where = JSON.stringify({ prediction, references, stemming });
	for (const type of oracleTypes)
		assert.equal(
			scoreRouge(type, prediction, references, { stemming }),
			expected[type],
			`${type} ${where}`,
		);
	if (references.length > 1) return;
	const [predicted, wanted] = [prediction, references[0] as string].map(
		(text) => tokenize(text, { stemming }),
	) as [string[], string[]];
	assert.equal(rougeN(predicted, wanted, 3), expected.rouge3, where);
	assert.equal(rougeN(predicted, wanted, 4), expected.rouge4, where);
}

test.run();
