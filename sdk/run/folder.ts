// The run folder: everything needed to reopen, audit and rerun a run without the process that made it.
import {
	closeSync,
	existsSync,
	fstatSync,
	fsyncSync,
	ftruncateSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmdirSync,
	rmSync,
	statfsSync,
	truncateSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { diskCode, InputError } from "../errors.js";
import {
	clearOrphan,
	type Lock,
	type ProcessId,
	tryLock,
	tryTakeOver,
} from "../launch/lock.js";
import type { RunEvent } from "./event.generated.js";
import type { ScoredPrediction } from "./scorer.js";

/** Names inside a run folder. */
export const runFiles = {
	spec: "spec.json",
	/** Of an evaluation by itself: which weights. */
	evaluation: "evaluation.json",
	environment: "environment.json",
	events: "events.jsonl",
	worker: "worker.jsonl",
	predictions: "predictions",
	result: "result.json",
	report: "report.html",
	charts: "charts",
	lock: "run.lock",
	/** What a detached worker prints. */
	output: "worker.log",
	/** Where a detached worker is awaited; there only until it has come. */
	invitation: "attach.json",
} as const;

/** What `discard` removes: a folder that was made and everything in it, what is in a folder that was there, or nothing. */
type Origin = { readonly made: string } | "empty" | "reopened";

/** Read of what a detached worker has printed. */
const outputBytes = 64 * 1024;

/**
 * `mkdir -p`, one folder after the other: Node's own loops for ever where mkdir says ENOENT in a parent that is there, as
 * in /proc.
 *
 * @returns the first folder that was made; undefined where all were there.
 */
const makeFolders = (path: string): string | undefined => {
	const missing: string[] = [];
	for (let one = resolve(path); !existsSync(one); one = dirname(one))
		missing.unshift(one);
	const made: string[] = [];
	for (const one of missing) {
		try {
			mkdirSync(one, { mode: 0o700 });
			made.unshift(one);
		} catch (error) {
			// Another process was faster.
			if (existsSync(one)) continue;
			for (const empty of made) removeIfEmpty(empty);
			throw error;
		}
	}
	return made.at(-1);
};

/** A folder that another process has put something in stays. */
const removeIfEmpty = (folder: string) => {
	try {
		rmdirSync(folder);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code !== "ENOTEMPTY" && code !== "ENOENT") throw error;
	}
};

export class RunFolder {
	readonly path: string;
	/** The detached worker that is at work here, as it was found. */
	readonly worker: ProcessId | undefined;
	readonly #origin: Origin;
	readonly #lock: Lock;
	readonly #events: number;
	/** Bytes of whole events. */
	#size: number;

	/**
	 * Makes the folder and takes its lock.
	 *
	 * @throws {InputError} OUTPUT_UNWRITABLE, OUTPUT_EXISTS where something is in it, RUN_LOCKED.
	 */
	static create(path: string): RunFolder {
		try {
			const made = makeFolders(path);
			const lock = tryLock(join(path, runFiles.lock));
			if (typeof lock === "number")
				throw locked(
					path,
					lock,
					"Wait for it, or choose another output.folder.",
				);
			const others = readdirSync(path).filter((name) => name !== runFiles.lock);
			if (others.length > 0) {
				lock.release();
				throw new InputError(
					"OUTPUT_EXISTS",
					`The run folder ${path} is not empty. Choose another output.folder, or remove it first.`,
					{ data: { folder: path } },
				);
			}
			return new RunFolder(path, made === undefined ? "empty" : { made }, lock);
		} catch (error) {
			throw unwritable(path, error, "Choose another output.folder.");
		}
	}

	/**
	 * Takes the lock of a folder that holds a run, and cuts a torn last line of its events. The worker of a process that
	 * died is waited for, as it still saves what it has, and killed when it takes longer than it may.
	 *
	 * @throws {InputError} OUTPUT_UNWRITABLE, RUN_LOCKED.
	 */
	static async reopen(path: string, signal: AbortSignal): Promise<RunFolder> {
		const file = join(path, runFiles.lock);
		await clearOrphan(file, signal);
		try {
			const lock = tryLock(file);
			if (typeof lock === "number")
				throw locked(
					path,
					lock,
					"Wait for it, or attach(folder) where it is a detached worker.",
				);
			cutTornLine(join(path, runFiles.events));
			return new RunFolder(path, "reopened", lock);
		} catch (error) {
			throw unwritable(path, error, "Make it writable.");
		}
	}

	/**
	 * Takes over a folder from an SDK that is gone: with its detached worker, or with what that one has left.
	 *
	 * @throws {InputError} OUTPUT_UNWRITABLE, RUN_LOCKED.
	 */
	static async attach(path: string, signal: AbortSignal): Promise<RunFolder> {
		try {
			const found = tryTakeOver(join(path, runFiles.lock));
			if (typeof found === "number")
				throw locked(path, found, "Only one process can be attached.");
			if (found === undefined) return await RunFolder.reopen(path, signal);
			cutTornLine(join(path, runFiles.events));
			return new RunFolder(path, "reopened", found.lock, found.worker);
		} catch (error) {
			throw unwritable(path, error, "Make it writable.");
		}
	}

	private constructor(
		path: string,
		origin: Origin,
		lock: Lock,
		worker?: ProcessId,
	) {
		this.path = path;
		this.worker = worker;
		this.#origin = origin;
		this.#lock = lock;
		this.#events = openSync(join(path, runFiles.events), "a", 0o600);
		this.#size = fstatSync(this.#events).size;
	}

