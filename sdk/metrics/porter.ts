// Porter's stemmer with the extensions of NLTK's default mode (NLTK_EXTENSIONS).

/**
 * The stem of a lower-case word of ASCII letters and digits; digits count as consonants.
 *
 * M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the changes that the Python package
 * nltk makes by default (PorterStemmer's NLTK_EXTENSIONS), marked "nltk" below. Words of one or two letters stay.
 */
export function stem(word: string): string {
	const known = irregular.get(word);
	if (known !== undefined) return known;
	if (word.length <= 2) return word;
	return steps.reduce((shorter, step) => step(shorter), word);
}

/** nltk: words that the rules get wrong. */
const irregular = new Map([
	["sky", "sky"],
	["skies", "sky"],
	["dying", "die"],
	["lying", "lie"],
	["tying", "tie"],
	["news", "news"],
	["inning", "inning"],
	["innings", "inning"],
	["outing", "outing"],
	["outings", "outing"],
	["canning", "canning"],
	["cannings", "canning"],
	["howe", "howe"],
	["proceed", "proceed"],
	["exceed", "exceed"],
	["succeed", "succeed"],
]);

const steps = [
	dropPlural,
	dropVerbEnding,
	turnFinalY,
	joinDoubleSuffix,
	shortenAdjective,
	dropLongSuffix,
	dropFinalE,
	dropFinalL,
];

/** Step 1a. */
function dropPlural(word: string): string {
	// nltk: "dies" gives "die", but "flies" gives "fli".
	if (word.length === 4 && word.endsWith("ies")) return cut(word, 1);
	if (word.endsWith("sses") || word.endsWith("ies")) return cut(word, 2);
	return word.endsWith("s") && !word.endsWith("ss") ? cut(word, 1) : word;
}

/** Step 1b. */
function dropVerbEnding(word: string): string {
	// nltk: "died" gives "die", but "spied" gives "spi".
	if (word.endsWith("ied")) return cut(word, word.length === 4 ? 1 : 2);
	if (word.endsWith("eed"))
		return measure(cut(word, 3)) > 0 ? cut(word, 1) : word;
	const ending = ["ed", "ing"].find((suffix) => word.endsWith(suffix));
	if (ending === undefined) return word;
	const verb = cut(word, ending.length);
	return hasVowel(verb) ? restoreVerb(verb) : word;
}

/** What "-ed" and "-ing" had swallowed or doubled: "siz(ed)" gives "size", "hopp(ing)" gives "hop". */
function restoreVerb(verb: string): string {
	if (["at", "bl", "iz"].some((end) => verb.endsWith(end))) return `${verb}e`;
	if (endsInDoubleConsonant(verb))
		return /[lsz]$/.test(verb) ? verb : cut(verb, 1);
	return measure(verb) === 1 && endsInShortSyllable(verb) ? `${verb}e` : verb;
}

/** Step 1c, nltk: "happy" gives "happi" and "try" gives "tri", but "enjoy" and "by" stay. */
function turnFinalY(word: string): string {
	const rest = cut(word, 1);
	const turns =
		word.endsWith("y") && rest.length > 1 && !isVowelAt(rest, rest.length - 1);
	return turns ? `${rest}i` : word;
}

type Rule = readonly [suffix: string, replacement: string];

const doubleSuffixes: readonly Rule[] = [
	["ational", "ate"],
	["tional", "tion"],
	["enci", "ence"],
	["anci", "ance"],
	["izer", "ize"],
	["bli", "ble"],
	["entli", "ent"],
	["eli", "e"],
	["ousli", "ous"],
	["ization", "ize"],
	["ation", "ate"],
	["ator", "ate"],
	["alism", "al"],
	["iveness", "ive"],
	["fulness", "ful"],
	["ousness", "ous"],
	["aliti", "al"],
	["iviti", "ive"],
	["biliti", "ble"],
	// nltk only.
	["fulli", "ful"],
];

