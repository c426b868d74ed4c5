// One attempt at a run, from the environment to the result: has a worker attended, keeps what it says, has it answered.
import { join } from "node:path";
import { materialize, type RowsInput } from "../data/materialize.js";
import { CanceledError } from "../errors.js";
import { deliver, isDelivered } from "../export/deliver.js";
import {
	ensureEnvironment,
	type InstallProgress,
} from "../launch/environment.js";
import type { OwnMetric } from "../metrics/index.js";
import { extrasOf } from "../spec/extras.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import {
	Attendance,
	type AttendanceOptions,
	type Ending,
} from "./attendance.js";
import type { Conclusion } from "./conclusion.js";
import type {
	ControlMessage,
	EvaluateTask,
	Task,
} from "./control.generated.js";
import { Director } from "./director.js";
import type { EndEvent, RunEvent } from "./event.generated.js";
import { crashed, fromEnd, toEnd, vanished } from "./failure.js";
import { RunFolder, readPredictions, runFiles } from "./folder.js";
import { currentEvents, type History, readHistory } from "./history.js";
import { hear, RunJournal } from "./journal.js";
import { evaluateKept } from "./kept-weights.js";
import { Milestone } from "./milestone.js";
import { checkpointFolder, promote } from "./promotion.js";
import type { EventStream } from "./stream.js";

/** How a run is carried out; what is trained is the spec's matter. */
export interface SessionOptions extends AttendanceOptions {
	readonly spec: ResolvedSpec;
	/** Rows of the program, which the spec expects in `data/<split>` of the run folder. */
	readonly rows?: Readonly<Record<string, RowsInput>>;
	readonly folder: string;
	/** Goes on with the run that is in the folder. */
	readonly resumes?: boolean;
	/** Comes back to the detached run that is in the folder. */
	readonly attaches?: boolean;
	/** Scores weights as they are; training when left out. */
	readonly task?: EvaluateTask;
	readonly python: string | undefined;
	readonly wheels: string | undefined;
	readonly metrics: Readonly<Record<string, OwnMetric>>;
}

export class Session<Result> {
	readonly #options: SessionOptions;
	readonly #resultOf: (conclusion: Conclusion) => Result;
	readonly #stream: EventStream;
	#attempt = 1;
	readonly #cancel = new AbortController();
	readonly #attendance: Attendance;
	#journal: RunJournal | undefined;
	#director: Director | undefined;
	#directing: Promise<void> = Promise.resolve();
	#steps = 0;
	#end: EndEvent | undefined;
	/** The worker's end, kept back until all is decided and handed over: nothing follows an end. */
	#lastWords: EndEvent | undefined;
	#python = "";
	readonly #opened = new Milestone();

	constructor(
		options: SessionOptions,
		resultOf: (conclusion: Conclusion) => Result,
		stream: EventStream,
	) {
		this.#options = options;
		this.#resultOf = resultOf;
		this.#stream = stream;
		const session = this;
		this.#attendance = new Attendance(options, this.#cancel.signal, {
			get steps() {
				return session.#steps;
			},
			get hasBegun() {
				return session.hasBegun;
			},
			get hasEnded() {
				return session.#end !== undefined;
			},
			take: (events, folder) => this.#takeEvents(events, folder),
			say: (event) => this.#journal?.say(event),
			settled: () => this.#directing,
		});
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
			if (this.#attendance.isLeft) {
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
			const { redact } = this.#attendance;
			this.#journal?.say(toEnd(error, this.#steps, redact));
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
		this.#attendance.tell(message);
	}

	cancel(reason: unknown): void {
		this.#cancel.abort(reason ?? "canceled");
	}

	/** Lets the worker go on without this process, as soon as it has connected; the session ends with a `DetachedError`. */
	detach(): Promise<void> {
		return this.#attendance.detach();
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
		const ending = await this.#attendance.start(folder, this.#attempt, python, {
			type: "start",
			spec,
			task: this.#task,
		});
		return this.#verdict(ending);
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
			return this.#verdict(
				await this.#attendance.comeBack(folder, this.#attempt, worker, taken),
			);
		try {
			this.#takeEvents(unread, folder);
		} finally {
			await this.#directing;
		}
		if (this.#end === undefined)
			throw vanished(this.#steps, runId, folder.readOutput());
		return this.#verdict({
			exit: { exitCode: null, signal: null },
			pid: 0,
			oomKills: 0,
		});
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

	get #task(): Task {
		const scored = this.#director?.decided ?? [];
		const resume = this.#attempt === 1 ? null : { scored };
		return this.#options.task ?? { kind: "train", resume };
	}

	#verdict({ exit, pid, oomKills }: Ending): EndEvent {
		const { signal } = this.#cancel;
		const { runId } = this.#options;
		const { failure, stderr } = this.#attendance;
		if (failure !== undefined) throw failure;
		if (signal.aborted) throw new CanceledError(signal.reason, runId);
		if (this.#end === undefined)
			throw crashed(exit, pid, this.#steps, stderr, oomKills, runId);
		if (this.#end.error !== null) throw fromEnd(this.#end.error, runId);
		if (this.#end.adapter === null && this.#options.task === undefined)
			throw new CanceledError("stopped before the first step", runId);
		return this.#end;
	}

	#takeEvents(said: readonly unknown[], folder: RunFolder): void {
		const { runId } = this.#options;
		const attempt = { runId, attempt: this.#attempt };
		const { events, fault } = hear(said, attempt, this.#end);
		const last = events.at(-1);
		// An end with a fault behind it is not how the run has ended.
		const held =
			last?.type === "end" &&
			(fault !== undefined ||
				(this.#options.task === undefined && isGoodEnd(last)));
		for (const event of this.#journal?.relay(
			held ? events.slice(0, -1) : events,
		) ?? [])
			this.#note(event, folder);
		if (held) {
			this.#lastWords = this.#end = last;
			this.#attendance.end();
		}
		if (fault !== undefined) throw fault;
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
			this.#attendance.end();
		}
		this.#direct(() => this.#director?.take(event));
	}

	/** One after the other: a decision rests on those before it. */
	#direct(work: () => Promise<void> | undefined): void {
		this.#directing = this.#directing.then(work).catch((error) => {
			this.#attendance.blame(error);
			this.tell({ type: this.hasBegun ? "stop" : "cancel" });
		});
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
const isGoodEnd = ({ status }: EndEvent): boolean =>
	status === "completed" || status === "stopped";
