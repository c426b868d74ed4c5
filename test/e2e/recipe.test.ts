// The airplane recipe as it ships, on the embedded model and local files: killed, resumed, completed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	airplanesSpec,
	CaptuneError,
	resolveSpec,
	resume,
	type Spec,
} from "../../sdk/index.js";
import { processOptions } from "../../sdk/options.js";
import { startRun } from "../../sdk/run/run.js";
import { localBoeings } from "../support/aircraft.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

/** What is not as shipped, and why. */
const changed: Readonly<Record<string, string>> = {
	"model.nameOrPath": "the embedded model has the architecture and no download",
	"data.train.kind": "Parquet files in place of the hub's",
	"data.train.nameOrPath": "so they have a path",
	"data.train.split": "and no split",
	"data.test.kind": "as for training",
	"data.test.nameOrPath": "as for training",
	"data.test.split": "as for training",
	"evaluation.everySteps": "2 for 10: a checkpoint early, to be killed after",
};

const shipped = airplanesSpec();

async function cutSpec(): Promise<Spec> {
	const spec = airplanesSpec({
		nameOrPath: "captune/airplanes-tiny",
		data: await localBoeings(),
		folder: join(temporaryFolder(), "run"),
	});
	if (spec.evaluation?.kind !== "generate") throw new Error("It has changed.");
	return {
		...spec,
		// Four of 72 steps; the recipe has no maxSteps.
		training: { ...spec.training, maxSteps: 4 },
		evaluation: { ...spec.evaluation, everySteps: 2 },
	};
}

function* leavesOf(value: unknown, path = ""): Generator<[string, unknown]> {
	if (typeof value !== "object" || value === null) yield [path, value];
	else
		for (const [key, item] of Object.entries(value))
			yield* leavesOf(item, path === "" ? key : `${path}.${key}`);
}

const at = (value: unknown, path: string): unknown =>
	path
		.split(".")
		.reduce<unknown>(
			(inner, key) => (inner as Record<string, unknown> | undefined)?.[key],
			value,
		);

const jsonIn = (...path: string[]) =>
	JSON.parse(readFileSync(join(...path), "utf8"));

pythonTest(
	"the recipe as shipped is killed, resumed and completed, and all of it arrives",
	async () => {
		const spec = await cutSpec();
		const run = startRun(
			{
				runId: "recipe",
				spec: resolveSpec(spec),
				folder: spec.output?.folder as string,
				...processOptions({ python: testPython as string }),
				program: {
					module: "telling",
					code: fileURLToPath(new URL("../fixtures", import.meta.url)),
				},
			},
			undefined,
		);
		let pid = 0;
		let obeyed: unknown;
		run.on("ready", (event) => {
			pid = event.pid;
		});
		run.on("log", ({ text }) => {
			if (text.startsWith("obeys ")) obeyed = JSON.parse(text.slice(6));
		});
		run.on("checkpoint", ({ state, step }) => {
			if (state === "saved" && step === 2) process.kill(pid, "SIGKILL");
		});
		const error: unknown = await run.then(
			() => assert.unreachable("It was killed."),
			(reason) => reason,
		);
		assert.ok(
			CaptuneError.isInstance(error) && error.code === "WORKER_CRASHED",
		);

		assert.equal(obeyed, run.spec, "the worker obeys what was resolved");
		const leaves = [...leavesOf(shipped)];
		assert.ok(leaves.length > 30);
		for (const [path, value] of leaves)
			if (!(path in changed)) assert.equal(at(obeyed, path), value, path);

		const result = await resume(run.folder, {
			...(testPython === undefined ? {} : { python: testPython }),
		});
		assert.is(result.status, "completed");
		assert.is(result.steps, 4);
		expectEffects(run.folder);
	},
);

/** What the settings have done, by what the run has left. */
function expectEffects(folder: string): void {
	const events = checkedLog(folder, "events.jsonl");
	const of = <Type extends (typeof events)[number]["type"]>(type: Type) =>
		events.filter(
			(event): event is Extract<(typeof events)[number], { type: Type }> =>
				event.type === type,
		);
	assert.equal(
		of("data")[0]?.splits.map(({ split, rows }) => [split, rows]),
		[
			["train", 108],
			["validation", 28],
			["test", 16],
		],
	);
	assert.equal(
		of("checkpoint")
			.filter(({ state }) => state === "loaded")
			.map(({ attempt, step }) => [attempt, step]),
		[[2, 2]],
		"it went on from the checkpoint",
	);
	const second = of("step").filter(({ attempt }) => attempt === 2);
	assert.equal(
		second.map(({ step, examples, learningRate }) => [
			step,
			examples,
			learningRate,
		]),
		[
			[3, 6, 1e-4],
			[4, 6, 1e-4],
		],
		"six by accumulation, constant after a warm-up",
	);
	assert.is(of("step").find(({ step }) => step === 1)?.learningRate, 0);
	assert.is(of("resolved")[0]?.warmupSteps, 1, "a tenth of four steps, up");
	const adapter = jsonIn(folder, "adapter", "adapter_config.json");
	assert.equal(
		[adapter.r, adapter.lora_alpha, adapter.lora_dropout, adapter.bias],
		[16, 32, 0.1, "none"],
	);
	const kept = readdirSync(join(folder, "checkpoints")).sort();
	assert.equal(kept, ["step-000002", "step-000004"]);
	const { optimizer } = jsonIn(
		folder,
		"checkpoints",
		"step-000004",
		"state.json",
	);
	for (const group of optimizer.groups)
		assert.equal([group.initial_lr, group.weight_decay], [1e-4, 0.01]);
	assert.equal(
		new Set(
			of("predictions").flatMap((one) => one.items.map((row) => row.prompt)),
		),
		new Set([shipped.data.prompt]),
	);
	assert.is(
		of("score").filter(
			({ split, attempt }) => split === "validation" && attempt === 2,
		).length,
		2,
		"step 2, which nobody had scored, and step 4",
	);
	assert.is(jsonIn(folder, "result.json").best.metric, "rouge1");
}

test.run();
