import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SpecError } from "../../sdk/index.js";
import { endsEarly } from "../../sdk/run/early-stopping.js";
import { resolveSpec } from "../../sdk/spec/resolve.js";
import { puppetRun } from "../support/puppet.js";
import { pythonTest, testPython } from "../support/python.js";

interface Case {
	readonly values: readonly (number | null)[];
	readonly direction: "max" | "min";
	readonly patience: number;
	readonly threshold: number;
}

/** The first score that ends training; null where none does. */
function endOf({ values, direction, ...rule }: Case): number | null {
	const end = values.findIndex((_, index) =>
		endsEarly(values.slice(0, index + 1), rule, direction),
	);
	return end < 0 ? null : end;
}

/**
 * Scores on a coarse grid, so that ties and gains of just the threshold come up. The first is finite: transformers never
 * gets over a best score that is not.
 */
function randomCases(count: number): Case[] {
	let state = 7;
	const random = (below: number) => {
		state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
		return Math.floor((state / 2 ** 31) * below);
	};
	return Array.from({ length: count }, () => ({
		values: Array.from({ length: 1 + random(12) }, (_, index) =>
			index > 0 && random(12) === 0 ? null : random(9) / 8,
		),
		direction: random(2) === 0 ? "max" : "min",
		patience: 1 + random(4),
		threshold: random(3) / 8,
	}));
}

pythonTest("training ends where transformers would end it", async () => {
	const cases = randomCases(2_000);
	const { stdout } = await execa(
		testPython as string,
		[fileURLToPath(new URL("early_stopping_oracle.py", import.meta.url))],
		{ input: JSON.stringify(cases) },
	);
	const expected: (number | null)[] = JSON.parse(stdout);
	assert.ok(expected.filter((end) => end !== null).length > 500);
	assert.ok(expected.filter((end) => end === null).length > 500);
	for (const [index, one] of cases.entries())
		assert.is(endOf(one), expected[index] ?? null, JSON.stringify(one));
});

pythonTest(
	"a run ends when its scores get no better, and says so",
	async () => {
		const run = puppetRun(
			{
				steps: 20,
				evaluateEvery: 2,
				answers: ["no", "yes", "no", "yes", "no", "yes", "yes", "yes"],
			},
			{ earlyStopping: { patience: 3 } },
		);
		const ends: boolean[] = [];
		run.on("score", (event) => ends.push(event.ends));
		const result = await run;
		assert.equal(ends, [false, false, false, false, true]);
		assert.is(result.steps, 10);
		assert.is(result.endedEarly, true);
	},
);

pythonTest("without the rule a run goes to its end", async () => {
	const answers = Array.from({ length: 6 }, () => "yes");
	const result = await puppetRun({ steps: 12, evaluateEvery: 2, answers });
	assert.is(result.steps, 12);
	assert.is(result.endedEarly, false);
});

test("a first score that is not finite is a miss, and no best to beat", () => {
	const rule = { patience: 2, threshold: 0 };
	assert.is(endsEarly([null], rule, "max"), false);
	assert.is(endsEarly([null, null], rule, "max"), true);
	assert.is(endsEarly([null, 0.1, 0.1], rule, "max"), false);
});

test("scores must come from somewhere", () => {
	assert.throws(
		() =>
			resolveSpec({
				model: { nameOrPath: "captune/airplanes-tiny" },
				data: { train: { kind: "airplanes", split: "train" } },
				evaluation: { kind: "generate", earlyStopping: { patience: 2 } },
			}),
		(error: unknown) =>
			SpecError.isInstance(error) &&
			error.issues.length === 1 &&
			error.issues[0]?.path === "evaluation.earlyStopping",
	);
});

test.run();
