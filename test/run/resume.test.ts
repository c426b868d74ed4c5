import {
	appendFileSync,
	cpSync,
	existsSync,
	mkdirSync,
	readFileSync,
	renameSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	CaptuneError,
	InputError,
	resume,
	SpecError,
} from "../../sdk/index.js";
import { readRun } from "../../sdk/report/read.js";
import type { ScoreControl } from "../../sdk/run/control.generated.js";
import type { RunEvent } from "../../sdk/run/event.generated.js";
import { checkedLog, linesOf } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import {
	type Plan,
	type PuppetOptions,
	puppetRun,
	resumePuppet,
} from "../support/puppet.js";
import { pythonTest } from "../support/python.js";

/** Evaluated at 2, 4, 6 and 8; the one at 4 is the best. */
const scored: Plan = {
	steps: 8,
	evaluateEvery: 2,
	answers: ["no", "yes", "yes no", "no"],
};

/** The folder of a run whose worker was killed. */
async function killed(plan: Plan, options?: PuppetOptions): Promise<string> {
	const run = puppetRun(plan, options);
	const error = await run.catch((error) => error);
	assert.is(error.code, "WORKER_CRASHED");
	return run.folder;
}

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
	const all: RunEvent[] = [];
	for await (const event of events) all.push(event);
	return all;
}

function thrown(action: () => unknown): CaptuneError {
	try {
		action();
	} catch (error) {
		assert.ok(CaptuneError.isInstance(error), String(error));
		return error;
	}
	return assert.unreachable("It did not throw.") as never;
}

/** The run as it was when its SDK died: the events up to the first that `isLast`, and half a line. */
function forgetAfter(folder: string, isLast: (event: RunEvent) => boolean) {
	const file = join(folder, "events.jsonl");
	const events = checkedLog(folder, "events.jsonl");
	const kept = events.slice(0, events.findIndex(isLast) + 1);
	assert.ok(kept.length > 0 && kept.length < events.length);
	writeFileSync(
		file,
		`${kept.map((event) => `${JSON.stringify(event)}\n`).join("")}{"type":"st`,
	);
}

const dataOf = (events: readonly RunEvent[], code: string) =>
	events.flatMap((event) =>
		event.type === "warning" && event.code === code ? [event.data] : [],
	);

const stepsOf = (events: readonly RunEvent[]) =>
	events.flatMap((event) => (event.type === "step" ? [event.step] : []));

const scoresOf = (events: readonly RunEvent[]) =>
	events.flatMap((event) =>
		event.type === "score"
			? [[event.step, event.values["rouge1"], event.best?.step, event.isBest]]
			: [],
	);

pythonTest(
	"a resumed worker hears the scores of earlier attempts that still count",
	async () => {
		const folder = await killed(
			{ ...scored, crashAt: 7, load: 4 },
			{ tracking: [{ kind: "tensorboard" }] },
		);
		const events = await collect(resumePuppet(folder));
		const told = dataOf(events, "TOLD").map((data) => {
			const { step, values } = data as ScoreControl;
			return [step, values["rouge1"]];
		});
		assert.equal(told, [
			[2, 0],
			[4, 1],
			[6, 2 / 3],
			[8, 0],
		]);
	},
);

