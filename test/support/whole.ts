// How much of a test is run: a part that takes seconds, or with CAPTUNE_TEST_WHOLE (`npm run test:soak`) all of it.
const isWhole = process.env["CAPTUNE_TEST_WHOLE"] === "1";

export const amount = (part: number, whole: number): number =>
	isWhole ? whole : part;

/** CAPTUNE_TEST_SEED, or another one each time; a failure is repeated with the seed that it prints. */
export const seed = Number(
	process.env["CAPTUNE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31),
);
