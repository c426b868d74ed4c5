import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	type CorpusOptions,
	MetricError,
	type OwnExampleMetric,
	type OwnMetric,
	scoreCorpus,
	textMetricNames,
	textMetrics,
} from "../../sdk/metrics/index.js";
import { randomPair, seeded, times } from "./random.js";

const plain = { stemming: false };
const example = { prediction: "a b", references: ["a c"] };

test("means are the means of single scores", async () => {
	const random = seeded(11);
	const examples = times(300, () => randomPair(random, 12));
	for (const stemming of [false, true]) {
		const score = await scoreCorpus(examples, textMetricNames, { stemming });
		assert.is(score.count, 300);
		assert.is(score.perExample.length, 300);
		for (const name of textMetricNames) {
			const singles = examples.map(({ prediction, references }) =>
				textMetrics[name](prediction, references, { stemming }),
			);
			assert.equal(
				score.perExample.map((scores) => scores[name]),
				singles,
			);
			assert.is(score.values[name], singles.reduce((a, b) => a + b, 0) / 300);
		}
	}
});

test("empty predictions are counted and stay in the mean", async () => {
	const predictions = ["a", "", " ... ", "飛行機", "b"];
	const examples = predictions.map((prediction) => ({
		prediction,
		references: ["a"],
	}));
	const score = await scoreCorpus(examples, ["rouge1"], plain);
	assert.is(score.empty, 3);
	assert.is(score.count, 5);
	assert.is(score.values.rouge1, 1 / 5);
});

test("built-in and own metrics mix, sync and async, each under its name", async () => {
	const calls: [string, readonly string[]][] = [];
	const ownMetrics = {
		length: (prediction: string, references: readonly string[]) => {
			calls.push([prediction, references]);
			return prediction.length;
		},
		later: async () => -2.5,
		unused: () => {
			throw new Error("not asked for");
		},
	};
	const score = await scoreCorpus(
		[example, { prediction: "", references: [] }],
		["length", "later", "length"],
		{ ...plain, ownMetrics },
	);
	assert.equal(score.values, { length: 1.5, later: -2.5 });
	assert.equal(score.perExample, [
		{ length: 3, later: -2.5 },
		{ length: 0, later: -2.5 },
	]);
	assert.equal(calls, [
		["a b", ["a c"]],
		["", []],
	]);
	const mixed = await scoreCorpus([example], ["rouge1", "length"], {
		...plain,
		ownMetrics,
	});
	assert.equal(mixed.values, { rouge1: 0.5, length: 3 });
});

test("a user's metric sees one example at a time", async () => {
	let running = 0;
	const alone: OwnMetric = async () => {
		running++;
		await new Promise((resolve) => setTimeout(resolve, 1));
		return running--;
	};
	const score = await scoreCorpus(
		times(5, () => example),
		["alone"],
		{
			...plain,
			ownMetrics: { alone },
		},
	);
	assert.is(score.values.alone, 1);
});

test("each text is tokenized once, however many metrics there are", async () => {
	const examples = times(4, (i) => ({
		prediction: `prediction ${i}`,
		references: [`reference ${i}`, `other ${i}`],
	}));
	const original = String.prototype.toLowerCase;
	let lowered = 0;
	String.prototype.toLowerCase = function (this: string) {
		lowered++;
		return original.call(this);
	};
	try {
		await scoreCorpus(
			examples,
			["rouge1", "rouge2", "rougeL", "rougeLsum", "rougeS", "rougeSU4"],
			plain,
		);
	} finally {
		String.prototype.toLowerCase = original;
	}
	assert.is(lowered, 12);
});

