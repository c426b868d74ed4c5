// How long scoring takes: npx tsx test/bench/metrics.ts

import {
	bestConstantAnswer,
	scoreCorpus,
	scoreRouge,
	type TextMetricName,
	textMetricNames,
} from "../../sdk/metrics/index.js";
import { mutate, randomWords, seeded, times } from "../metrics/random.js";

const random = seeded(1);
const captions = times(10_000, () => {
	const reference = randomWords(random, 8 + Math.floor(random() * 12));
	return {
		prediction: mutate(random, reference).join(" "),
		references: [reference.join(" ")],
	};
});

async function timeCorpus(
	metrics: readonly TextMetricName[],
	stemming: boolean,
): Promise<void> {
	await time(
		`10,000 caption pairs, ${metrics.join(" ")}${stemming ? ", stemmed" : ""}`,
		() => scoreCorpus(captions, metrics, { stemming }),
	);
}

async function time(what: string, run: () => unknown): Promise<void> {
	const start = performance.now();
	await run();
	const milliseconds = Math.round(performance.now() - start);
	console.log(`${String(milliseconds).padStart(6)} ms  ${what}`);
}

await timeCorpus(["rouge1", "rouge2", "rougeL"], false);
await timeCorpus(["rouge1", "rouge2", "rougeL"], true);
for (const metric of textMetricNames) await timeCorpus([metric], false);
await timeCorpus(textMetricNames, true);

const long = times(2, () =>
	times(5000, () => `w${Math.floor(random() * 2000)}`),
);
const [prediction, reference] = long.map((words) => words.join(" ")) as [
	string,
	string,
];
for (const type of ["rouge1", "rougeL", "rougeLsum", "rougeS"] as const)
	await time(`one pair of 5,000 tokens, ${type}`, () =>
		scoreRouge(type, prediction, [reference], { stemming: false }),
	);

const answers = captions.map(({ references }) => references[0] as string);
for (const count of [400, 5000])
	await time(`best constant of ${count} answers`, () =>
		bestConstantAnswer(answers.slice(0, count), [["a stamp"]], {
			stemming: false,
		}),
	);