pythonTest(
	"a killed run goes on under its id, and comes to what it would have come to",
	async () => {
		const whole = puppetRun(scored);
		const wanted = await whole;
		const folder = await killed({ ...scored, crashAt: 6, load: 4 });
		const before = checkedLog(folder, "events.jsonl");
		const run = resumePuppet(folder);
		assert.is(run.id, "puppet-run");
		assert.is(run.folder, folder);
		assert.is(run.state, "running");
		assert.equal(
			run.spec,
			JSON.parse(readFileSync(join(folder, "spec.json"), "utf8")),
		);
		const [events, result] = await Promise.all([collect(run), run]);
		assert.is(run.state, "completed");
		const all = checkedLog(folder, "events.jsonl");
		assert.equal(all, [...before, ...events]);
		assert.ok(events.every(({ attempt }) => attempt === 2));
		assert.equal(dataOf(events, "STARTED"), [{ scored: [2, 4] }]);
		assert.equal(dataOf(events, "DECIDED"), [
			{ best: 4 },
			{ best: 4 },
			{ best: 4 },
		]);
		const record = readRun(folder);
		assert.equal(stepsOf(record.events), [1, 2, 3, 4, 5, 6, 7, 8]);
		assert.equal(
			scoresOf(record.events),
			scoresOf(checkedLog(whole.folder, "events.jsonl")),
		);
		assert.equal(record.result, result);
		const same = ({ steps, best, validation, test }: typeof result) => ({
			steps,
			best,
			validation,
			test,
		});
		assert.equal(same(result), same(wanted));
		assert.not(existsSync(join(folder, "run.lock")));
	},
);

pythonTest("a checkpoint without a decision is evaluated again", async () => {
	const folder = await killed({ ...scored, crashAt: 6, load: 4 });
	forgetAfter(
		folder,
		({ type, ...event }) =>
			type === "checkpoint" && "step" in event && event.step === 4,
	);
	const worker = linesOf(folder, "worker.jsonl");
	const evaluated = worker.findIndex(
		(event) => event.type === "predictions" && event.step === 4,
	);
	writeFileSync(
		join(folder, "worker.jsonl"),
		worker
			.slice(0, evaluated + 1)
			.map((event) => `${JSON.stringify(event)}\n`)
			.join(""),
	);
	const events = await collect(resumePuppet(folder));
	assert.equal(dataOf(events, "STARTED"), [{ scored: [2] }]);
	const record = readRun(folder);
	assert.equal(scoresOf(record.events), [
		[2, 0, 2, true],
		[4, 1, 4, true],
		[6, 2 / 3, 4, false],
		[8, 0, 4, false],
	]);
	const predictions = record.events.filter(
		(event) => event.type === "predictions" && event.step === 4,
	);
	assert.equal(
		predictions.map(({ attempt }) => attempt),
		[2],
	);
});

pythonTest(
	"what a worker wrote after its SDK had died is taken over first",
	async () => {
		const folder = await killed({ ...scored, crashAt: 6, load: 4 });
		const steps = stepsOf(checkedLog(folder, "events.jsonl"));
		forgetAfter(folder, (event) => event.type === "step" && event.step === 3);
		const events = await collect(resumePuppet(folder));
		const all = checkedLog(folder, "events.jsonl");
		assert.equal(
			stepsOf(all.filter(({ attempt }) => attempt === 1)),
			steps,
			"each once",
		);
		const relayed = events.filter(({ attempt }) => attempt === 1);
		assert.ok(
			relayed.some((event) => event.type === "evaluation" && event.step === 4),
		);
		assert.equal(dataOf(events, "STARTED"), [{ scored: [2] }]);
		const workers = checkedLogOfAttempts(folder);
		assert.equal(workers, [1, 2]);
	},
);

/** The attempts in worker.jsonl, each of which numbers its events from 1. */
function checkedLogOfAttempts(folder: string): number[] {
	const worker = linesOf(folder, "worker.jsonl");
	const attempts = [...new Set(worker.map(({ attempt }) => attempt))];
	for (const attempt of attempts)
		for (const [index, { seq }] of worker
			.filter((event) => event.attempt === attempt)
			.entries())
			assert.is(seq, index + 1);
	return attempts;
}

pythonTest(
	"what lies past an older checkpoint is forgotten, and best is as of then",
	async () => {
		const folder = await killed({ ...scored, crashAt: 8, load: 2 });
		const events = await collect(resumePuppet(folder));
		assert.equal(
			dataOf(events, "STARTED"),
			[{ scored: [4, 6] }],
			"2 was pruned",
		);
		assert.equal(dataOf(events, "DECIDED"), [
			{ best: 2 },
			{ best: 4 },
			{ best: 4 },
			{ best: 4 },
		]);
		const record = readRun(folder);
		assert.equal(stepsOf(record.events), [1, 2, 3, 4, 5, 6, 7, 8]);
	},
);

