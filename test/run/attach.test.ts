// A run that is let go and come back to, by the torch-free puppet.
import {
	existsSync,
	readdirSync,
	readFileSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	type CaptuneError,
	DetachedError,
	type FinetuneRun,
	type RunEvent,
} from "../../sdk/index.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import {
	attachPuppet,
	type Plan,
	puppetRun,
	resumePuppet,
} from "../support/puppet.js";
import { pythonTest } from "../support/python.js";

const errorOf = (work: Promise<unknown>): Promise<CaptuneError> =>
	work.then(
		() => assert.unreachable("It resolved."),
		(error) => error,
	) as Promise<CaptuneError>;

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
	const all: RunEvent[] = [];
	for await (const event of events) all.push(event);
	return all;
}

/** Until the run has made so many steps. */
async function stepped(run: FinetuneRun, step: number): Promise<void> {
	for await (const event of run.events("step")) if (event.step >= step) return;
}

const ready = (folder: string): number => {
	const event = checkedLog(folder, "worker.jsonl")[0];
	return event?.type === "ready" ? event.pid : 0;
};

async function until(condition: () => boolean): Promise<void> {
	for (let waited = 0; !condition(); waited += 20) {
		assert.ok(waited < 30_000, "It did not come about.");
		await delay(20);
	}
}

