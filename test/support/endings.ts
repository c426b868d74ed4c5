// How a run ended, for tests that break it: its error, and what then lies in its folder.
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import * as assert from "uvu/assert";
import { CaptuneError, type ErrorCode } from "../../sdk/errors.js";
import type { FinetuneRun } from "../../sdk/run/run.js";
import { checkedLog } from "./events.js";

/** The error of a run that has to fail, by its code. */
export async function failureOf(
	run: Promise<unknown>,
	code: ErrorCode,
): Promise<CaptuneError> {
	const error = await run.then(
		() => assert.unreachable("It resolved."),
		(error) => error,
	);
	assert.ok(CaptuneError.isInstance(error), String(error));
	assert.is(error.code, code, error.message);
	return error;
}

/** The log of a run is whole and ends in one end, with that code. */
export function assertEnded(folder: string, code: ErrorCode): void {
	const events = checkedLog(folder, "events.jsonl");
	const ends = events.filter(({ type }) => type === "end");
	assert.is(ends.length, 1);
	const end = events.at(-1);
	assert.ok(end?.type === "end");
	assert.is(end.error?.code, code);
}

/** The worker's process id, as soon as it is known. */
export async function workerOf(run: FinetuneRun): Promise<number> {
	for await (const event of run.events("ready")) return event.pid;
	throw new Error("It never got ready.");
}

/** Waits for a process to end; milliseconds that it took. */
export async function untilGone(pid: number): Promise<number> {
	const started = Date.now();
	while (isRunning(pid) && Date.now() - started < 20_000) await delay(20);
	assert.not(isRunning(pid), `process ${pid} is still there`);
	return Date.now() - started;
}

/** A zombie has ended; only its parent has not looked yet. */
export function isRunning(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
}
