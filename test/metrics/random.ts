// Texts from a seeded generator, so that a failure comes back with the same seed.

export type Random = () => number;

/** Mulberry32: numbers in [0, 1). */
export function seeded(seed: number): Random {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

export function below(random: Random, limit: number): number {
	return Math.floor(random() * limit);
}

export function pick<T>(random: Random, from: readonly T[]): T {
	return from[below(random, from.length)] as T;
}

export function times<T>(count: number, make: (index: number) => T): T[] {
	return Array.from({ length: count }, (_, index) => make(index));
}

const words =
	"a an the and of with on in two red blue Boeing 747 737-800 airplane airplanes planes flying flies parked runway runways large larger largest commercial commercially sitting sits standing happily happiness generalizations operational relational stamps stamped hopping hoped dying skies sky news proceeds wooden national traditionally".split(
		" ",
	);
const oddities =
	"café naïve Straße STRASSE İstanbul ısı 273\u212a Ångström ﬁne Ａ１ 飛行機 самолёт ΟΔΟΣ don't x² ½ 1,000 e-mail 🙂 👩‍👧 a\u0301b \ud800 c\udc00d \u00a0 \u200b \u2028 _under_score_ <|end|> #1 ... - ---".split(
		" ",
	);
const gaps = [" ", " ", " ", " ", "  ", ", ", ". ", "\n", "\r\n", "\n\n", "\t"];

/** A handful of words makes many equally long common subsequences; the full list makes captions. */
export function randomWords(random: Random, length: number): string[] {
	const pool =
		random() < 0.4
			? words.slice(0, 2 + below(random, 5))
			: random() < 0.3
				? [...words, ...oddities]
				: words;
	return times(length, () => pick(random, pool));
}

/** The words in the same order, some of them dropped, repeated, moved or exchanged. */
export function mutate(random: Random, from: readonly string[]): string[] {
	const mutated = from.flatMap((word) => {
		const dice = random();
		if (dice < 0.15) return [];
		if (dice < 0.25) return [word, word];
		return [dice < 0.4 ? pick(random, [...words, ...oddities]) : word];
	});
	const moved = mutated.splice(below(random, from.length + 1), 3);
	mutated.splice(below(random, mutated.length + 1), 0, ...moved);
	return mutated;
}

export function joinWords(random: Random, from: readonly string[]): string {
	const oneLine = random() < 0.5;
	return from
		.flatMap((word) => [word, oneLine ? " " : pick(random, gaps)])
		.join("");
}

export interface Pair {
	readonly prediction: string;
	readonly references: readonly string[];
}

/** Most pairs share words, a fifth have several references, some sides are empty. */
export function randomPair(random: Random, maxWords: number): Pair {
	const base = randomWords(random, below(random, maxWords + 1));
	const side = () =>
		random() < 0.03
			? pick(random, ["", " ", "\n", "...", "飛行機\n飛行機"])
			: joinWords(
					random,
					random() < 0.8
						? mutate(random, base)
						: randomWords(random, below(random, maxWords + 1)),
				);
	const numReferences = random() < 0.2 ? 2 + below(random, 3) : 1;
	return { prediction: side(), references: times(numReferences, side) };
}