/** Step 2. */
function joinDoubleSuffix(word: string): string {
	// nltk tries "-alli" first and goes through the step again: "operationalli" gives "operational", then "operate".
	if (word.endsWith("alli"))
		return measure(cut(word, 4)) > 0 ? joinDoubleSuffix(cut(word, 2)) : word;
	// nltk counts the "l" of "-logi" with the stem, so that "theologi" gives "theolog".
	if (word.endsWith("logi"))
		return measure(cut(word, 3)) > 0 ? cut(word, 1) : word;
	return replaceSuffix(word, doubleSuffixes, 0);
}

const adjectiveSuffixes: readonly Rule[] = [
	["icate", "ic"],
	["ative", ""],
	["alize", "al"],
	["iciti", "ic"],
	["ical", "ic"],
	["ful", ""],
	["ness", ""],
];

/** Step 3. */
function shortenAdjective(word: string): string {
	return replaceSuffix(word, adjectiveSuffixes, 0);
}

const longSuffixes: readonly Rule[] = [
	["al", ""],
	["ance", ""],
	["ence", ""],
	["er", ""],
	["ic", ""],
	["able", ""],
	["ible", ""],
	["ant", ""],
	["ement", ""],
	["ment", ""],
	["ent", ""],
	["ou", ""],
	["ism", ""],
	["ate", ""],
	["iti", ""],
	["ous", ""],
	["ive", ""],
	["ize", ""],
];

/** Step 4. */
function dropLongSuffix(word: string): string {
	if (!word.endsWith("ion")) return replaceSuffix(word, longSuffixes, 1);
	const rest = cut(word, 3);
	return /[st]$/.test(rest) && measure(rest) > 1 ? rest : word;
}

/** Step 5a. */
function dropFinalE(word: string): string {
	if (!word.endsWith("e")) return word;
	const rest = cut(word, 1);
	const size = measure(rest);
	return size > 1 || (size === 1 && !endsInShortSyllable(rest)) ? rest : word;
}

/** Step 5b. */
function dropFinalL(word: string): string {
	return word.endsWith("ll") && measure(cut(word, 1)) > 1 ? cut(word, 1) : word;
}

/** Only the first suffix that fits is tried: where its stem is too short, the word stays as it is. */
function replaceSuffix(
	word: string,
	rules: readonly Rule[],
	above: number,
): string {
	const rule = rules.find(([suffix]) => word.endsWith(suffix));
	if (rule === undefined) return word;
	const [suffix, replacement] = rule;
	const rest = cut(word, suffix.length);
	return measure(rest) > above ? rest + replacement : word;
}

function cut(word: string, letters: number): string {
	return word.slice(0, word.length - letters);
}

/** Porter's m: how many times a consonant follows a vowel. */
function measure(word: string): number {
	let count = 0;
	let afterVowel = false;
	for (let i = 0; i < word.length; i++) {
		const vowel = isVowel(word, i, afterVowel);
		if (afterVowel && !vowel) count++;
		afterVowel = vowel;
	}
	return count;
}

function hasVowel(word: string): boolean {
	// A "y" not in first place is a vowel, or follows one.
	return /[aeiou]|.y/.test(word);
}

/** Porter's *d. */
function endsInDoubleConsonant(word: string): boolean {
	const last = word.length - 1;
	return last > 0 && word[last] === word[last - 1] && !isVowelAt(word, last);
}

/** Porter's *o, consonant-vowel-consonant ("hop"); nltk adds words of one vowel and one consonant ("us"). */
function endsInShortSyllable(word: string): boolean {
	const last = word.length - 1;
	if (last < 1 || isVowelAt(word, last) || !isVowelAt(word, last - 1))
		return false;
	return last === 1 || (!isVowelAt(word, last - 2) && !/[wxy]$/.test(word));
}

function isVowelAt(word: string, index: number): boolean {
	let vowel = false;
	for (let i = 0; i <= index; i++) vowel = isVowel(word, i, vowel);
	return vowel;
}

/** A "y" is a vowel only after a consonant, hence never in first place. */
function isVowel(word: string, index: number, afterVowel: boolean): boolean {
	switch (word[index]) {
		case "a":
		case "e":
		case "i":
		case "o":
		case "u":
			return true;
		case "y":
			return index > 0 && !afterVowel;
		default:
			return false;
	}
}
