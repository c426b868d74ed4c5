import { test } from "uvu";
import * as assert from "uvu/assert";
import { bootstrapDifference } from "../../sdk/index.js";
import type { ScoreEvent } from "../../sdk/run/event.generated.js";
import { splitResult } from "../../sdk/run/result.js";
import type { ScoredPrediction } from "../../sdk/run/scorer.js";

const score = (
	model: "base" | "tuned",
	step: number,
	images: "own" | "shuffled" = "own",
): ScoreEvent => ({
	type: "score",
	...{ runId: "run", attempt: 1, seq: 1, time: 1 },
	evaluationId: `${model}-${step}-${images}`,
	...{ split: "test", step, model, images },
	...{ values: { rouge1: step }, examples: 3, empty: 0, stopped: 1 },
	...{ best: null, isBest: false, ends: false },
});

const scores = [
	score("base", 0),
	score("tuned", 4),
	score("tuned", 8),
	score("tuned", 8, "shuffled"),
];

/** Answers by row, with the scores they got. */
const answers = (
	...rows: readonly (readonly [number, Record<string, number>])[]
) => rows.map(([row, scores]) => ({ row, scores }) as ScoredPrediction);

const base = answers(
	[0, { rouge1: 0.1, mine: 3 }],
	[1, { rouge1: 0.5, mine: 1 }],
	[2, { rouge1: 0.2, mine: 2 }],
);
const tuned = answers(
	[2, { rouge1: 0.9, mine: 20 }],
	[0, { rouge1: 0.7, mine: 30 }],
	[1, { rouge1: 0.4, mine: 10 }],
);

const compared = (
	filed: Readonly<Record<string, readonly ScoredPrediction[]>>,
	kept = 8,
	all: readonly ScoreEvent[] = scores,
) =>
	splitResult(all, "test", kept, null, (id) => filed[id] ?? [])?.difference ??
	null;

test("the model that is kept is compared with the base, row by row, by every text metric", () => {
	const filed = { "base-0-own": base, "tuned-8-own": tuned };
	assert.equal(compared(filed), {
		rouge1: bootstrapDifference([0.2, 0.1, 0.5], [0.9, 0.7, 0.4]),
		mine: bootstrapDifference([2, 3, 1], [20, 30, 10]),
	});
	assert.is(compared(filed)?.["rouge1"]?.examples, 3);
	assert.is(compared(filed, 4), null, "of step 4 nothing is filed");
});

test("what was not answered by both on the same rows is not compared", () => {
	const some = base.slice(1);
	const others = answers([3, { rouge1: 1 }], [4, { rouge1: 1 }]);
	for (const [before, after] of [
		[some, tuned],
		[base, tuned.slice(1)],
		[others, tuned.slice(1)],
		[[], []],
		[base, []],
	] as const)
		assert.is(
			compared({ "base-0-own": before, "tuned-8-own": after }),
			null,
			`${before.length} and ${after.length}`,
		);
	const filed = { "base-0-own": base, "tuned-8-own": tuned };
	assert.is(compared(filed, 8, scores.slice(1)), null);
	assert.is(compared(filed, 8, scores.slice(0, 2)), null);
});

test.run();