test("a failing own metric is named with its example and its cause", async () => {
	const thrown = new TypeError("no score for this");
	const fails: [OwnExampleMetric, string, unknown][] = [
		[
			() => {
				throw thrown;
			},
			"it threw TypeError: no score for this",
			thrown,
		],
		[
			() => Promise.reject(thrown),
			"it threw TypeError: no score for this",
			thrown,
		],
		[() => Promise.reject("text"), 'it threw "text"', "text"],
		[() => Number.NaN, "it returned NaN, not a finite number", undefined],
		[
			async () => Number.POSITIVE_INFINITY,
			"it returned Infinity, not a finite number",
			undefined,
		],
		[
			(() => undefined) as unknown as OwnExampleMetric,
			"it returned undefined, not a finite number",
			undefined,
		],
		[
			(() => Object.create(null)) as unknown as OwnExampleMetric,
			"it returned an object, not a finite number",
			undefined,
		],
		[
			(() => "0.5") as unknown as OwnExampleMetric,
			'it returned "0.5", not a finite number',
			undefined,
		],
	];
	for (const [mine, reason, cause] of fails) {
		const second: OwnExampleMetric = (prediction, references) =>
			prediction === "second" ? mine(prediction, references) : 0;
		const examples = [example, { ...example, prediction: "second" }, example];
		const error = await failure(examples, ["rouge1", "mine"], {
			...plain,
			ownMetrics: { mine: second },
		});
		assert.is(error.metric, "mine");
		assert.is(error.example, 1);
		assert.is(error.reason, reason);
		assert.is(error.cause, cause);
		assert.is(
			error.message,
			`Metric "mine" failed at example 1 (from 0): ${reason}`,
		);
		assert.is(error.name, "MetricError");
	}
});

test("a user's metric of the whole gets every example at once, and gives the split its value", async () => {
	const examples = [
		example,
		{ prediction: "a plane", references: ["a plane", "a jet"] },
	];
	const seen: unknown[] = [];
	const variety: OwnMetric = {
		corpus: async (all) => {
			seen.push(all);
			return new Set(all.map(({ prediction }) => prediction)).size / all.length;
		},
	};
	const { values, perExample } = await scoreCorpus(
		examples,
		["variety", "exactMatch"],
		{ ...plain, ownMetrics: { variety } },
	);
	assert.equal(seen, [examples]);
	assert.is(values.variety, 1);
	assert.equal(Object.keys(perExample[1] ?? {}), ["exactMatch"]);
	for (const [corpus, reason] of [
		[() => Number.NaN, "it returned NaN, not a finite number"],
		[() => Promise.reject("no"), 'it threw "no"'],
	] as const) {
		const error = await failure(examples, ["variety"], {
			...plain,
			ownMetrics: { variety: { corpus } },
		});
		assert.is(error.example, null);
		assert.is(error.reason, reason);
	}
	const nothing = await failure([], ["variety"], {
		...plain,
		ownMetrics: { variety },
	});
	assert.is(nothing.reason, "there is no example to score");
});

test("an example without reference fails under a built-in metric", async () => {
	for (const name of textMetricNames) {
		const examples = [example, { prediction: "a", references: [] }];
		const error = await failure(examples, [name], plain);
		assert.is(error.metric, name);
		assert.is(error.example, 1);
		assert.is(error.reason, "there is no reference to compare with");
	}
});

test("refuses unknown names, taken names and nothing to score", async () => {
	for (const name of ["rouge9", "loss", "toString", "__proto__"]) {
		const unknown = await failure([example], [name], {
			...plain,
			ownMetrics: {},
		});
		assert.is(unknown.metric, name);
		assert.is(unknown.example, null);
		assert.match(unknown.message, "rougeSU4");
	}
	for (const name of ["rouge1", "loss"]) {
		const taken = await failure([example], [name], {
			...plain,
			ownMetrics: { [name]: () => 1 },
		});
		assert.is(taken.metric, name);
		assert.match(taken.reason, "built-in");
	}
	const nothing = await failure([], ["rouge1"], plain);
	assert.is(nothing.reason, "there is no example to score");
});

async function failure(
	examples: Parameters<typeof scoreCorpus>[0],
	metrics: readonly string[],
	options: CorpusOptions,
): Promise<MetricError> {
	try {
		await scoreCorpus(examples, metrics, options);
	} catch (error) {
		assert.instance(error, MetricError);
		return error as MetricError;
	}
	throw new Error("scoreCorpus did not fail");
}

test.run();