pythonTest(
	"a run of which only the worker's log was written goes on under its id",
	async () => {
		const folder = await killed({ ...scored, crashAt: 6, load: 4 });
		writeFileSync(join(folder, "events.jsonl"), "");
		const run = resumePuppet(folder);
		assert.is(run.id, "puppet-run");
		await run;
		assert.equal(stepsOf(readRun(folder).events), [1, 2, 3, 4, 5, 6, 7, 8]);
		checkedLog(folder, "events.jsonl");
	},
);

pythonTest("without a checkpoint everything begins anew", async () => {
	const folder = await killed({ ...scored, crashAt: 6 });
	const run = resumePuppet(folder);
	const [events, result] = await Promise.all([collect(run), run]);
	assert.equal(dataOf(events, "NO_CHECKPOINT").length, 1);
	assert.equal(stepsOf(readRun(folder).events), [1, 2, 3, 4, 5, 6, 7, 8]);
	assert.equal(scoresOf(readRun(folder).events), scoresOf(events));
	assert.is(result.steps, 8);
});

pythonTest(
	"without a validation split every checkpoint that is there has its decision",
	async () => {
		const folder = await killed({ steps: 4, crashAt: 3, load: 2 });
		const { runId, attempt, seq, time } = checkedLog(folder, "events.jsonl").at(
			-1,
		) as RunEvent;
		const saved = {
			...{ type: "checkpoint", step: 2, state: "saved", path: "", bytes: 1 },
			...{ runId, attempt, seq: seq + 1, time },
		};
		appendFileSync(join(folder, "events.jsonl"), `${JSON.stringify(saved)}\n`);
		const events = await collect(resumePuppet(folder));
		assert.equal(dataOf(events, "STARTED"), [{ scored: [2] }]);
		assert.equal(dataOf(events, "DECIDED"), [{ best: null }]);
	},
);

pythonTest(
	"an evaluation of the base model that was never scored is scored now",
	async () => {
		const folder = await killed({ ...scored, crashAt: 6, load: 4 });
		const worker = linesOf(folder, "worker.jsonl");
		const base = worker.flatMap((event) =>
			(event.type === "predictions" || event.type === "evaluation") &&
			event.step === 2
				? [
						{
							...event,
							evaluationId: "test-0",
							split: "test",
							step: 0,
							model: "base",
							time: event.time + 0.5,
						},
					]
				: [],
		);
		const at = worker.findIndex(({ type }) => type === "data") + 1;
		const lines = [...worker.slice(0, at), ...base, ...worker.slice(at)];
		writeFileSync(
			join(folder, "worker.jsonl"),
			lines.map((event) => `${JSON.stringify(event)}\n`).join(""),
		);
		const result = await resumePuppet(folder);
		assert.is(result.test?.base?.step, 0);
		assert.is(result.test?.base?.values["rouge1"], 0);
		assert.ok(existsSync(join(folder, "predictions", "test-0.jsonl")));
	},
);