const isAlive = (pid: number): boolean => {
	try {
		process.kill(pid, 0);
		return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
};

/** Starts a detached run in a process of its own, and kills that after some steps. */
async function killedStarter(folder: string, plan: Plan): Promise<void> {
	const support = fileURLToPath(
		new URL("../support/puppet.ts", import.meta.url),
	);
	const script = join(temporaryFolder(), "script.mts");
	writeFileSync(
		script,
		`import { puppetRun } from ${JSON.stringify(support)};
const run = puppetRun(${JSON.stringify(plan)}, { folder: ${JSON.stringify(folder)}, detached: true });
for await (const event of run.events("step")) if (event.step === 20) process.kill(process.pid, "SIGKILL");
`,
	);
	const { signal } = await execa(
		process.execPath,
		["--import", "tsx", script],
		{
			cwd: fileURLToPath(new URL("../..", import.meta.url)),
			reject: false,
		},
	);
	assert.is(signal, "SIGKILL");
}

/** Every event once and in order, every step too. */
function demandWhole(events: readonly RunEvent[], steps: number): void {
	assert.equal(
		events.map(({ seq }) => seq),
		events.map((_, at) => at + 1),
	);
	assert.equal(
		events.flatMap((event) => (event.type === "step" ? [event.step] : [])),
		Array.from({ length: steps }, (_, at) => at + 1),
	);
}

pythonTest("a run that was let go is come back to, and is whole", async () => {
	const run = puppetRun({ steps: 300, stepMs: 5 });
	const seen = collect(run);
	await stepped(run, 20);
	assert.equal(await run.detach(), {
		runId: run.id,
		folder: run.folder,
	});
	assert.is(run.state, "detached");
	const error = await errorOf(run);
	assert.instance(error, DetachedError);
	assert.is(error.code, "RUN_DETACHED");
	assert.ok((await seen).length >= 20, "loops over its events end");
	const attached = attachPuppet(run.folder);
	const events = collect(attached);
	const result = await attached;
	assert.is(result.status, "completed");
	assert.is(result.steps, 300);
	assert.is(attached.id, run.id);
	demandWhole(await events, 300);
	demandWhole(checkedLog(run.folder, "events.jsonl"), 300);
	assert.not(existsSync(join(run.folder, "run.lock")));
	assert.not(existsSync(join(run.folder, "attach.json")));
});

pythonTest(
	"whoever starts a detached run may be killed, again and again",
	async () => {
		const folder = join(temporaryFolder(), "run");
		await killedStarter(folder, { steps: 1_500, stepMs: 5 });
		const first = attachPuppet(folder);
		await stepped(first, 60);
		await first.detach();
		const second = attachPuppet(folder, { from: 30 });
		const events = collect(second);
		await second;
		const seen = await events;
		assert.is(seen[0]?.seq, 30);
		demandWhole(checkedLog(folder, "events.jsonl"), 1_500);
		assert.is(seen.at(-1)?.type, "end");
		assert.ok(readFileSync(join(folder, "worker.log")) !== undefined);
	},
);

pythonTest(
	"one process is attached at a time, by keys of its own that are gone when they have served",
	async () => {
		const run = puppetRun({ steps: 100_000, stepMs: 5 }, { detached: true });
		await stepped(run, 5);
		const early = await errorOf(attachPuppet(run.folder));
		assert.is(early.code, "RUN_LOCKED");
		await run.detach();
		const pid = ready(run.folder);
		process.kill(pid, "SIGSTOP");
		const attached = attachPuppet(run.folder);
		const file = join(run.folder, "attach.json");
		await until(() => existsSync(file));
		assert.is(statSync(file).mode & 0o777, 0o600);
		const { secretKey } = JSON.parse(readFileSync(file, "utf8"));
		const other = await errorOf(attachPuppet(run.folder));
		assert.is(other.code, "RUN_LOCKED");
		assert.match(other.message, String(process.pid));
		const resumed = await errorOf(resumePuppet(run.folder));
		assert.is(resumed.code, "RUN_LOCKED");
		process.kill(pid, "SIGCONT");
		await stepped(attached, 50);
		assert.not(existsSync(file));
		const result = await attached.stop();
		assert.is(result.status, "stopped");
		const texts = readdirSync(run.folder, { recursive: true })
			.map((name) => join(run.folder, String(name)))
			.filter((path) => statSync(path).isFile())
			.map((path) => readFileSync(path, "utf8"));
		assert.not(texts.some((text) => text.includes(secretKey)));
		await until(() => !isAlive(pid));
	},
);

pythonTest(
	"what was evaluated while nobody was there is scored by whoever comes back",
	async () => {
		const plan = {
			steps: 8,
			stepMs: 20,
			evaluateEvery: 2,
			answers: ["no", "yes", "yes or no", "no no"],
		};
		const whole = await puppetRun(plan, { keep: 4 });
		const run = puppetRun(plan, { keep: 4 });
		await run.detach();
		const pid = ready(run.folder);
		await until(() => !isAlive(pid));
		const scores = (folder: string) =>
			checkedLog(folder, "events.jsonl").flatMap((event) =>
				event.type === "score" ? [[event.step, event.values]] : [],
			);
		const attached = attachPuppet(run.folder);
		const result = await attached;
		assert.is(result.status, "completed");
		assert.equal(scores(run.folder), scores(whole.folder));
		demandWhole(checkedLog(run.folder, "events.jsonl"), 8);
	},
);

pythonTest(
	"where there is nobody to come back to, resume is named",
	async () => {
		const run = puppetRun({ steps: 100_000, stepMs: 5 }, { detached: true });
		await stepped(run, 5);
		await run.detach();
		const pid = ready(run.folder);
		process.kill(pid, "SIGKILL");
		await until(() => !isAlive(pid));
		assert.throws(
			() => attachPuppet(run.folder),
			(error: CaptuneError) =>
				error.code === "NOTHING_TO_ATTACH" && /resume\(/.test(error.message),
		);
	},
);

pythonTest(
	"a worker that does not come is left alone, and can be come back to",
	async () => {
		const run = puppetRun({ steps: 100_000, stepMs: 5 }, { detached: true });
		await stepped(run, 5);
		await run.detach();
		const pid = ready(run.folder);
		process.kill(pid, "SIGSTOP");
		const error = await errorOf(
			attachPuppet(run.folder, { startTimeoutMs: 500 }),
		);
		assert.is(error.code, "WORKER_START_TIMEOUT");
		process.kill(pid, "SIGCONT");
		const attached = attachPuppet(run.folder);
		await stepped(attached, 20);
		await attached.cancel();
		assert.is(attached.state, "canceled");
		await until(() => !isAlive(pid));
	},
);

test.run();
