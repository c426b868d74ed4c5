// One process at a time, told by a file that holds the process's id. A lock whose process is gone is taken over, unless
// a process that worked for it is still at it.
import {
	mkdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface Lock {
	/** Names a process that works for this one: the lock holds until both are gone. */
	share(worker: number, graceMs: number): void;
	release(): void;
}

interface Holder {
	readonly pid: number;
	readonly boot: string;
	readonly worker?: number;
	/** When the worker began, by the system's own count: process ids are used again. */
	readonly since?: string;
	/** What the worker may take to end after its holder. */
	readonly graceMs?: number;
}

/** An orphan is waited for this much longer than it may take. */
const marginMs = 1_000;

/** The lock, or the process id of its living holder. */
export function tryLock(file: string): Lock | number {
	mkdirSync(dirname(file), { recursive: true });
	const mine: Holder = { pid: process.pid, boot: bootId() };
	for (;;) {
		try {
			writeFileSync(file, JSON.stringify(mine), { flag: "wx" });
			return {
				share: (worker, graceMs) =>
					replace(file, { ...mine, worker, ...startOf(worker), graceMs }),
				release: () => rmSync(file, { force: true }),
			};
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
		}
		const holder = livingHolder(file);
		if (holder !== undefined) return holder;
		const rival = removeStale(file);
		if (rival !== undefined) return rival;
	}
}

/** Waits for the lock; `onWait` is told once whom it waits for. */
export async function waitForLock(
	file: string,
	onWait: (pid: number) => void,
	signal?: AbortSignal,
): Promise<Lock> {
	for (let isFirst = true; ; isFirst = false) {
		const lock = tryLock(file);
		if (typeof lock !== "number") return lock;
		if (isFirst) onWait(lock);
		await delay(300, undefined, signal ? { signal } : {});
	}
}

/**
 * Waits for a worker whose holder is gone to be gone as well, as long as it may take; one that is there even then (hung,
 * or stopped by a signal) is killed, lest it wakes and writes beside the next attempt.
 */
export async function clearOrphan(
	file: string,
	signal: AbortSignal,
): Promise<void> {
	const started = performance.now();
	for (;;) {
		const pid = livingHolder(file);
		const { worker, since, graceMs } = readHolder(file) ?? {};
		if (pid === undefined || pid !== worker || graceMs === undefined) return;
		if (performance.now() - started > graceMs + marginMs) {
			if (since === undefined || since !== startOf(worker).since) return;
			kill(worker);
		}
		await delay(50, undefined, { signal });
	}
}

function kill(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch {} // it was faster, or is another user's
}

/** When a process began, where the system tells. */
function startOf(pid: number): { readonly since?: string } {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		// After the command, which may hold anything, the start is the 20th field.
		const since = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
		return since === undefined ? {} : { since };
	} catch {
		return {};
	}
}

/** The process id of whoever holds the lock and lives; the worker's, where only that is left. */
export function livingHolder(file: string): number | undefined {
	const holder = readHolder(file);
	if (holder === undefined || holder.boot !== bootId()) return undefined;
	if (isAlive(holder.pid)) return holder.pid;
	return holder.worker !== undefined && isAlive(holder.worker)
		? holder.worker
		: undefined;
}

/** Whole or not at all: half a lock reads as a stale one. */
function replace(file: string, holder: Holder): void {
	writeFileSync(`${file}.partial`, JSON.stringify(holder));
	renameSync(`${file}.partial`, file);
}

/** Moves the stale lock aside; puts it back, and names its holder, if another process was faster. */
function removeStale(file: string): number | undefined {
	const aside = `${file}.${process.pid}`;
	try {
		renameSync(file, aside);
	} catch {
		return undefined;
	}
	const rival = livingHolder(aside);
	if (rival === undefined) rmSync(aside, { force: true });
	else renameSync(aside, file);
	return rival;
}

function readHolder(file: string): Holder | undefined {
	try {
		return JSON.parse(readFileSync(file, "utf8"));
	} catch {
		return undefined;
	}
}

/** Process ids start anew with every boot, and mean nothing on another machine. */
function bootId(): string {
	try {
		return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
	} catch {
		return hostname();
	}
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}
