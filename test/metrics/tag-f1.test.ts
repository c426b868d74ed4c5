import { test } from "uvu";
import * as assert from "uvu/assert";
import { MetricError } from "../../sdk/metrics/error.js";
import { tagF1 } from "../../sdk/metrics/tag-f1.js";

test("compares sets of trimmed lower-case tags", () => {
	assert.is(tagF1("Boeing 747, Plane", ["plane,boeing 747"]), 1);
	assert.is(tagF1("plane,plane,,  ,plane", ["plane"]), 1);
	assert.is(tagF1("飛行機,ÉTÉ", ["été,飛行機"]), 1);
	assert.is(tagF1("boeing, 747", ["boeing 747"]), 0);
});

test("is the harmonic mean of precision and recall", () => {
	// Precision 1/2, recall 1/4.
	assert.is(tagF1("a,x", ["a,b,c,d"]), 1 / 3);
	assert.is(tagF1("a,b,c,d", ["a,x"]), 1 / 3);
	assert.is(tagF1("x,y", ["a,b"]), 0);
});

test("takes the best reference", () => {
	assert.is(tagF1("a,x", ["z", "a,b,c,d", "a"]), 2 / 3);
});

test("a side without tags scores 0, also against another one", () => {
	assert.is(tagF1("", [""]), 0);
	assert.is(tagF1(" , ", [","]), 0);
	assert.is(tagF1("", ["a"]), 0);
	assert.is(tagF1("a", [""]), 0);
});

test("refuses to score against nothing", () => {
	assert.throws(
		() => tagF1("a", []),
		(error: unknown) =>
			error instanceof MetricError && error.metric === "tagF1",
	);
});

test.run();
