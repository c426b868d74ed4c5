import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	indexPositions,
	lcsLength,
	lcsPositions,
} from "../../sdk/metrics/lcs.js";
import { below, pick, type Random, seeded, times } from "./random.js";

test("finds the length and the positions of a small example", () => {
	const reference = indexPositions(["a", "b", "c", "b", "d", "a", "b"]);
	const candidate = ["b", "d", "c", "a", "b", "a"];
	assert.is(lcsLength(reference, candidate), 4);
	assert.equal(lcsPositions(reference, candidate), [5, 3, 2, 1]);
});

test("nothing is in common with nothing", () => {
	assert.is(lcsLength(indexPositions([]), ["a"]), 0);
	assert.is(lcsLength(indexPositions(["a"]), []), 0);
	assert.equal(lcsPositions(indexPositions([]), ["a"]), []);
	assert.equal(lcsPositions(indexPositions(["a"]), []), []);
});

test("equals the full table on 3,000 pairs, across the borders of machine words", () => {
	const random = seeded(4);
	for (let round = 0; round < 3000; round++) {
		const alphabet = times(1 + below(random, 12), String);
		const reference = randomTokens(random, alphabet);
		const candidate = randomTokens(random, alphabet);
		const table = fillTable(reference, candidate);
		const index = indexPositions(reference);
		assert.is(
			lcsLength(index, candidate),
			table[reference.length]?.[candidate.length],
		);
		assert.equal(
			lcsPositions(index, candidate),
			readTable(table, reference, candidate),
		);
	}
});

test("copes with two texts of 5,000 tokens", () => {
	const random = seeded(5);
	const alphabet = times(300, String);
	const reference = times(5000, () => pick(random, alphabet));
	const candidate = times(5000, () => pick(random, alphabet));
	const length = lengthByRows(reference, candidate);
	const index = indexPositions(reference);
	assert.is(lcsLength(index, candidate), length);
	assert.is(lcsPositions(index, candidate).length, length);
});

/** Often 31 to 33 or 63 to 65 long. */
function randomTokens(random: Random, alphabet: readonly string[]): string[] {
	const length =
		random() < 0.3
			? pick(random, [31, 32, 33, 63, 64, 65, 96])
			: below(random, 24);
	return times(length, () => pick(random, alphabet));
}

/** rouge-score's table, row by reference token. */
function fillTable(reference: readonly string[], candidate: readonly string[]) {
	const table = times(reference.length + 1, () =>
		new Array<number>(candidate.length + 1).fill(0),
	);
	const at = (i: number, j: number) => table[i]?.[j] as number;
	for (let i = 1; i <= reference.length; i++)
		for (let j = 1; j <= candidate.length; j++)
			(table[i] as number[])[j] =
				reference[i - 1] === candidate[j - 1]
					? at(i - 1, j - 1) + 1
					: Math.max(at(i - 1, j), at(i, j - 1));
	return table;
}

/** rouge-score's way back through the table. */
function readTable(
	table: readonly (readonly number[])[],
	reference: readonly string[],
	candidate: readonly string[],
): number[] {
	const at = (i: number, j: number) => table[i]?.[j] as number;
	const found: number[] = [];
	let i = reference.length;
	let j = candidate.length;
	while (i > 0 && j > 0) {
		if (reference[i - 1] === candidate[j - 1]) {
			i--;
			j--;
			found.push(i);
		} else if (at(i, j - 1) > at(i - 1, j)) j--;
		else i--;
	}
	return found;
}

function lengthByRows(
	reference: readonly string[],
	candidate: readonly string[],
): number {
	let row = new Uint16Array(candidate.length + 1);
	for (const token of reference) {
		const next = new Uint16Array(candidate.length + 1);
		for (let j = 1; j < next.length; j++)
			next[j] =
				token === candidate[j - 1]
					? (row[j - 1] as number) + 1
					: Math.max(row[j] as number, next[j - 1] as number);
		row = next;
	}
	return row[candidate.length] as number;
}

test.run();
