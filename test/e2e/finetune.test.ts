import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { finetune, hashSpec, type RunEvent } from "../../sdk/index.js";
import { shortSpec } from "../support/airplanes.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

const options = testPython === undefined ? {} : { python: testPython };

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
	const all: RunEvent[] = [];
	for await (const event of events) all.push(event);
	return all;
}

pythonTest(
	"a LoRA run, from the spec to the adapter, tells everything on the way",
	async () => {
		const run = finetune(
			shortSpec({
				model: { nameOrPath: "captune/airplanes-tiny" },
				output: { folder: join(temporaryFolder(), "run") },
				evaluation: {
					kind: "generate",
					everySteps: 2,
					maxNewTokens: 32,
					shuffledImages: true,
				},
			}),
			options,
		);
		const statistics = new Promise((resolve) => {
			run.on("step", ({ step }) => {
				if (step === 1) resolve(run.tensorStatistics("lora_A"));
			});
		});
		const [events, result] = await Promise.all([collect(run), run]);
		assert.equal(events, checkedLog(run.folder, "events.jsonl"));
		checkedLog(run.folder, "worker.jsonl");
		const of = <Type extends RunEvent["type"]>(type: Type) =>
			events.filter(
				(event): event is Extract<RunEvent, { type: Type }> =>
					event.type === type,
			);

		const types = new Set(events.map(({ type }) => type));
		for (const type of [
			"stage",
			"ready",
			"resolved",
			"data",
			"model",
			"tensors",
			"step",
			"evaluation",
			"predictions",
			"score",
			"checkpoint",
			"end",
		] as const)
			assert.ok(types.has(type), type);
		assert.equal(events.at(-1)?.type, "end");
		const stages = new Set(of("stage").map(({ stage }) => stage));
		for (const stage of [
			"start",
			"encode",
			"load",
			"train",
			"evaluate",
			"save",
		] as const)
			assert.ok(stages.has(stage), stage);

		const [data] = of("data");
		assert.equal(
			data?.splits.map(({ split, rows }) => [split, rows]),
			[
				["train", 12],
				["validation", 4],
				["test", 4],
			],
		);
		assert.is(data?.trainAnswers.length, 12);

		const batch = of("tensors").find((event) => event.of === "batch");
		const shapes = Object.fromEntries(
			batch?.tensors.map(({ name, shape }) => [name, shape]) ?? [],
		);
		assert.equal(shapes["input_ids"], shapes["labels"]);
		assert.is(shapes["input_ids"]?.[0], 3);
		assert.equal(shapes["pixel_values"]?.slice(2), [3, 336, 336]);
		assert.equal(shapes["image_sizes"], [3, 2]);
		for (const { shape, bytes, dtype } of batch?.tensors ?? []) {
			const size = { F32: 4, I64: 8 }[dtype] ?? Number.NaN;
			assert.is(
				bytes,
				shape.reduce((product, one) => product * one, size),
			);
		}
		const trainable = of("tensors").find((event) => event.of === "trainable");
		const parameters = trainable?.tensors.reduce(
			(sum, { shape }) =>
				sum + shape.reduce((product, one) => product * one, 1),
			0,
		);
		assert.is(parameters, of("model")[0]?.trainable);
		assert.ok(trainable?.tensors.every((one) => one.trainable));
		const answered = (await statistics) as Extract<
			RunEvent,
			{ type: "tensors" }
		>;
		assert.ok(answered.tensors.length > 0);
		for (const { name, statistics: told } of answered.tensors) {
			assert.match(name, "lora_A");
			assert.is(told?.nonFinite, 0);
			assert.ok(told !== null && (told.min ?? 1) < 0 && (told.std ?? 0) > 0);
		}

		assert.equal(
			of("step").map(({ step, examples }) => [step, examples]),
			[
				[1, 3],
				[2, 3],
				[3, 3],
				[4, 3],
			],
		);
		assert.is(result.steps, 4);
		assert.is(result.status, "completed");
		assert.is(result.specHash, hashSpec(run.spec));
		assert.ok(result.best && [2, 4].includes(result.best.step));
		assert.is(result.best.value, result.validation?.tuned?.values["rouge1"]);
		for (const scores of [
			result.test?.base,
			result.test?.tuned,
			result.test?.shuffled,
			result.validation?.tuned,
			result.validation?.shuffled,
		])
			assert.is(scores?.examples, 4);
		assert.ok((result.test?.constant?.rouge1 ?? 0) > 0);
		const { base, tuned, difference } = result.test ?? {};
		assert.equal(Object.keys(difference ?? {}), ["rouge1", "rouge2", "rougeL"]);
		for (const [metric, told] of Object.entries(difference ?? {})) {
			const gain = (tuned?.values[metric] ?? 0) - (base?.values[metric] ?? 0);
			assert.ok(Math.abs(told.difference - gain) < 1e-12, metric);
			assert.ok(told.low <= told.difference && told.difference <= told.high);
			assert.is(told.examples, 4);
		}
		assert.is(result.validation?.difference, null, "base was not asked");

		for (const name of [
			"spec.json",
			"environment.json",
			"events.jsonl",
			"worker.jsonl",
			"result.json",
			"report.html",
		])
			assert.ok(statSync(join(run.folder, name)).size > 0, name);
		assert.equal(readdirSync(join(run.folder, "checkpoints")), [
			"step-000002",
			"step-000004",
		]);
		assert.is(readdirSync(join(run.folder, "predictions")).length, 6);
		assert.not(existsSync(join(run.folder, "run.lock")));
		assert.equal(
			JSON.parse(readFileSync(join(run.folder, "result.json"), "utf8")),
			result,
		);
		assert.equal(
			JSON.parse(readFileSync(join(run.folder, "spec.json"), "utf8")),
			run.spec,
		);
		const { stdout } = await execa(testPython as string, [
			"-c",
			"import sys; from peft import PeftConfig; print(PeftConfig.from_pretrained(sys.argv[1]).r)",
			result.adapter,
		]);
		assert.is(stdout, "16");
	},
);

pythonTest(
	"a full run without validation or test split keeps the last step",
	async () => {
		const run = finetune(
			shortSpec({
				method: { kind: "full" },
				data: {
					train: { kind: "airplanes", split: "train", seed: 11, count: 12 },
				},
				checkpoints: { keep: 1 },
				evaluation: { kind: "teacherForced", everySteps: 1 },
			}),
			options,
		);
		const result = await run;
		assert.is(result.best, null);
		assert.is(result.test, null);
		assert.is(result.validation, null);
		assert.equal(readdirSync(join(run.folder, "checkpoints")), ["step-000004"]);
		assert.ok(existsSync(join(result.adapter, "config.json")));
		checkedLog(run.folder, "events.jsonl");
	},
);

test.run();
