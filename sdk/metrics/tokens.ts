// The words that ROUGE compares, cut as the Python package rouge-score 0.1.2 cuts them.

import { stem } from "./porter.js";

export interface TokenOptions {
	/** Reduce words of more than three letters to their Porter stem, so that "stamps" matches "stamp". */
	readonly stemming: boolean;
}

/** A text read once, for any number of metrics. */
export interface TokenizedText {
	/** Every token of the text, in order. */
	readonly tokens: readonly string[];
	/** The same tokens line by line; ROUGE-Lsum takes a line for a sentence. Lines without a token are absent. */
	readonly sentences: readonly (readonly string[])[];
}

/**
 * Lower-cased runs of ASCII letters and digits; everything else separates.
 *
 * "Don't" gives "don" and "t"; "café" gives "caf"; a text in another script gives nothing, so no ROUGE can score it.
 * Two characters outside ASCII lower-case into it and count: the Kelvin sign U+212A as "k", U+0130 (dotted I) as "i".
 */
export function tokenize(text: string, { stemming }: TokenOptions): string[] {
	const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
	return stemming ? words.map(stemLongWord) : words;
}

/** Tokens of the whole text and of each of its lines. */
export function tokenizeText(
	text: string,
	options: TokenOptions,
): TokenizedText {
	const sentences = text
		.split("\n")
		.map((line) => tokenize(line, options))
		.filter((tokens) => tokens.length > 0);
	// A line break separates tokens as any other character does, so the lines hold exactly the text's tokens.
	return { tokens: sentences.flat(), sentences };
}

function stemLongWord(word: string): string {
	return word.length > 3 ? stem(word) : word;
}
