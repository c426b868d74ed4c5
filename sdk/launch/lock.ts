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
	/** The worker, which goes on without this process, may be taken over as soon as this process is gone. */
	detach(): void;
	/** Leaves the lock to the detached worker. */
	leave(): void;
	release(): void;
}

/** A process, told from another of the same number by when it began; that is missing where the system does not tell. */
export interface ProcessId {
	readonly pid: number;
	readonly since?: string;
}

interface Holder {
	readonly pid: number;
	readonly boot: string;
	readonly worker?: number;
	/** When the worker began, by the system's own count: process ids are used again. */
	readonly since?: string;
	/** What the worker may take to end after its holder. */
	readonly graceMs?: number;
	/** Does the worker go on without its holder? */
	readonly detached?: boolean;
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
			return lockOf(file, mine);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
		}
		const holder = livingHolder(file);
		if (holder !== undefined) return holder;
		const rival = removeStale(file);
		if (rival !== undefined) return rival;
	}
}

function lockOf(file: string, first: Holder): Lock {
	let holder = first;
	const become = (next: Holder) => {
		replace(file, next);
		holder = next;
	};
	return {
		share: (worker, graceMs) =>
			become({ ...holder, worker, ...startOf(worker), graceMs }),
		detach: () => become({ ...holder, detached: true }),
		leave: () => {
			const { pid, worker = pid } = holder;
			become({ ...holder, pid: worker });
		},
		release: () => rmSync(file, { force: true }),
	};
}

/**
 * The lock of a detached worker whose holder is gone, and the worker; the process id of a living holder; undefined where
 * no detached worker lives.
 */
export function tryTakeOver(
	file: string,
): { readonly lock: Lock; readonly worker: ProcessId } | number | undefined {
	// Of two that come at once, one takes over and the other finds its lock.
	const turn = tryLock(`${file}.turn`);
	if (typeof turn === "number") return turn;
	try {
		const holder = readHolder(file);
		const living = livingHolder(file);
		if (holder === undefined || living === undefined) return undefined;
		if (living !== holder.worker || holder.detached !== true) return living;
		const worker = idOf(living, holder);
		if (!isSame(worker)) return undefined;
		const mine = { ...holder, pid: process.pid };
		replace(file, mine);
		return { lock: lockOf(file, mine), worker };
	} finally {
		turn.release();
	}
}

const idOf = (pid: number, { since }: Holder): ProcessId => ({
	pid,
	...(since === undefined ? {} : { since }),
});

/** Does the process live, and is it no other of the same number? */
export const isSame = ({ pid, since }: ProcessId): boolean =>
	isAlive(pid) && (since === undefined || since === startOf(pid).since);

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
		const { worker, since, graceMs, detached } = readHolder(file) ?? {};
		if (pid === undefined || pid !== worker || graceMs === undefined) return;
		if (detached) return;
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

/** Has it ended without anybody to ask how? Where nobody reaps orphans, they stay so. */
function isZombie(pid: number): boolean {
	try {
		return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
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
		return !isZombie(pid);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}