	/**
	 * Appends events, all or none; `durable`: the disk has them on return.
	 *
	 * @throws {InputError} DISK_FULL, OUTPUT_UNWRITABLE; as every method that writes.
	 */
	append(events: readonly RunEvent[], durable: boolean): void {
		const bytes = Buffer.from(
			events.map((event) => `${JSON.stringify(event)}\n`).join(""),
		);
		this.#writing(() => {
			try {
				for (let at = 0; at < bytes.length; )
					at += writeSync(this.#events, bytes, at);
				if (durable) fsyncSync(this.#events);
				this.#size += bytes.length;
			} catch (error) {
				// Half a line in the middle of a log would spoil all of it.
				ftruncateSync(this.#events, this.#size);
				throw error;
			}
		});
	}

	/** Names the worker: the folder is in use until it, too, is gone, for which it has `graceMs`. */
	shareWith(worker: number, graceMs: number): void {
		this.#lock.share(worker, graceMs);
	}

	/** The worker goes on without this process: another one may take over as soon as this one is gone. */
	detach(): void {
		this.#lock.detach();
	}

	/** Closes, and leaves the folder to its detached worker. */
	leave(): void {
		closeSync(this.#events);
		this.#lock.leave();
	}

	/** The last lines that a detached worker has printed. */
	readOutput(): string[] {
		const file = join(this.path, runFiles.output);
		if (!existsSync(file)) return [];
		const bytes = readFileSync(file).subarray(-outputBytes);
		return bytes.toString("utf8").trimEnd().split("\n");
	}

	/** Removes a file that may be gone already. */
	remove(name: string): void {
		rmSync(join(this.path, name), { force: true });
	}

	/** Writes a JSON file whole or not at all. */
	writeJson(name: string, value: unknown): void {
		this.writeText(name, `${JSON.stringify(value, null, 2)}\n`);
	}

	/** Writes the scored answers of an evaluation, one a line. */
	writePredictions(
		evaluationId: string,
		predictions: readonly ScoredPrediction[],
	): void {
		if (predictions.length === 0) return;
		this.#writing(() =>
			mkdirSync(join(this.path, runFiles.predictions), { recursive: true }),
		);
		this.writeText(
			join(runFiles.predictions, `${evaluationId}.jsonl`),
			predictions.map((one) => `${JSON.stringify(one)}\n`).join(""),
		);
	}

	/** Writes a file whole or not at all. */
	writeText(name: string, text: string): void {
		const file = join(this.path, name);
		this.#writing(() => {
			try {
				writeFileSync(`${file}.partial`, text, { mode: 0o600 });
				renameSync(`${file}.partial`, file);
			} catch (error) {
				rmSync(`${file}.partial`, { force: true });
				throw error;
			}
		});
	}

	/** Releases the folder, whatever its disk says. */
	close(): void {
		try {
			fsyncSync(this.#events);
		} catch {} // what had to be on the disk has been told long ago
		closeSync(this.#events);
		try {
			this.#lock.release();
		} catch {} // stale as soon as this process is gone
	}

	#writing(work: () => void): void {
		try {
			work();
		} catch (error) {
			throw unwritable(
				this.path,
				error,
				"The run can be resumed from its newest checkpoint when that is mended.",
			);
		}
	}

	/** Closes and leaves nothing behind: the run never began. What earlier attempts left stays. */
	discard(): void {
		this.close();
		if (this.#origin === "reopened") return;
		for (const name of existsSync(this.path) ? readdirSync(this.path) : [])
			rmSync(join(this.path, name), { recursive: true, force: true });
		if (this.#origin === "empty") return;
		// Another run may have begun below a folder that this one made.
		const { made } = this.#origin;
		for (let one = this.path; one.startsWith(made); one = dirname(one))
			removeIfEmpty(one);
	}
}

/** The scored answers of one evaluation of a run folder, in the order of the rows. */
export function readPredictions(
	folder: string,
	evaluationId: string,
): readonly ScoredPrediction[] {
	const file = join(folder, runFiles.predictions, `${evaluationId}.jsonl`);
	return existsSync(file) ? readJsonLines(file) : [];
}

function locked(path: string, holder: number, remedy: string): InputError {
	return new InputError(
		"RUN_LOCKED",
		`The run folder ${path} is in use by process ${holder}. ${remedy}`,
		{ data: { folder: path, pid: holder } },
	);
}

/** The error as the caller gets it; one that says already what is wrong stays. */
function unwritable(path: string, error: unknown, remedy: string): unknown {
	if (InputError.isInstance(error)) return error;
	const code = diskCode(error);
	return new InputError(
		code,
		`The run folder ${path} cannot be written: ${(error as Error).message}. ${remedy}`,
		{
			cause: error,
			...(code === "DISK_FULL" ? { data: { freeBytes: freeBytes(path) } } : {}),
			issues: [
				{
					path: "output.folder",
					value: path,
					reason: "cannot be written",
					remedy,
				},
			],
		},
	);
}

function freeBytes(path: string): number | null {
	try {
		const { bavail, bsize } = statfsSync(path);
		return bavail * bsize;
	} catch {
		return null;
	}
}

/** Every event of a run so far; a torn last line is left out. */
export const readEventLog = (folder: string): RunEvent[] =>
	readJsonLines(join(folder, runFiles.events));

/** What the workers of all attempts wrote down; a torn last line is left out. */
export function readWorkerLog(folder: string): RunEvent[] {
	const file = join(folder, runFiles.worker);
	return existsSync(file) ? readJsonLines(file) : [];
}

function cutTornLine(file: string): void {
	const bytes = readFileSync(file);
	const end = bytes.lastIndexOf("\n") + 1;
	if (end < bytes.length) truncateSync(file, end);
}

/** The lines of a JSON Lines file. A torn last one, of a process that died while writing, does not count. */
export function readJsonLines<Line>(file: string): Line[] {
	const lines = readFileSync(file, "utf8").split("\n");
	lines.pop();
	return lines.map((line) => JSON.parse(line));
}
