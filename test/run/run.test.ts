import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	CallbackError,
	CanceledError,
	InputError,
	WorkerError,
} from "../../sdk/errors.js";
import type { ScoreControl } from "../../sdk/run/control.generated.js";
import type { RunEvent } from "../../sdk/run/event.generated.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { type PuppetOptions, puppetRun } from "../support/puppet.js";
import { pythonTest } from "../support/python.js";

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
	const all: RunEvent[] = [];
	for await (const event of events) all.push(event);
	return all;
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
	return promise.then(
		() => assert.unreachable("It resolved."),
		(error) => error,
	);
}

pythonTest(
	"every reader sees every event, as the run folder has them",
	async () => {
		const run = puppetRun({ steps: 20, printLine: "hello" });
		const steps: number[] = [];
		run.on("step", ({ step }) => steps.push(step));
		const [one, two, some, result] = await Promise.all([
			collect(run),
			collect(run),
			collect(run.events("step", "end")),
			run,
		]);
		assert.equal(one, two);
		assert.equal(one, checkedLog(run.folder, "events.jsonl"));
		assert.equal(
			one.filter(({ type }) => type === "step" || type === "end"),
			some,
		);
		assert.equal(
			steps,
			Array.from({ length: 20 }, (_, index) => index + 1),
		);
		assert.is(result.steps, 20);
		assert.is(run.state, "completed");
		assert.ok(
			one.some((event) => event.type === "log" && event.text === "hello"),
		);
		const worker = checkedLog(run.folder, "worker.jsonl");
		const relayed = one.filter(
			({ type }) => type !== "log" && type !== "score",
		);
		assert.equal(
			relayed.map(({ seq: _, ...event }) => event),
			worker.map(({ seq: _, ...event }) => event),
		);
	},
);

pythonTest("breaking off a loop ends the loop, not the run", async () => {
	const run = puppetRun({ steps: 10, stepMs: 5 });
	for await (const event of run) if (event.type === "step") break;
	assert.is((await run).steps, 10);
});

pythonTest(
	"scores decide which checkpoint is the best and which go",
	async () => {
		const run = puppetRun(
			{ steps: 8, evaluateEvery: 2, answers: ["no", "yes no", "yes", "no"] },
			{ keep: 1 },
		);
		const events = await collect(run);
		const scores = events.flatMap((event) =>
			event.type === "score"
				? [[event.step, event.values["rouge1"], event.isBest]]
				: [],
		);
		assert.equal(scores, [
			[2, 0, true],
			[4, 2 / 3, true],
			[6, 1, true],
			[8, 0, false],
		]);
		const decided = events.flatMap((event) =>
			event.type === "warning" ? [event.data] : [],
		);
		assert.equal(decided, [{ best: 2 }, { best: 4 }, { best: 6 }, { best: 6 }]);
		const pruned = events.flatMap((event) =>
			event.type === "checkpoint" && event.state === "pruned"
				? [event.step]
				: [],
		);
		assert.equal(pruned, [2], "4 and 8 are newest besides the best");
		const filed = readFileSync(
			join(run.folder, "predictions", "validation-4.jsonl"),
			"utf8",
		);
		assert.equal(JSON.parse(filed).scores, { rouge1: 2 / 3 });
	},
);

pythonTest(
	"scores go back to the worker where trackers want them, and nowhere else",
	async () => {
		const plan = { steps: 4, evaluateEvery: 2, answers: ["no", "yes"] };
		const told = async (options: PuppetOptions) =>
			(await collect(puppetRun(plan, options))).flatMap((event) =>
				event.type === "warning" && event.code === "TOLD" ? [event.data] : [],
			);
		const of = (step: number, rouge1: number) => ({
			type: "score",
			evaluationId: `validation-${step}`,
			split: "validation",
			step,
			model: "tuned",
			images: "own",
			values: { rouge1 },
		});
		assert.equal(await told({ tracking: [{ kind: "tensorboard" }] }), [
			of(2, 0),
			of(4, 1),
		]);
		assert.equal(await told({}), []);
	},
);

