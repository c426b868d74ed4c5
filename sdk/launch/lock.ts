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
	share(worker: number): void;
	release(): void;
}

interface Holder {
	readonly pid: number;
	readonly boot: string;
	readonly worker?: number;
}

/** The lock, or the process id of its living holder. */
export function tryLock(file: string): Lock | number {
	mkdirSync(dirname(file), { recursive: true });
	const mine: Holder = { pid: process.pid, boot: bootId() };
	for (;;) {
		try {
			writeFileSync(file, JSON.stringify(mine), { flag: "wx" });
			return {
				share: (worker) => replace(file, { ...mine, worker }),
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

/** Waits, at most so long, for a worker whose holder is gone to be gone as well. */
export async function waitForOrphan(
	file: string,
	timeoutMs: number,
	signal: AbortSignal,
): Promise<void> {
	const deadline = Date.now() + timeoutMs;
	const isOrphaned = () => {
		const pid = livingHolder(file);
		return pid !== undefined && pid === readHolder(file)?.worker;
	};
	while (isOrphaned() && Date.now() < deadline)
		await delay(50, undefined, { signal });
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
