import { once } from "node:events";
import {
	appendFileSync,
	existsSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InputError } from "../../sdk/errors.js";
import { tryLock } from "../../sdk/launch/lock.js";
import { CheckpointBook } from "../../sdk/run/checkpoints.js";
import type { RunEvent } from "../../sdk/run/event.generated.js";
import { RunFolder, readEventLog } from "../../sdk/run/folder.js";
import { currentEvents, readHistory } from "../../sdk/run/history.js";
import { temporaryFolder } from "../support/folders.js";

const linuxTest = process.platform === "linux" ? test : test.skip;
if (process.platform !== "linux") console.log("skipped: there is no /proc");

/** "2 step 5" is an event of attempt 2; the words after the type are its step, its state or code, its evaluation. */
function events(...lines: string[]): RunEvent[] {
	return lines.map((line, index) => {
		const [attempt, type, step, word] = line.split(" ");
		return {
			runId: "run",
			attempt: Number(attempt),
			seq: index + 1,
			time: index,
			type,
			...(step === undefined || step === "-" ? {} : { step: Number(step) }),
			...(type === "checkpoint" ? { state: word, path: "", bytes: 1 } : {}),
			...(type === "warning" ? { code: word, message: "", data: null } : {}),
			...(word && ["evaluation", "predictions", "score"].includes(type ?? "")
				? { evaluationId: word }
				: {}),
		} as RunEvent;
	});
}

/** Checks which of the lines still count: those without a "-" in front. */
function expectCurrent(...lines: string[]): void {
	const all = lines.map((line) => line.replace(/^-/, ""));
	const current = currentEvents(events(...all));
	assert.equal(
		current.map(({ seq }) => all[seq - 1]),
		lines.filter((line) => !line.startsWith("-")),
	);
}

test("one attempt counts as it is", () => {
	expectCurrent(
		"1 ready",
		"1 predictions 0 base",
		"1 evaluation 0 base",
		"1 score 0 base",
		"1 step 1",
		"1 checkpoint 1 saved",
		"1 predictions 1 half",
		"1 end",
	);
	assert.equal(currentEvents([]), []);
});

test("what lies past the loaded checkpoint is superseded, facts and ends too", () => {
	expectCurrent(
		"-1 ready",
		"-1 data",
		"1 evaluation 0 base",
		"1 score 0 base",
		"1 step 1",
		"1 step 2",
		"1 checkpoint 2 saved",
		"1 evaluation 2 two",
		"1 score 2 two",
		"-1 step 3",
		"-1 tensors 3",
		"-1 checkpoint 3 saved",
		"1 checkpoint 1 pruned",
		"-1 evaluation 3 three",
		"-1 score 3 three",
		"-1 end",
		"2 ready",
		"2 data",
		"2 checkpoint 2 loaded",
		"2 step 3",
		"2 checkpoint 3 saved",
		"2 evaluation 3 three",
		"2 score 3 three",
		"2 end",
	);
});

test("the earliest return of any later attempt decides", () => {
	expectCurrent(
		"1 step 1",
		"1 step 2",
		"-1 step 3",
		"2 checkpoint 2 loaded",
		"-2 step 3",
		"-2 step 4",
		"3 checkpoint 2 loaded",
		"3 step 3",
		"-3 step 4",
		"4 checkpoint 3 loaded",
		"4 step 4",
	);
});

test("an attempt that ended before it loaded anything supersedes an end only", () => {
	expectCurrent("1 ready", "1 step 1", "-1 end", "2 stage", "2 end");
});

test("an attempt without a checkpoint supersedes everything", () => {
	expectCurrent(
		"-1 predictions 0 base",
		"-1 evaluation 0 base",
		"-1 score 0 base",
		"-1 step 1",
		"1 warning - OTHER",
		"2 warning - NO_CHECKPOINT",
		"2 evaluation 0 base",
		"2 score 0 base",
		"2 step 1",
	);
});

