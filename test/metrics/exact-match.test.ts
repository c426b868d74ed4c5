import { test } from "uvu";
import * as assert from "uvu/assert";
import { MetricError } from "../../sdk/metrics/error.js";
import { exactMatch } from "../../sdk/metrics/exact-match.js";

test("only white space may differ", () => {
	assert.is(exactMatch(" A\tred \n\u00a0stamp. ", ["A red stamp."]), 1);
	assert.is(exactMatch("A red stamp.", ["  A red\r\nstamp."]), 1);
	assert.is(exactMatch("a red stamp.", ["A red stamp."]), 0);
	assert.is(exactMatch("A red stamp", ["A red stamp."]), 0);
	assert.is(exactMatch("Aredstamp.", ["A red stamp."]), 0);
	assert.is(exactMatch("飛行機", ["飛行機"]), 1);
});

test("any reference will do", () => {
	assert.is(exactMatch("b", ["a", "b", "c"]), 1);
	assert.is(exactMatch("d", ["a", "b", "c"]), 0);
});

test("an empty prediction scores 0, whatever it is compared with", () => {
	assert.is(exactMatch("", [""]), 0);
	assert.is(exactMatch(" \n", [" \n"]), 0);
	assert.is(exactMatch("a", [""]), 0);
});

test("refuses to score against nothing", () => {
	assert.throws(
		() => exactMatch("a", []),
		(error: unknown) =>
			error instanceof MetricError && error.metric === "exactMatch",
	);
});

test.run();
