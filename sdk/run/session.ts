// One attempt at a run, from the environment to the result: starts the worker, keeps what it says, has it answered.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { materialize, type RowsInput } from "../data/materialize.js";
import { CanceledError, DetachedError } from "../errors.js";
import { deliver, isDelivered } from "../export/deliver.js";
import { adoptWorker } from "../launch/adopted.js";
import {
	ensureEnvironment,
	type InstallProgress,
} from "../launch/environment.js";
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
import type { OwnMetric } from "../metrics/index.js";
import { redactor } from "../redaction.js";
import { extrasOf } from "../spec/extras.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import type { Conclusion } from "./conclusion.js";
import type {
	ControlMessage,
	EvaluateTask,
	Task,
} from "./control.generated.js";
import { checkedControl } from "./control.js";
import { Director } from "./director.js";
import type { EndEvent, RunEvent } from "./event.generated.js";
import {
	crashed,
	fromEnd,
	fromLink,
	neverStarted,
	stalled,
	toEnd,
	vanished,
} from "./failure.js";
import {
	RunFolder,
	readPredictions,
	readWorkerLog,
	runFiles,
} from "./folder.js";
import { currentEvents, type History, readHistory } from "./history.js";
import { demandOrder, isEvent, RunJournal } from "./journal.js";
import { evaluateKept } from "./kept-weights.js";
import { LastLines } from "./last-lines.js";
import { Liveness, type Stall, type StallTimeouts } from "./liveness.js";
import { LogGate } from "./log-gate.js";
import { Milestone } from "./milestone.js";
import { checkpointFolder, promote } from "./promotion.js";
import type { EventStream } from "./stream.js";

/** How a run is carried out; what is trained is the spec's matter. */
export interface SessionOptions {
	readonly runId: string;
	readonly spec: ResolvedSpec;
	/** Rows of the program, which the spec expects in `data/<split>` of the run folder. */
	readonly rows?: Readonly<Record<string, RowsInput>>;
	readonly folder: string;
	/** Goes on with the run that is in the folder. */
	readonly resumes?: boolean;
	/** Comes back to the detached run that is in the folder. */
	readonly attaches?: boolean;
	/** The worker outlives this process. */
	readonly detached?: boolean;
	/** Scores weights as they are; training when left out. */
	readonly task?: EvaluateTask;
	readonly python: string | undefined;
	readonly wheels: string | undefined;
	readonly metrics: Readonly<Record<string, OwnMetric>>;
	/** Another program than the worker, for tests of the link. */
	readonly program?: WorkerProgram;
	/** How long the worker may take to say hello. */
	readonly startTimeoutMs: number;
	/** How long an ending worker may take before it is killed. */
	readonly graceMs: number;
	/** How long a worker may be silent, or a stage not get on. */
	readonly stallTimeouts: StallTimeouts;
}

/** How long a worker may take to print its stacks, and for how long nothing follows them. */
const stacksMs = 2_000;
const quietMs = 200;

export class Session<Result> {
	readonly #options: SessionOptions;
	readonly #resultOf: (conclusion: Conclusion) => Result;
	readonly #stream: EventStream;
	#attempt = 1;
	readonly #cancel = new AbortController();
	readonly #stderr = new LastLines();
	readonly #liveness: Liveness;
	readonly #log = new LogGate((event) => this.#journal?.say(event));
	#redact = redactor();
	#journal: RunJournal | undefined;
	#director: Director | undefined;
	#link: Link | undefined;
	/** What was to be told before there was a line. */
	readonly #untold: ControlMessage[] = [];
	#worker: WorkerProcess | undefined;
	#directing: Promise<void> = Promise.resolve();
	#steps = 0;
	#end: EndEvent | undefined;
	/** The worker's end, kept back until all is decided and handed over: nothing follows an end. */
	#lastWords: EndEvent | undefined;
	#python = "";
	#failure: unknown;
	/** What the worker says is not taken any more; it stands in its own log. */
	#isDeaf = false;
	readonly #opened = new Milestone();
	readonly #greeted = new Milestone();
	/** The worker needs this process no more. */
	readonly #onItsOwn = new Milestone();
	/** This process takes no more part. */
	readonly #left = new Milestone();