test("an evaluation that was made again counts once, a half one not at all", () => {
	expectCurrent(
		"1 evaluation 0 base",
		"1 checkpoint 2 saved",
		"-1 predictions 2 two",
		"-1 evaluation 2 two",
		"1 evaluation 2 final",
		"1 score 2 final",
		"2 checkpoint 2 loaded",
		"2 score 0 base",
		"-2 predictions 2 two",
		"3 checkpoint 2 loaded",
		"3 predictions 2 two",
		"3 evaluation 2 two",
		"3 score 2 two",
		"3 predictions 2 final-of-test",
	);
});

test("what nobody read of the last attempt is found", () => {
	const folder = RunFolder.create(join(temporaryFolder(), "run"));
	const [one, two, three] = [1, 2, 3].map((seq) => ({
		runId: "run",
		attempt: seq === 1 ? 1 : 2,
		seq,
		time: seq + 0.123,
		type: "log",
		stream: "stdout",
		text: `${seq}`,
	}));
	const write = (...lines: unknown[]) =>
		writeFileSync(
			join(folder.path, "worker.jsonl"),
			`${lines.map((line) => JSON.stringify(line)).join("\n")}\n{"torn`,
		);
	assert.equal(readHistory(folder.path), {
		attempt: 0,
		events: [],
		unread: [],
		taken: 0,
	});
	folder.append([one as RunEvent, two as RunEvent], false);
	write(one, { ...one, time: 9 }, two, three, { ...three, type: "unknown" });
	const { attempt, unread } = readHistory(folder.path);
	assert.is(attempt, 2);
	assert.equal(unread, [three], "of the first attempt nothing is looked for");
	write(one, two, three, { ...three, attempt: 3 });
	assert.equal(readHistory(folder.path).unread, [{ ...three, attempt: 3 }]);
	folder.close();
});

const reopen = (path: string) =>
	RunFolder.reopen(path, new AbortController().signal);

test("a discarded folder takes along what was made for it, and nothing of another run", () => {
	const parent = join(temporaryFolder(), "runs");
	const one = RunFolder.create(join(parent, "deep", "one"));
	const other = RunFolder.create(join(parent, "other"));
	one.discard();
	assert.equal(readdirSync(parent), ["other"]);
	other.discard();
	assert.ok(existsSync(parent), "it was there before the other run");
	const alone = join(temporaryFolder(), "runs", "alone");
	RunFolder.create(alone).discard();
	assert.not(existsSync(dirname(alone)));
});

test("a reopened folder loses a torn line and nothing else, and is never discarded", async () => {
	const path = join(temporaryFolder(), "run");
	const [first, second] = events("1 step 1", "2 step 2") as [
		RunEvent,
		RunEvent,
	];
	const created = RunFolder.create(path);
	created.append([first], true);
	created.close();
	appendFileSync(join(path, "events.jsonl"), '{"type":"step","é');
	const reopened = await reopen(path);
	assert.equal(readEventLog(reopened.path), [first]);
	reopened.append([second], false);
	reopened.discard();
	const text = readFileSync(join(path, "events.jsonl"), "utf8");
	assert.is(text, `${JSON.stringify(first)}\n${JSON.stringify(second)}\n`);
	assert.not(existsSync(join(path, "run.lock")));
});

