// One worker, as long as this process attends it: its process, the link to it, its deadlines, its last lines. What it
// says is not understood here.
import { setTimeout as delay } from "node:timers/promises";
import { DetachedError } from "../errors.js";
import { adoptWorker } from "../launch/adopted.js";
import type { ProcessId } from "../launch/lock.js";
import { countOomKills } from "../launch/oom.js";
import { cacheFolder } from "../launch/paths.js";
import {
	startWorker,
	type WorkerExit,
	type WorkerProcess,
	type WorkerProgram,
} from "../launch/worker.js";
import { Link } from "../link/link.js";
import { redactor } from "../redaction.js";
import type { ControlMessage, StartControl } from "./control.generated.js";
import { checkedControl } from "./control.js";
import type { RunEvent } from "./event.generated.js";
import { fromLink, neverStarted, stalled } from "./failure.js";
import { type RunFolder, readWorkerLog, runFiles } from "./folder.js";
import type { EventBody } from "./journal.js";
import { LastLines } from "./last-lines.js";
import { Liveness, type Stall, type StallTimeouts } from "./liveness.js";
import { LogGate } from "./log-gate.js";
import { Milestone } from "./milestone.js";

export interface AttendanceOptions {
	readonly runId: string;
	/** The worker outlives this process. */
	readonly detached?: boolean;
	/** Another program than the worker, for tests of the link. */
	readonly program?: WorkerProgram;
	/** How long the worker may take to say hello. */
	readonly startTimeoutMs: number;
	/** How long an ending worker may take before it is killed. */
	readonly graceMs: number;
	/** How long a worker may be silent, or a stage not get on. */
	readonly stallTimeouts: StallTimeouts;
}

/** Whom the worker works for, as far as its life hangs on it. */
export interface Principal {
	readonly steps: number;
	/** Is there something to keep? */
	readonly hasBegun: boolean;
	/** Has the worker said its last? */
	readonly hasEnded: boolean;
	/** What the worker says, in its order, once. @throws where it cannot be that. */
	take(events: readonly unknown[], folder: RunFolder): void;
	say(event: EventBody): void;
	/** Resolves when nothing of what was taken waits for a decision. */
	settled(): Promise<void>;
}

/** How the process ended. */
export interface Ending {
	readonly exit: WorkerExit;
	readonly pid: number;
	/** Of the kernel, meanwhile. */
	readonly oomKills: number;
}

/** How long a worker may take to print its stacks, and for how long nothing follows them. */
const stacksMs = 2_000;
const quietMs = 200;

export class Attendance {
	/** Its last lines on stderr, redacted. */
	readonly stderr = new LastLines();
	readonly #options: AttendanceOptions;
	readonly #signal: AbortSignal;
	readonly #principal: Principal;
	readonly #liveness: Liveness;
	readonly #log: LogGate;
	#redact = redactor();
	#link: Link | undefined;
	#worker: WorkerProcess | undefined;
	/** What was to be told before there was a line. */
	readonly #untold: ControlMessage[] = [];
	#failure: unknown;
	/** What the worker says is not taken any more; it stands in its own log. */
	#isDeaf = false;
	readonly #greeted = new Milestone();
	/** The worker needs this process no more. */
	readonly #onItsOwn = new Milestone();
	/** This process takes no more part. */
	readonly #left = new Milestone();

