// A run that nobody watched, with the real worker, against one that was watched to its end.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	attach,
	DetachedError,
	type FinetuneOptions,
	type FinetuneResult,
	finetune,
	type OwnMetric,
	type Spec,
	SpecError,
} from "../../sdk/index.js";
import { isSame } from "../../sdk/launch/lock.js";
import { shortSpec } from "../support/airplanes.js";
import { captune } from "../support/cli.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { numbersOf } from "../support/numbers.js";
import { pythonTest, testPython } from "../support/python.js";

const options = testPython === undefined ? {} : { python: testPython };

/** Likes the answers of step 4 best, so that what is kept is not what is last. */
function worth(): Record<string, OwnMetric> {
	let evaluations = 0;
	return {
		worth: {
			corpus: (answers) => {
				evaluations += 1;
				return [0.1, 0.2, 0.9, 0.4, 0.5][evaluations - 1] ?? answers.length;
			},
		},
	};
}

function spec(folder: string): Spec {
	return shortSpec({
		training: {
			maxSteps: 8,
			batchSize: 3,
			gradientAccumulationSteps: 1,
			learningRate: 1e-3,
			epochs: 9,
		},
		evaluation: {
			kind: "generate",
			everySteps: 2,
			maxNewTokens: 12,
			metrics: ["worth", "rouge1"],
			best: { metric: "worth" },
		},
		output: { folder: join(temporaryFolder(), folder) },
	});
}

/** Everything of a result but what tells one run from another. */
const worthOf = ({
	best,
	steps,
	test,
	validation,
	status,
}: FinetuneResult) => ({
	best,
	steps,
	test,
	validation,
	status,
});

const lastTested = "test-000008-tuned-own";

/** Until the worker has said its last word. */
async function ended(folder: string): Promise<void> {
	const log = join(folder, "worker.jsonl");
	while (!/"type":"end"/.test(readFileSync(log, "utf8"))) await delay(100);
}

pythonTest(
	"nobody watched: scored, chosen and tested as if somebody had",
	async () => {
		const watched = await finetune(spec("watched"), {
			...options,
			metrics: worth(),
		});
		assert.is(watched.best?.step, 4);
		const mine: FinetuneOptions = { ...options, metrics: worth() };
		const run = finetune(spec("alone"), { ...mine, detach: true });
		await run.detach();
		await run.catch((error) => assert.instance(error, DetachedError));
		await ended(run.folder);
		assert.throws(
			() => attach(run.folder, options),
			(error: unknown) =>
				error instanceof SpecError && /metrics.worth/.test(error.message),
		);
		const result = await attach(run.folder, mine);
		assert.equal(worthOf(result), worthOf(watched));
		const alone = numbersOf(run.folder);
		// The worker had tested the last weights, for want of a decision.
		assert.equal(
			{ ...alone, scores: alone.scores.filter(([id]) => id !== lastTested) },
			numbersOf(watched.folder),
		);
		const events = checkedLog(run.folder, "events.jsonl");
		const late = events.filter(
			(event) => event.type === "warning" && event.code === "SCORE_LATE",
		);
		assert.is(late.length, 4, "each evaluation said that nobody decided");
		assert.ok(existsSync(join(run.folder, "report.html")));
		assert.not(existsSync(join(run.folder, ".evaluation")));
	},
);

pythonTest(
	"the command line lets a run go, comes back to it, and stops it",
	async () => {
		const folder = join(temporaryFolder(), "run");
		const file = join(temporaryFolder(), "spec.json");
		const long = shortSpec({
			training: {
				maxSteps: 100_000,
				epochs: 100_000,
				batchSize: 3,
				gradientAccumulationSteps: 1,
			},
			evaluation: { kind: "teacherForced", everySteps: 100_000 },
		});
		const { output: _, ...rest } = long;
		writeFileSync(file, JSON.stringify(rest));
		const begun = await captune([
			...["finetune", file, "--output", folder, "--detach"],
		]);
		assert.is(begun.exitCode, 0, begun.stderr);
		assert.match(begun.stdout, `captune attach ${folder}`);
		const ready = checkedLog(folder, "worker.jsonl").find(
			({ type }) => type === "ready",
		);
		assert.ok(ready?.type === "ready");
		process.kill(ready.pid, 0);
		const stopped = await captune(["attach", folder, "--stop"]);
		assert.is(stopped.exitCode, 75, stopped.stderr);
		const steps = checkedLog(folder, "events.jsonl").flatMap((event) =>
			event.type === "step" ? [event.step] : [],
		);
		assert.equal(
			steps,
			steps.map((_, at) => at + 1),
		);
		assert.ok(existsSync(join(folder, "adapter")));
		assert.not(isSame({ pid: ready.pid }), "the worker is gone");
	},
);

test.run();
