// A run with trackers, killed and resumed: what their files hold, read back with their own libraries.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { finetune, type RunEvent, resume } from "../../sdk/index.js";
import { currentEvents } from "../../sdk/run/history.js";
import { shortSpec } from "../support/airplanes.js";
import { checkedLog } from "../support/events.js";
import { pythonTest, testPython } from "../support/python.js";

const options = testPython === undefined ? {} : { python: testPython };
const kinds = ["tensorboard", "wandb", "trackio"] as const;

type Point = readonly [name: string, step: number, value: number];

pythonTest(
	"every loss and every score is told once, though the worker was killed",
	async () => {
		let pid = 0;
		let step = 0;
		/** While a metric ponders, the worker waits: it has told its trackers of every step so far. */
		const brevity = async (prediction: string) => {
			if (step === 4 && pid !== 0) {
				// Longer than any of them takes to write down what it was told.
				await delay(4_000);
				process.kill(pid, "SIGKILL");
				pid = 0;
			}
			return 1 / (1 + prediction.length);
		};
		const metrics = { brevity };
		const run = finetune(
			shortSpec({
				training: {
					maxSteps: 6,
					batchSize: 3,
					gradientAccumulationSteps: 1,
					epochs: 9,
				},
				evaluation: {
					kind: "generate",
					everySteps: 2,
					maxNewTokens: 12,
					metrics: ["rouge1", "brevity", "loss"],
				},
				tracking: [
					{ kind: "tensorboard" },
					{ kind: "wandb", mode: "offline" },
					{ kind: "trackio" },
				],
			}),
			{ ...options, metrics },
		);
		run.on("ready", (event) => {
			pid = event.pid;
		});
		run.on("step", (event) => {
			step = event.step;
		});
		const error = await run.catch((error) => error);
		assert.is(error.code, "WORKER_CRASHED");
		// The steps after the checkpoint before are made again.
		rmSync(join(run.folder, "checkpoints", "step-000004"), { recursive: true });
		const result = await resume(run.folder, { ...options, metrics });
		assert.is(result.steps, 6);
		const events = checkedLog(run.folder, "events.jsonl");
		const failed = events.filter(
			(event) => event.type === "warning" && event.code === "TRACKER_FAILED",
		);
		assert.equal(failed, []);
		assert.equal(
			events.flatMap((event) => (event.type === "step" ? [event.step] : [])),
			[1, 2, 3, 4, 3, 4, 5, 6],
		);
		const wanted = pointsOf(events);
		assert.is(wanted.length, 6 + 3 * 5, "three scores of five evaluations");
		const held = await read(join(run.folder, "tracking"));
		for (const kind of kinds) {
			const names = new Set(wanted.map(([name]) => name));
			const points = held[kind].filter(([name]) => names.has(name));
			// TensorBoard keeps float32.
			const kept = kind === "tensorboard" ? Math.fround : Number;
			assert.equal(
				points.sort(byNameAndStep),
				wanted.map(([name, step, value]) => [name, step, kept(value)]),
				kind,
			);
		}
	},
);

/** Every loss and every score that counts, as a tracker should hold it. */
function pointsOf(events: readonly RunEvent[]): Point[] {
	return currentEvents(events)
		.flatMap((event): Point[] => {
			if (event.type === "step")
				return [["train/loss", event.step, event.loss as number]];
			if (event.type !== "score") return [];
			const { split, model, step } = event;
			const axis = model === "base" ? `${split}_base` : split;
			return Object.entries(event.values).map(([metric, value]) => [
				`${axis}/${metric}`,
				step,
				value as number,
			]);
		})
		.sort(byNameAndStep);
}

const byNameAndStep = (a: Point, b: Point) =>
	a[0] === b[0] ? a[1] - b[1] : a[0] < b[0] ? -1 : 1;

async function read(
	folder: string,
): Promise<Record<(typeof kinds)[number], Point[]>> {
	const { stdout } = await execa(
		testPython as string,
		["-m", "tracking.readers", folder, ...kinds],
		{ cwd: fileURLToPath(new URL("../python", import.meta.url)) },
	);
	return JSON.parse(stdout);
}

test.run();