	constructor(
		options: SessionOptions,
		resultOf: (conclusion: Conclusion) => Result,
		stream: EventStream,
	) {
		this.#options = options;
		this.#resultOf = resultOf;
		this.#stream = stream;
		this.#liveness = new Liveness(options.stallTimeouts, (stall) =>
			this.#endStalled(stall),
		);
	}

	/** The whole attempt. It leaves no process behind, and before the first step no file either, or what was there. */
	async conduct(): Promise<Result> {
		const startedAt = Date.now();
		const folder = await this.#openFolder();
		this.#opened.reach();
		try {
			const trained = await this.#train(folder);
			const { end, delivered } = await this.#handOver(folder, trained);
			const seconds = (Date.now() - startedAt) / 1000;
			const scores = (this.#director as Director).result(end);
			const result = this.#resultOf({ end, scores, delivered, seconds });
			folder.writeJson(runFiles.result, result);
			await this.#writeReport();
			folder.close();
			return result;
		} catch (error) {
			if (this.#left.isReached) {
				folder.leave();
				throw error;
			}
			if (this.#end === undefined || this.#lastWords !== undefined)
				this.#sayEnd(error);
			if (this.#steps === 0) folder.discard();
			else {
				// Whoever cancels wants an end; of what failed a person wants to see how far it came.
				if (!(error instanceof CanceledError)) await this.#writeReport();
				folder.close();
			}
			throw error;
		}
	}

	/** Whatever cannot be written any more must not hide why. */
	#sayEnd(error: unknown): void {
		try {
			this.#journal?.say(toEnd(error, this.#steps, this.#redact));
		} catch {}
	}

	/** Resolves when the run folder is this session's. */
	get opened(): Promise<void> {
		return this.#opened.reached;
	}

	/** Has a step been made? Before that there is nothing to keep. What was come back to may have made one unseen. */
	get hasBegun(): boolean {
		return this.#steps > 0 || this.#options.attaches === true;
	}

	tell(message: ControlMessage): void {
		const checked = checkedControl(message);
		if (this.#link === undefined) this.#untold.push(checked);
		else this.#link.send(checked);
	}

	cancel(reason: unknown): void {
		this.#cancel.abort(reason ?? "canceled");
	}

	/** Lets the worker go on without this process, as soon as it has connected; the session ends with a `DetachedError`. */
	async detach(): Promise<void> {
		await this.#greeted.reached;
		this.#worker?.detach();
		await this.#onItsOwn.reached;
		// A start or a stop that is still on its way would be lost.
		await this.#link?.heard();
		this.#leave();
	}

	#leave(): void {
		this.#isDeaf = true;
		this.#left.reach();
	}

	async #openFolder(): Promise<RunFolder> {
		const { runId, folder, resumes = false, attaches = false } = this.#options;
		const { signal } = this.#cancel;
		try {
			if (attaches) return await RunFolder.attach(folder, signal);
			if (resumes) return await RunFolder.reopen(folder, signal);
			return RunFolder.create(folder);
		} catch (error) {
			throw signal.aborted ? new CanceledError(signal.reason, runId) : error;
		}
	}

	async #train(folder: RunFolder): Promise<EndEvent> {
		const { runId, spec, task, metrics, attaches } = this.#options;
		const history = readHistory(folder.path);
		const { attempt, events, unread } = history;
		this.#attempt = attaches ? attempt : attempt + 1;
		const journal = new RunJournal(
			runId,
			this.#attempt,
			folder,
			this.#stream,
			events.at(-1)?.seq ?? 0,
		);
		this.#journal = journal;
		const director = new Director(spec, metrics, {
			say: (event) => journal.say(event),
			tell: (message) => this.tell(message),
			file: (evaluationId, predictions) =>
				folder.writePredictions(evaluationId, predictions),
			recall: (evaluationId) => readPredictions(folder.path, evaluationId),
		});
		this.#director = director;
		if (attaches) return this.#comeBack(folder, director, history);
		director.restore(currentEvents([...events, ...journal.relay(unread)]));
		folder.writeJson(runFiles.spec, spec);
		if (task !== undefined) folder.writeJson(runFiles.evaluation, task);
		await this.#writeRows(folder);
		const python = await this.#findPython();
		return this.#follow(folder, 0, () => this.#startWorker(folder, python));
	}

	/** Goes on where the SDK before this one left off: with a worker that lives, or with what one has left. */
	async #comeBack(
		folder: RunFolder,
		director: Director,
		{ events, unread, taken }: History,
	): Promise<EndEvent> {
		const { runId } = this.#options;
		director.restore(currentEvents(events));
		this.#steps = currentEvents(events).reduce(
			(last, event) => (event.type === "step" ? event.step : last),
			0,
		);
		this.#direct(() => director.catchUp());
		const { worker } = folder;
		if (worker !== undefined)
			return this.#follow(folder, taken, () => this.#invite(folder, worker));
		this.#takeEvents(unread, folder);
		await this.#directing;
		if (this.#end === undefined)
			throw vanished(this.#steps, runId, folder.readOutput());
		return this.#verdict({ exitCode: null, signal: null }, 0, 0);
	}

	/** Made once, however often it is asked for. */
	async #findPython(): Promise<string> {
		if (this.#python !== "") return this.#python;
		const { spec, python, wheels } = this.#options;
		const environment = await this.#unlessCanceled(
			ensureEnvironment({
				...(python === undefined ? {} : { python }),
				...(wheels === undefined ? {} : { wheels }),
				extras: extrasOf(spec),
				signal: this.#cancel.signal,
				onProgress: (progress) => this.#sayInstall(progress),
				onNotice: (message) =>
					this.#journal?.say({
						type: "warning",
						code: "PROJECT_PYTHON_UNUSED",
						message,
						data: null,
					}),
			}),
		);
		this.#python = environment.python;
		return this.#python;
	}

	async #writeRows(folder: RunFolder): Promise<void> {
		const { rows = {}, runId } = this.#options;
		const { signal } = this.#cancel;
		for (const [split, own] of Object.entries(rows)) {
			const target = join(folder.path, "data", split);
			try {
				await materialize(own, target, { signal });
			} catch (error) {
				throw signal.aborted ? new CanceledError(signal.reason, runId) : error;
			}
		}
	}

	async #openLink(folder: RunFolder, taken: number): Promise<Link> {
		const { runId } = this.#options;
		return Link.open(
			{ runId, attempt: this.#attempt },
			{
				onHello: () => {
					this.#greeted.reach();
					this.#liveness.start();
				},
				onEvents: (events) => {
					if (!this.#isDeaf) this.#takeEvents(events, folder);
				},
				onBeat: (beat) => {
					this.#liveness.take(beat);
					if (!beat.detached || this.#onItsOwn.isReached) return;
					folder.detach();
					this.#onItsOwn.reach();
				},
				onFault: (error) => this.#fail(fromLink(error, runId)),
				onStranger: () =>
					this.#journal?.say({
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

	async #startWorker(
		folder: RunFolder,
		python: string,
	): Promise<WorkerProcess> {
		const { runId, spec, graceMs, program, detached } = this.#options;
		const worker = await startWorker({
			python,
			...(program === undefined ? {} : { program }),
			bootstrap: {
				...this.#link?.address,
				runId,
				attempt: this.#attempt,
				runFolder: folder.path,
				cacheFolder: cacheFolder(),
				graceMs,
				lease: !detached,
			},
			trackers: spec.tracking.map(({ kind }) => kind),
			onLine: (stream, text) => this.#sayLine(stream, text),
		});
		folder.shareWith(worker.pid, graceMs);
		if (detached) folder.detach();
		this.tell({ type: "start", spec, task: this.#task });
		return worker;
	}

	/** Tells a detached worker where it is awaited. */
	#invite(folder: RunFolder, id: ProcessId): WorkerProcess {
		const invitation = { ...this.#link?.address, attempt: this.#attempt };
		folder.writeJson(runFiles.invitation, invitation);
		void this.#greeted.reached.then(() => folder.remove(runFiles.invitation));
		return adoptWorker(id);
	}

	/** From when the worker is there to its exit, where everything is known, or to when this process leaves it. */
	async #follow(
		folder: RunFolder,
		taken: number,
		begin: () => WorkerProcess | Promise<WorkerProcess>,
	): Promise<EndEvent> {
		const link = await this.#openLink(folder, taken);
		this.#link = link;
		for (const message of this.#untold.splice(0)) link.send(message);
		this.#redact = redactor([link.address.secretKey, link.address.publicKey]);
		try {
			return await this.#untilExit(folder, await begin());
		} finally {
			await link.close();
		}
	}

	async #untilExit(
		folder: RunFolder,
		worker: WorkerProcess,
	): Promise<EndEvent> {
		const { startTimeoutMs, graceMs } = this.#options;
		this.#worker = worker;
		const oomKills = countOomKills();
		const startTimer = setTimeout(() => {
			if (this.#greeted.isReached) return;
			const error = neverStarted(startTimeoutMs, this.#stderr.last);
			if (folder.worker === undefined) this.#kill(error);
			else {
				// It may be held for a while, and has work of its own.
				this.#failure ??= error;
				this.#leave();
			}
		}, startTimeoutMs);
		const onCancel = () => {
			this.tell({ type: "cancel" });
			void worker.end(graceMs);
		};
		const { signal } = this.#cancel;
		signal.addEventListener("abort", onCancel);
		if (signal.aborted) onCancel();
		try {
			const exit = await Promise.race([worker.exited, this.#left.reached]);
			await this.#link?.close();
			if (exit === undefined) return await this.#goWithout(folder, worker);
			// What it could not send any more, it has written down.
			if (!this.#isDeaf) this.#takeEvents(this.#unreceived(folder), folder);
			await this.#directing;
			this.#log.close();
			if (this.#onItsOwn.isReached)
				for (const line of folder.readOutput())
					this.#stderr.push(this.#redact(line));
			return this.#verdict(exit, worker.pid, countOomKills() - oomKills);
		} finally {
			this.#liveness.stop();
			folder.remove(runFiles.invitation);
			clearTimeout(startTimer);
			signal.removeEventListener("abort", onCancel);
		}
	}

	/** Decides what is there to decide, and leaves. */
	async #goWithout(folder: RunFolder, worker: WorkerProcess): Promise<never> {
		await this.#directing;
		this.#log.close();
		worker.release();
		throw this.#failure ?? new DetachedError(this.#options.runId, folder.path);
	}

	get #task(): Task {
		const scored = this.#director?.decided ?? [];
		const resume = this.#attempt === 1 ? null : { scored };
		return this.#options.task ?? { kind: "train", resume };
	}

	#unreceived(folder: RunFolder): readonly RunEvent[] {
		return readWorkerLog(folder.path)
			.filter(({ attempt }) => attempt === this.#attempt)
			.slice(this.#link?.received ?? 0);
	}

	#verdict(exit: WorkerExit, pid: number, oomKills: number): EndEvent {
		const { signal } = this.#cancel;
		const { runId } = this.#options;
		if (this.#failure !== undefined) throw this.#failure;
		if (signal.aborted) throw new CanceledError(signal.reason, runId);
		if (this.#end === undefined)
			throw crashed(exit, pid, this.#steps, this.#stderr, oomKills, runId);
		if (this.#end.error !== null) throw fromEnd(this.#end.error, runId);
		if (this.#end.adapter === null && this.#options.task === undefined)
			throw new CanceledError("stopped before the first step", runId);
		return this.#end;
	}

	#takeEvents(events: readonly unknown[], folder: RunFolder): void {
		demandOrder(
			events,
			{ ...this.#options, attempt: this.#attempt },
			this.#end,
		);
		const last = events.at(-1);
		const held = this.#options.task === undefined && isGoodEnd(last);
		for (const event of this.#journal?.relay(
			held ? events.slice(0, -1) : events,
		) ?? [])
			this.#note(event, folder);
		if (!held) return;
		this.#lastWords = this.#end = last;
		void this.#worker?.end(this.#options.graceMs);
	}

	/** What is left to do of a run that has ended well, before its end is told. */
	async #handOver(
		folder: RunFolder,
		trained: EndEvent,
	): Promise<Pick<Conclusion, "end" | "delivered">> {
		const nothing = { merged: null, hub: null };
		if (this.#lastWords === undefined)
			return { end: trained, delivered: nothing };
		const { output } = this.#options.spec;
		const end = await this.#unlessCanceled(
			this.#keepBest(folder, this.#lastWords),
		);
		const delivered =
			end.status === "completed" && isDelivered(output)
				? await this.#unlessCanceled(
						deliver(folder.path, end.keptStep, output, {
							python: await this.#findPython(),
							signal: this.#cancel.signal,
							say: (event) => this.#journal?.say(event),
						}),
					)
				: nothing;
		this.#lastWords = undefined;
		this.#journal?.relay([end]);
		return { end, delivered };
	}

	/** The worker has kept, and put to the test, what was best by the scores that it had. */
	async #keepBest(folder: RunFolder, end: EndEvent): Promise<EndEvent> {
		const best = this.#director?.bestStep;
		if (best === undefined || best === end.keptStep || end.adapter === null)
			return end;
		const warn = (code: string, message: string) =>
			this.#journal?.say({
				type: "warning",
				code,
				message: `The scores came so late that the worker kept step ${end.keptStep}. ${message}`,
				data: { kept: end.keptStep, best },
			});
		try {
			promote(checkpointFolder(folder.path, best), end.adapter);
		} catch (error) {
			warn(
				"BEST_NOT_KEPT",
				`The weights of step ${best}, the best one, stay in its checkpoint: ${(error as Error).message}`,
			);
			return end;
		}
		const said = `The weights of step ${best}, the best one, have taken its place`;
		try {
			if (end.status === "completed")
				await this.#evaluateKept(folder, best, end.adapter);
			warn("BEST_DECIDED_LATE", `${said}.`);
		} catch (error) {
			if (this.#cancel.signal.aborted) throw error;
			warn(
				"BEST_DECIDED_LATE",
				`${said}; the test split was not evaluated with them: ${(error as Error).message}`,
			);
		}
		return { ...end, keptStep: best };
	}

	/** What the worker would have evaluated at its end, had it known which weights are kept. */
	async #evaluateKept(
		folder: RunFolder,
		step: number,
		weights: string,
	): Promise<void> {
		const python = await this.#findPython();
		const options = { ...this.#options, python };
		const said = await evaluateKept(options, folder.path, step, weights, {
			signal: this.#cancel.signal,
			conduct: (inner, stream) => new Session(inner, () => null, stream),
		});
		const mine = said.map((event) => ({ ...event, attempt: this.#attempt }));
		for (const event of this.#journal?.relay(mine) ?? [])
			await this.#director?.take(event);
	}

	/** A page that cannot be drawn is no reason to lose a run. */
	async #writeReport(): Promise<void> {
		if (!this.#options.spec.output.report || this.#options.task) return;
		try {
			const { report } = await import("../report/report.js");
			await report(this.#options.folder);
		} catch (error) {
			process.emitWarning(
				`report.html was not written: ${error}`,
				"CaptuneReportWarning",
			);
		}
	}

	#note(event: RunEvent, folder: RunFolder): void {
		if (event.type === "step") this.#steps = event.step;
		if (event.type === "checkpoint" && event.state === "loaded")
			this.#steps = event.step;
		if (event.type === "ready")
			folder.writeJson(runFiles.environment, {
				node: process.versions.node,
				...event.versions,
				device: event.device,
			});
		if (event.type === "end") {
			this.#end = event;
			void this.#worker?.end(this.#options.graceMs);
		}
		this.#direct(() => this.#director?.take(event));
	}

	/** One after the other: a decision rests on those before it. */
	#direct(work: () => Promise<void> | undefined): void {
		this.#directing = this.#directing.then(work).catch((error) => {
			this.#failure ??= error;
			this.tell({ type: this.hasBegun ? "stop" : "cancel" });
		});
	}

	/** Something broke on this side of the line, or on it: what was trained is still saved, by the worker alone. */
	#fail(error: unknown): void {
		this.#failure ??= error;
		this.#isDeaf = true;
		if (this.hasBegun) this.#worker?.abandon();
		void this.#worker?.end(this.hasBegun ? this.#options.graceMs : 0);
	}

	/** The worker itself does not work any more. */
	#kill(error: unknown): void {
		this.#failure ??= error;
		void this.#worker?.end(0);
	}

	async #endStalled(stall: Stall): Promise<void> {
		const worker = this.#worker;
		if (worker === undefined || this.#end !== undefined) return;
		const isStopped = worker.isStopped();
		const stacks = isStopped ? undefined : await this.#stacksOf(worker);
		const { runId } = this.#options;
		this.#kill(
			stalled(stall, isStopped, this.#steps, stacks, this.#stderr, runId),
		);
	}

	async #stacksOf(worker: WorkerProcess): Promise<string | undefined> {
		const before = this.#stderr.count;
		const deadline = performance.now() + stacksMs;
		worker.printStacks();
		for (let seen = -1; performance.now() < deadline; ) {
			await delay(quietMs);
			if (this.#stderr.count === seen) break;
			if (this.#stderr.count > before) seen = this.#stderr.count;
		}
		return this.#stderr.stacks(before);
	}

	#sayInstall({ state, doneBytes, totalBytes, message }: InstallProgress) {
		this.#journal?.say({
			type: "stage",
			stage: "install",
			state,
			done: doneBytes,
			total: totalBytes,
			unit: "bytes",
			message: message || null,
		});
	}

	#sayLine(stream: "stdout" | "stderr", text: string): void {
		const clean = this.#redact(text);
		if (stream === "stderr") this.#stderr.push(clean);
		try {
			this.#log.take(stream, clean);
		} catch (error) {
			this.#fail(error);
		}
	}

	async #unlessCanceled<T>(work: Promise<T>): Promise<T> {
		const { signal } = this.#cancel;
		try {
			const value = await work;
			signal.throwIfAborted();
			return value;
		} catch (error) {
			throw signal.aborted
				? new CanceledError(signal.reason, this.#options.runId)
				: error;
		}
	}
}

/** Is it the end of a run that has done its steps, or was stopped? */
const isGoodEnd = (event: unknown): event is EndEvent =>
	isEvent(event) &&
	event.type === "end" &&
	(event.status === "completed" || event.status === "stopped");
