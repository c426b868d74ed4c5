import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	exactMatch,
	isTextMetric,
	isTokenMetric,
	metricDirections,
	scoreRouge,
	tagF1,
	textMetricNames,
	textMetrics,
	tokenMetricNames,
} from "../../sdk/metrics/index.js";
import { randomPair, seeded, times } from "./random.js";

test("every name has a direction, and every text metric a function", () => {
	assert.equal(
		Object.keys(metricDirections).sort(),
		[...textMetricNames, ...tokenMetricNames].sort(),
	);
	assert.equal(Object.keys(textMetrics), [...textMetricNames]);
	assert.equal(
		Object.entries(metricDirections)
			.filter(([, direction]) => direction === "min")
			.map(([name]) => name),
		["loss", "perplexity"],
	);
});

test("knows its names and no others", () => {
	assert.ok(isTextMetric("rougeLsum"));
	assert.ok(isTokenMetric("loss"));
	for (const name of ["loss", "rouge3", "toString", "__proto__", ""])
		assert.not(isTextMetric(name));
	for (const name of ["rouge1", "toString", "__proto__", ""])
		assert.not(isTokenMetric(name));
});

test("a name leads to the function of that name", () => {
	const random = seeded(10);
	for (const { prediction, references } of times(200, () =>
		randomPair(random, 8),
	))
		for (const stemming of [false, true])
			for (const name of textMetricNames) {
				const expected =
					name === "exactMatch"
						? exactMatch(prediction, references)
						: name === "tagF1"
							? tagF1(prediction, references)
							: scoreRouge(name, prediction, references, { stemming }).fmeasure;
				assert.is(
					textMetrics[name](prediction, references, { stemming }),
					expected,
				);
			}
});

test.run();