pythonTest(
	"a stopped run goes on, a canceled attempt changes nothing, a completed run does not go on",
	async () => {
		const plan = { ...scored, steps: 8, stepMs: 20, load: 2 };
		const first = puppetRun(plan);
		for await (const event of first.events("score"))
			if (event.step === 2) break;
		assert.is((await first.stop()).status, "stopped");
		const { folder } = first;
		const stopped = readFileSync(join(folder, "result.json"), "utf8");

		const second = resumePuppet(folder);
		for await (const event of second.events("step"))
			if (event.step === 3) break;
		const rival = await resumePuppet(folder).catch((error) => error);
		assert.instance(rival, InputError);
		assert.is(rival.code, "RUN_LOCKED");
		assert.is(rival.data.pid, process.pid);
		await second.cancel("enough");
		assert.is(second.state, "canceled");
		assert.is(readFileSync(join(folder, "result.json"), "utf8"), stopped);

		const aborted = resumePuppet(folder, { signal: AbortSignal.abort("no") });
		assert.is((await aborted.catch((error) => error)).code, "CANCELED");
		assert.ok(existsSync(folder));
		assert.not(existsSync(join(folder, "run.lock")));

		const last = resumePuppet(folder);
		const [events, result] = await Promise.all([collect(last), last]);
		assert.ok(events.every(({ attempt }) => attempt === 4));
		assert.is(result.status, "completed");
		assert.equal(readRun(folder).result, result);
		assert.ok(existsSync(join(folder, "report.html")));
		const error = thrown(() => resume(folder));
		assert.instance(error, InputError);
		assert.is(error.code, "RUN_COMPLETED");
		assert.match(error.message, folder);
	},
);

pythonTest("metrics of the user's own are needed again", async () => {
	const metrics = { mine: () => 1, yours: () => 2 };
	const folder = await killed(
		{ ...scored, crashAt: 6, load: 4 },
		{ metric: "mine", metrics },
	);
	const error = thrown(() => resume(folder, { metrics: { yours: () => 2 } }));
	assert.instance(error, SpecError);
	assert.is(error.code, "SPEC_INVALID");
	assert.equal(error.issues, [
		{
			path: "metrics.mine",
			reason: "is missing: evaluation.metrics of the run names it",
			remedy: "Give it: resume(folder, { metrics }).",
		},
	]);
	const wrong = thrown(() => resume(folder, { metrics: { mine: 3 as never } }));
	assert.match(wrong.message, "`metrics.mine` must be a function");
	const result = await resumePuppet(folder, { metrics });
	assert.equal(result.validation?.tuned?.values, { mine: 1 });
});

pythonTest("a folder that was moved counts where it is now", async () => {
	const base = temporaryFolder();
	const first = await killed(
		{ ...scored, crashAt: 6, load: 4 },
		{ folder: join(base, "first") },
	);
	const rows = (folder: string) => join(folder, "data", "train", "rows.jsonl");
	const specFile = join(first, "spec.json");
	const spec = JSON.parse(readFileSync(specFile, "utf8"));
	spec.data.train = { ...spec.data.train, kind: "rows", path: rows(first) };
	spec.output.folder = first;
	writeFileSync(specFile, JSON.stringify(spec));
	mkdirSync(dirname(rows(first)), { recursive: true });
	writeFileSync(rows(first), "{}\n");
	const second = join(base, "second");
	renameSync(first, second);
	const run = resumePuppet(second);
	const result = await run;
	assert.is(run.folder, second);
	assert.is(result.folder, second);
	assert.is(run.spec.output.folder, second);
	assert.is((run.spec.data.train as { path?: string }).path, rows(second));
	assert.not(existsSync(first));
});

pythonTest(
	"a folder that holds no run is told from one that does",
	async () => {
		const folder = await killed({ steps: 3, crashAt: 2 });
		const broken = (change: (copy: string) => void) => {
			const copy = join(temporaryFolder(), "run");
			cpSync(folder, copy, { recursive: true });
			change(copy);
			return thrown(() => resume(copy));
		};
		const write = (name: string, text: string) => (copy: string) =>
			writeFileSync(join(copy, name), text);
		for (const error of [
			thrown(() => resume(join(temporaryFolder(), "none"))),
			thrown(() => resume(temporaryFolder())),
			broken(write("spec.json", "{")),
			broken((copy) => {
				write("events.jsonl", "")(copy);
				write("worker.jsonl", "")(copy);
			}),
			broken(write("events.jsonl", "{}\n")),
		]) {
			assert.instance(error, InputError);
			assert.is(error.code, "RUN_UNKNOWN");
		}
		const error = broken(write("spec.json", '{"seed":1}'));
		assert.instance(error, SpecError);
		assert.match(error.message, "The spec of the run in");
	},
);

test.run();
