// Decisions by a metric of the user's own, through the real worker: in time, late, and too late.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	type FinetuneRun,
	finetune,
	type OwnMetric,
	type Spec,
} from "../../sdk/index.js";
import { shortSpec } from "../support/airplanes.js";
import { checkedLog, linesOf } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { numbersOf } from "../support/numbers.js";
import { pythonTest, testPython } from "../support/python.js";

const options = testPython === undefined ? {} : { python: testPython };

/** Worth of the checkpoints of a run, in their order: the second is the best. */
const worth = [0.4, 0.9, 0.5, 0.7, 0.3, 0.2];

/** Twelve steps and no test split, so that the metric is asked once for every checkpoint. */
function spec(folder: string, changes: Partial<Spec["evaluation"]> = {}): Spec {
	const { data, ...rest } = shortSpec();
	const { test: _, ...splits } = data;
	return {
		...rest,
		data: splits,
		training: {
			maxSteps: 12,
			epochs: 9,
			batchSize: 2,
			gradientAccumulationSteps: 1,
			learningRate: 1e-3,
		},
		evaluation: {
			kind: "generate",
			everySteps: 2,
			maxNewTokens: 4,
			metrics: ["rouge1", "worth"],
			best: { metric: "worth" },
			...changes,
		} as Spec["evaluation"] & object,
		compute: { kind: "local", loaderWorkers: 0 },
		output: { folder: join(temporaryFolder(), folder), report: false },
	};
}

/** Answers from the list; for the second checkpoint, the best one, it takes its time. */
function worthAfter(wait: () => Promise<unknown>): OwnMetric {
	let asked = 0;
	return {
		corpus: async () => {
			const value = worth[asked++] as number;
			if (asked === 2) await wait();
			return value;
		},
	};
}

const run = (spec: Spec, worth: OwnMetric): FinetuneRun =>
	finetune(spec, { ...options, metrics: { worth } });

const weightsIn = (...path: string[]) =>
	readFileSync(join(...path, "adapter_model.safetensors")).toString("base64");

pythonTest(
	"a metric of the user's own chooses the checkpoint and ends training, at once or after 5 s",
	async () => {
		const earlyStopping = { patience: 3 };
		const folders: string[] = [];
		for (const late of [0, 5_000]) {
			const one = run(
				spec(`late-${late}`, { earlyStopping }),
				worthAfter(() => delay(late)),
			);
			const result = await one;
			assert.equal(result.best, { step: 4, value: 0.9, metric: "worth" });
			assert.is(result.status, "completed");
			assert.is(result.steps, 10);
			assert.is(result.endedEarly, true);
			assert.is(
				weightsIn(result.adapter),
				weightsIn(result.folder, "checkpoints", "step-000004"),
			);
			folders.push(result.folder);
		}
		const [atOnce = "", late = ""] = folders;
		assert.equal(numbersOf(late), numbersOf(atOnce));
	},
);

pythonTest(
	"scores that come too late cost training nothing and still choose the best checkpoint",
	async () => {
		const hasEnded = () =>
			linesOf(one.folder, "worker.jsonl").some(({ type }) => type === "end");
		const one: FinetuneRun = run(
			spec("too-late", { scoreTimeoutMs: 50 }),
			worthAfter(async () => {
				while (!hasEnded()) await delay(50);
			}),
		);
		const result = await one;
		assert.is(result.steps, 12);
		assert.equal(result.best, { step: 4, value: 0.9, metric: "worth" });
		assert.is(
			weightsIn(result.adapter),
			weightsIn(result.folder, "checkpoints", "step-000004"),
		);
		const events = checkedLog(result.folder, "events.jsonl");
		const scores = events.filter(({ type }) => type === "score");
		assert.is(scores.length, 6);
		const warnings = events.flatMap((event) =>
			event.type === "warning" ? [event.code] : [],
		);
		assert.ok(warnings.includes("SCORE_LATE"));
		assert.is(warnings.at(-1), "BEST_DECIDED_LATE");
		assert.is(events.at(-1)?.type, "end");
	},
);

test.run();