pythonTest(
	"what cannot be scored is not waited for: the worker is told so",
	async () => {
		const run = puppetRun(
			{ steps: 4, evaluateEvery: 2, answers: ["no", "yes"] },
			{
				tracking: [{ kind: "tensorboard" }],
				metric: "mine",
				metrics: {
					mine: () => {
						throw new Error("out of luck");
					},
				},
			},
		);
		assert.instance(await errorOf(run), CallbackError);
		const [told] = checkedLog(run.folder, "events.jsonl").flatMap((event) =>
			event.type === "warning" && event.code === "TOLD" ? [event.data] : [],
		);
		assert.equal((told as ScoreControl).values, {});
	},
);

pythonTest(
	"a tracker's variables reach the worker that needs them, and no other's",
	async () => {
		const variables = { WANDB_API_KEY: "key", MLFLOW_TRACKING_TOKEN: "token" };
		const names = Object.keys(variables);
		Object.assign(process.env, variables);
		try {
			const run = puppetRun(
				{ printVariables: names },
				{ tracking: [{ kind: "wandb" }] },
			);
			const lines = (await collect(run)).flatMap((event) =>
				event.type === "log" ? [event.text] : [],
			);
			assert.equal(lines, ["WANDB_API_KEY=key", "MLFLOW_TRACKING_TOKEN=None"]);
		} finally {
			for (const name of names) delete process.env[name];
		}
	},
);

pythonTest(
	"a metric of the user's own, and asynchronous, decides",
	async () => {
		const run = puppetRun(
			{ steps: 4, evaluateEvery: 2, answers: ["a long answer", "short"] },
			{
				metric: "shortness",
				metrics: { shortness: async (text) => 1 / text.length },
			},
		);
		const events = await collect(run);
		const best = events.flatMap((event) =>
			event.type === "score" ? [event.best] : [],
		);
		assert.equal(best.at(-1), { step: 4, value: 1 / 5 });
	},
);

pythonTest(
	"a metric that throws rejects the run and keeps what was trained",
	async () => {
		const run = puppetRun(
			{ steps: 50, stepMs: 5, evaluateEvery: 2, answers: Array(25).fill("x") },
			{
				metric: "mine",
				metrics: {
					mine: () => {
						throw new Error("out of luck");
					},
				},
			},
		);
		const error = await errorOf(run);
		assert.instance(error, CallbackError);
		assert.is((error as CallbackError).code, "METRIC_FAILED");
		assert.match((error as CallbackError).message, /"mine".*out of luck/);
		const events = checkedLog(run.folder, "events.jsonl");
		assert.ok(events.some(({ type }) => type === "checkpoint"));
		assert.ok(events.filter(({ type }) => type === "step").length < 50);
		const end = events.at(-1);
		assert.ok(end?.type === "end" && end.status === "failed");
		assert.is(end.error?.code, "METRIC_FAILED");
		const page = readFileSync(join(run.folder, "report.html"), "utf8");
		assert.match(page, /This run failed/);
		assert.match(page, /out of luck/);
	},
);

pythonTest("stop() finishes the step and resolves", async () => {
	const run = puppetRun({ steps: 10_000, stepMs: 5 });
	for await (const event of run) if (event.type === "step") break;
	const result = await run.stop();
	assert.is(result.status, "stopped");
	assert.is(run.state, "stopped");
	const last = checkedLog(run.folder, "worker.jsonl").at(-2);
	assert.ok(last?.type === "step" && last.step === result.steps);
});

pythonTest("cancel() and an aborted signal reject", async () => {
	const aborter = new AbortController();
	const runs = [
		puppetRun({ steps: 10_000, stepMs: 5 }),
		puppetRun({ steps: 10_000, stepMs: 5 }, { signal: aborter.signal }),
	] as const;
	for (const run of runs)
		for await (const event of run) if (event.type === "step") break;
	await runs[0].cancel("enough");
	aborter.abort(new Error("time is up"));
	for (const [run, reason] of [
		[runs[0], /enough/],
		[runs[1], /time is up/],
	] as const) {
		const error = await errorOf(run);
		assert.instance(error, CanceledError);
		assert.match((error as Error).message, reason);
		assert.is(run.state, "canceled");
		const last = checkedLog(run.folder, "events.jsonl").at(-1);
		assert.ok(last?.type === "end" && last.status === "canceled");
	}
});

pythonTest("an already aborted signal leaves nothing behind", async () => {
	const run = puppetRun({}, { signal: AbortSignal.abort("never mind") });
	assert.instance(await errorOf(run), CanceledError);
	assert.not(existsSync(run.folder));
});