	/** An abort of `signal` cancels the worker's work and ends it. */
	constructor(
		options: AttendanceOptions,
		signal: AbortSignal,
		principal: Principal,
	) {
		this.#options = options;
		this.#signal = signal;
		this.#principal = principal;
		this.#log = new LogGate((event) => principal.say(event));
		this.#liveness = new Liveness(options.stallTimeouts, (stall) =>
			this.#endStalled(stall),
		);
	}

	/** Starts a worker and attends it to its exit. @throws as `comeBack`, and where it cannot be started. */
	start(
		folder: RunFolder,
		attempt: number,
		python: string,
		message: StartControl,
	): Promise<Ending> {
		return this.#attend(folder, attempt, 0, async ({ address }) => {
			const { runId, graceMs, program, detached } = this.#options;
			const worker = await startWorker({
				python,
				...(program === undefined ? {} : { program }),
				bootstrap: {
					...address,
					runId,
					attempt,
					runFolder: folder.path,
					cacheFolder: cacheFolder(),
					graceMs,
					lease: !detached,
				},
				trackers: message.spec.tracking.map(({ kind }) => kind),
				onLine: (stream, text) => this.#sayLine(stream, text),
			});
			folder.shareWith(worker.pid, graceMs);
			if (detached) folder.detach();
			this.tell(message);
			return worker;
		});
	}

	/**
	 * Tells a detached worker where it is awaited, and attends it from event `taken + 1` to its exit.
	 *
	 * @throws {DetachedError} when this process leaves it. @throws {unknown} what made it leave.
	 */
	comeBack(
		folder: RunFolder,
		attempt: number,
		worker: ProcessId,
		taken: number,
	): Promise<Ending> {
		return this.#attend(folder, attempt, taken, ({ address }) => {
			folder.writeJson(runFiles.invitation, { ...address, attempt });
			void this.#greeted.reached.then(() => folder.remove(runFiles.invitation));
			return adoptWorker(worker);
		});
	}

	/** @throws {WorkerError} PROTOCOL_ERROR for what is no message. */
	tell(message: ControlMessage): void {
		const checked = checkedControl(message);
		if (this.#link === undefined) this.#untold.push(checked);
		else this.#link.send(checked);
	}

	/** Lets the worker go on without this process, as soon as it has connected. */
	async detach(): Promise<void> {
		await this.#greeted.reached;
		this.#worker?.detach();
		await this.#onItsOwn.reached;
		// A start or a stop that is still on its way would be lost.
		await this.#link?.heard();
		this.#leave();
	}

	/** It has done its work: it may go now, and must soon. */
	end(): void {
		void this.#worker?.end(this.#options.graceMs);
	}

	/** What the caller gets, whatever comes after it. */
	blame(error: unknown): void {
		this.#failure ??= error;
	}

	get failure(): unknown {
		return this.#failure;
	}

	get isLeft(): boolean {
		return this.#left.isReached;
	}

	/** Takes the keys of the link out of a text, and what else is secret. */
	get redact(): (text: string) => string {
		return this.#redact;
	}

	#leave(): void {
		this.#isDeaf = true;
		this.#left.reach();
	}

	async #attend(
		folder: RunFolder,
		attempt: number,
		taken: number,
		begin: (link: Link) => WorkerProcess | Promise<WorkerProcess>,
	): Promise<Ending> {
		const link = await this.#openLink(folder, attempt, taken);
		this.#link = link;
		for (const message of this.#untold.splice(0)) link.send(message);
		this.#redact = redactor([link.address.secretKey, link.address.publicKey]);
		try {
			const worker = await begin(link);
			this.#worker = worker;
			return await this.#untilExit(worker, link, folder, attempt);
		} finally {
			await link.close();
		}
	}

	async #openLink(
		folder: RunFolder,
		attempt: number,
		taken: number,
	): Promise<Link> {
		const { runId } = this.#options;
		return Link.open(
			{ runId, attempt },
			{
				onHello: () => {
					this.#greeted.reach();
					this.#liveness.start();
				},
				onEvents: (events) => {
					if (!this.#isDeaf) this.#principal.take(events, folder);
				},
				onBeat: (beat) => {
					this.#liveness.take(beat);
					if (!beat.detached || this.#onItsOwn.isReached) return;
					folder.detach();
					this.#onItsOwn.reach();
				},
				onFault: (error) => this.#fail(fromLink(error, runId)),
				onStranger: () =>
					this.#principal.say({
						type: "warning",
						code: "STRANGER_REFUSED",
						message:
							"Another process tried to connect to this run without its key and was refused.",
						data: null,
					}),
			},
			taken,
		);
	}

	async #untilExit(
		worker: WorkerProcess,
		link: Link,
		folder: RunFolder,
		attempt: number,
	): Promise<Ending> {
		const { startTimeoutMs, graceMs, runId } = this.#options;
		const oomKills = countOomKills();
		const startTimer = setTimeout(
			() => this.#endUnstarted(folder),
			startTimeoutMs,
		);
		const onCancel = () => {
			this.tell({ type: "cancel" });
			void worker.end(graceMs);
		};
		this.#signal.addEventListener("abort", onCancel);
		if (this.#signal.aborted) onCancel();
		try {
			const exit = await Promise.race([worker.exited, this.#left.reached]);
			await link.close();
			// What it could not send any more, it has written down.
			try {
				if (exit !== undefined && !this.#isDeaf)
					this.#principal.take(
						eventsOf(folder, attempt).slice(link.received),
						folder,
					);
			} finally {
				await this.#principal.settled();
			}
			this.#log.close();
			if (exit === undefined) {
				worker.release();
				throw this.#failure ?? new DetachedError(runId, folder.path);
			}
			if (this.#onItsOwn.isReached)
				for (const line of folder.readOutput())
					this.stderr.push(this.#redact(line));
			return {
				exit,
				pid: worker.pid,
				oomKills: countOomKills() - oomKills,
			};
		} finally {
			this.#liveness.stop();
			folder.remove(runFiles.invitation);
			clearTimeout(startTimer);
			this.#signal.removeEventListener("abort", onCancel);
		}
	}

	#endUnstarted(folder: RunFolder): void {
		if (this.#greeted.isReached) return;
		const { startTimeoutMs } = this.#options;
		const error = neverStarted(startTimeoutMs, this.stderr.last);
		if (folder.worker === undefined) this.#kill(error);
		else {
			// It may be held for a while, and has work of its own.
			this.blame(error);
			this.#leave();
		}
	}

	/** Something broke on this side of the line, or on it: what was trained is still saved, by the worker alone. */
	#fail(error: unknown): void {
		this.blame(error);
		this.#isDeaf = true;
		const { hasBegun } = this.#principal;
		if (hasBegun) this.#worker?.abandon();
		void this.#worker?.end(hasBegun ? this.#options.graceMs : 0);
	}

	/** The worker itself does not work any more. */
	#kill(error: unknown): void {
		this.blame(error);
		void this.#worker?.end(0);
	}

	async #endStalled(stall: Stall): Promise<void> {
		const worker = this.#worker;
		if (worker === undefined || this.#principal.hasEnded) return;
		const isStopped = worker.isStopped();
		const stacks = isStopped ? undefined : await this.#stacksOf(worker);
		const { steps } = this.#principal;
		const { runId } = this.#options;
		this.#kill(stalled(stall, isStopped, steps, stacks, this.stderr, runId));
	}

	async #stacksOf(worker: WorkerProcess): Promise<string | undefined> {
		const before = this.stderr.count;
		const deadline = performance.now() + stacksMs;
		worker.printStacks();
		for (let seen = -1; performance.now() < deadline; ) {
			await delay(quietMs);
			if (this.stderr.count === seen) break;
			if (this.stderr.count > before) seen = this.stderr.count;
		}
		return this.stderr.stacks(before);
	}

	#sayLine(stream: "stdout" | "stderr", text: string): void {
		const clean = this.#redact(text);
		if (stream === "stderr") this.stderr.push(clean);
		try {
			this.#log.take(stream, clean);
		} catch (error) {
			this.#fail(error);
		}
	}
}

/** What the worker of an attempt has written down. */
const eventsOf = (folder: RunFolder, attempt: number): readonly RunEvent[] =>
	readWorkerLog(folder.path).filter((event) => event.attempt === attempt);
