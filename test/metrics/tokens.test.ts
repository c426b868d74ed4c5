import { test } from "uvu";
import * as assert from "uvu/assert";
import { tokenize, tokenizeText } from "../../sdk/metrics/tokens.js";
import { askOracle, oracleTest } from "./oracle.js";
import { joinWords, randomWords, seeded, times } from "./random.js";

const plain = { stemming: false };
const stemming = { stemming: true };

test("keeps lower-cased runs of ASCII letters and digits", () => {
	assert.equal(
		tokenize("Don't PANIC: it's a café,\tBoeing-747_x²!\r\n飛行機", plain),
		"don t panic it s a caf boeing 747 x".split(" "),
	);
	assert.equal(tokenize("", plain), []);
	assert.equal(tokenize(" \n... 🙂", plain), []);
});

test("stems words of more than three letters only", () => {
	assert.equal(tokenize("his was flies ties cats dogs 1990s", stemming), [
		"his",
		"was",
		"fli",
		"tie",
		"cat",
		"dog",
		"1990",
	]);
});

test("exactly two characters outside ASCII lower-case into it", () => {
	const kept = times(0x110000, (code) => String.fromCodePoint(code)).filter(
		(char) => tokenize(char, plain).length > 0,
	);
	const ascii =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	assert.equal(kept, [...ascii, "\u0130", "\u212a"]);
	assert.equal(tokenize("K \u212a I\u0130i \u0131", plain), [
		"k",
		"k",
		"ii",
		"i",
	]);
});

test("lines hold the tokens of the text, without lines that have none", () => {
	const { tokens, sentences } = tokenizeText(
		"\nA cat.\n\n...\r\nTwo dogs\n",
		plain,
	);
	assert.equal(sentences, [
		["a", "cat"],
		["two", "dogs"],
	]);
	assert.equal(tokens, ["a", "cat", "two", "dogs"]);
});

test("lines together hold what the whole text holds", () => {
	const random = seeded(1);
	for (const text of times(500, (i) =>
		joinWords(random, randomWords(random, i % 30)),
	))
		assert.equal(tokenizeText(text, stemming).tokens, tokenize(text, stemming));
});

oracleTest(
	"equals rouge-score for every code point and for random texts",
	() => {
		const random = seeded(2);
		const texts = [
			...times(0x1100, everyCharacterOfBlock),
			...times(1000, (i) => joinWords(random, randomWords(random, i % 40))),
		];
		const { tokens, stems } = askOracle("rouge_oracle.py", {
			texts,
			pairs: [],
		}) as { tokens: string[][]; stems: string[][] };
		assert.is(tokens.length, texts.length);
		assert.equal(
			texts.map((text) => tokenize(text, plain)),
			tokens,
		);
		assert.equal(
			texts.map((text) => tokenize(text, stemming)),
			stems,
		);
	},
);

/** 256 characters, each after its number and between two letters; numbers this short are not stemmed, which takes Python long. */
function everyCharacterOfBlock(block: number): string {
	return times(
		256,
		(i) => `${i}|x${String.fromCodePoint(block * 256 + i)}y|`,
	).join("");
}

test.run();