pythonTest("await using cancels what still runs", async () => {
	let folder: string;
	{
		await using run = puppetRun({ steps: 10_000, stepMs: 5 });
		for await (const event of run) if (event.type === "step") break;
		folder = run.folder;
	}
	const last = checkedLog(folder, "events.jsonl").at(-1);
	assert.ok(last?.type === "end" && last.status === "canceled");
	assert.not(existsSync(join(folder, "run.lock")));
});

pythonTest(
	"a worker that is killed becomes one typed error for all",
	async () => {
		const run = puppetRun({ steps: 10, crashAt: 4 });
		const [error, readError] = await Promise.all([
			errorOf(run),
			errorOf(collect(run)),
		]);
		assert.is(readError, error);
		assert.instance(error, WorkerError);
		const { code, data, message } = error as WorkerError;
		assert.is(code, "WORKER_CRASHED");
		assert.is(data["signal"], "SIGKILL");
		assert.match(message, /SIGKILL after step 3/);
		const last = checkedLog(run.folder, "events.jsonl").at(-1);
		assert.ok(last?.type === "end" && last.status === "failed");
	},
);

pythonTest(
	"a worker that never connects is ended, and its last line told",
	async () => {
		const run = puppetRun({}, { module: "silent", startTimeoutMs: 1_500 });
		const error = await errorOf(run);
		assert.instance(error, WorkerError);
		assert.is((error as WorkerError).code, "WORKER_START_TIMEOUT");
		assert.match(
			(error as WorkerError).message,
			"waiting for a licence server",
		);
		assert.not(existsSync(run.folder));
	},
);

pythonTest("an event that is none ends the run by name", async () => {
	const error = await errorOf(puppetRun({ foreignEvent: true }));
	assert.instance(error, WorkerError);
	assert.is((error as WorkerError).code, "PROTOCOL_ERROR");
});

pythonTest("tensor statistics come at the next boundary", async () => {
	const run = puppetRun({ steps: 10_000, stepMs: 5 });
	for await (const event of run) if (event.type === "step") break;
	const answers = await Promise.all([
		run.tensorStatistics("lora_B"),
		run.tensorStatistics(/lora_A/),
	]);
	assert.equal(
		answers.map(({ requestId }) => requestId),
		["statistics-1", "statistics-2"],
	);
	await run.stop();
});

pythonTest(
	"a listener that throws stops neither the run nor other listeners",
	async () => {
		const warnings: string[] = [];
		const onWarning = (warning: Error) => warnings.push(warning.message);
		process.on("warning", onWarning);
		const run = puppetRun({ steps: 2 });
		let heard = 0;
		run.on("step", () => {
			throw new Error("my mistake");
		});
		run.on("step", () => heard++);
		await run;
		await new Promise((resolve) => setImmediate(resolve));
		process.off("warning", onWarning);
		assert.is(heard, 2);
		assert.match(warnings[0] ?? "", /my mistake/);
	},
);

test("a run folder that cannot be written, or is not empty, rejects and stays as it was", async () => {
	const base = temporaryFolder();
	const file = join(base, "file");
	writeFileSync(file, "mine");
	const cases = [
		[join(file, "run"), "OUTPUT_UNWRITABLE"],
		[base, "OUTPUT_EXISTS"],
		// mkdir says ENOENT here although the parent is there.
		...(existsSync("/proc")
			? ([["/proc/run", "OUTPUT_UNWRITABLE"]] as const)
			: []),
		[join(base, "made", "n".repeat(300)), "OUTPUT_UNWRITABLE"],
	] as const;
	for (const [folder, code] of cases) {
		const error = await errorOf(puppetRun({}, { folder }));
		assert.instance(error, InputError);
		assert.is((error as InputError).code, code);
		assert.match((error as InputError).message, folder);
	}
	assert.is(readFileSync(file, "utf8"), "mine");
	assert.not(existsSync(join(base, "run.lock")));
	assert.not(existsSync(join(base, "made")));
});

pythonTest("two runs cannot share a folder", async () => {
	const first = puppetRun({ steps: 10_000, stepMs: 5 });
	for await (const event of first) if (event.type === "step") break;
	const error = await errorOf(puppetRun({}, { folder: first.folder }));
	assert.is((error as InputError).code, "RUN_LOCKED");
	assert.is((error as InputError).data["pid"], process.pid);
	await first.stop();
});

test.run();