test("a folder that a process holds cannot be reopened; a worker whose process died is waited for, and then killed", async () => {
	const path = join(temporaryFolder(), "run");
	const lock = join(path, "run.lock");
	const folder = RunFolder.create(path);
	const rejected = async () => {
		const error = await reopen(path).catch((error) => error);
		assert.instance(error, InputError);
		assert.is(error.code, "RUN_LOCKED");
		return error.data.pid;
	};
	assert.is(await rejected(), process.pid, "and at once");
	const gone = execa("true");
	await gone;
	const orphan = (graceMs: number, changes: object = {}) => {
		const worker = execa("sleep", ["60"], { reject: false });
		folder.shareWith(worker.pid as number, graceMs);
		const text = JSON.parse(readFileSync(lock, "utf8"));
		return {
			worker,
			hold: () =>
				writeFileSync(
					lock,
					JSON.stringify({ ...text, pid: gone.pid, ...changes }),
				),
		};
	};
	const ending = orphan(60_000);
	const hung = orphan(0);
	const foreign = orphan(0, { since: "1" });
	folder.close();

	ending.hold();
	setTimeout(() => ending.worker.kill("SIGTERM"), 200);
	(await reopen(path)).close();
	assert.is((await ending.worker).signal, "SIGTERM");

	hung.hold();
	(await reopen(path)).close();
	assert.is((await hung.worker).signal, "SIGKILL");
	assert.not(existsSync(lock));

	foreign.hold();
	assert.is(await rejected(), foreign.worker.pid, "the id is another's now");
	foreign.worker.kill("SIGKILL");
	await foreign.worker;
});

test("a lock whose process and worker are gone is taken over", async () => {
	const file = join(temporaryFolder(), "run.lock");
	const gone = execa("true");
	await gone;
	const lock = tryLock(file);
	assert.ok(typeof lock !== "number");
	lock.share(gone.pid as number, 0);
	const text = JSON.parse(readFileSync(file, "utf8"));
	writeFileSync(file, JSON.stringify({ ...text, pid: gone.pid }));
	const mine = tryLock(file);
	assert.ok(typeof mine !== "number");
	mine.release();
});

linuxTest(
	"a process that has ended, and that nobody asks for, holds no lock",
	async () => {
		const file = join(temporaryFolder(), "run.lock");
		const parent = execa("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"]);
		try {
			const [line] = (await once(parent.stdout as Readable, "data")) as [
				Buffer,
			];
			const pid = Number(line);
			const status = (of: number) => readFileSync(`/proc/${of}/status`, "utf8");
			// A shell would still wait for the child; what it becomes never does.
			while (!/^Name:\s+sleep$/m.test(status(parent.pid as number)))
				await delay(20);
			process.kill(pid, "SIGKILL");
			while (!/^State:\s+Z/m.test(status(pid))) await delay(20);
			const lock = tryLock(file);
			assert.ok(typeof lock !== "number");
			const text = JSON.parse(readFileSync(file, "utf8"));
			writeFileSync(file, JSON.stringify({ ...text, pid }));
			const mine = tryLock(file);
			assert.ok(typeof mine !== "number");
			mine.release();
		} finally {
			parent.kill("SIGKILL");
			await parent.catch(() => {});
		}
	},
);

test("a book goes back to what was best then, of what is still there", () => {
	const book = new CheckpointBook({ direction: "max", keep: 1, scored: true });
	for (const [step, value] of [
		[2, 0.5],
		[4, 0.7],
		[6, 0.5],
		[8, 0.9],
	] as const) {
		book.saved(step);
		book.score(step, value);
	}
	book.saved(10);
	assert.equal(book.best, { step: 8, value: 0.9 });
	assert.equal(book.decided, [2, 4, 6, 8]);
	book.returnTo(6);
	assert.equal(book.best, { step: 4, value: 0.7 });
	book.removed(4);
	assert.equal(book.best, { step: 2, value: 0.5 }, "of equals the earlier");
	assert.is(book.score(8, 0.5), false);
	book.returnTo(7);
	assert.is(book.isDecided(7), false, "it is there, whatever was written");
	assert.equal(book.decided, [2, 6]);
	book.clear();
	assert.is(book.best, undefined);
	const counted = new CheckpointBook({
		direction: "max",
		keep: 1,
		scored: false,
	});
	counted.saved(1);
	assert.equal(counted.decided, [1]);
	assert.equal(counted.best, undefined);
});

test.run();
