// The process that holds a loaded model: started, asked, ended.
import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { CanceledError, InputError, WorkerError } from "../errors.js";
import { cacheFolder, workerCode } from "../launch/paths.js";
import {
	startWorker,
	type WorkerExit,
	type WorkerProcess,
} from "../launch/worker.js";
import { Link } from "../link/link.js";
import { redactor } from "../redaction.js";
import { fromEnd, neverStarted } from "../run/failure.js";
import { compileJudge, type Judge } from "../schema/judge.js";
import { CallSink, type GenerateCall } from "./call.js";
import type {
	GenerateMessage,
	LoadMessage,
	Question,
	ReadyMessage,
	ServingControl,
	ServingEvent,
} from "./messages.generated.js";
import { servingControlSchema, servingEventSchema } from "./schema.js";

export interface ModelWorkerOptions {
	readonly python: string;
	readonly startTimeoutMs: number;
	readonly graceMs: number;
	readonly signal: AbortSignal | undefined;
	readonly onDownload: (done: number, total: number) => void;
}

/** A call but for what only this side of the line knows. */
export type CallSettings = Omit<
	GenerateMessage,
	"type" | "requestId" | "questions"
>;

/** Lines of the worker's stderr that a crash report quotes. */
const stderrLines = 20;

export class ModelWorker {
	readonly #options: ModelWorkerOptions;
	/** Pictures that came as bytes, by call; gone with the process. */
	readonly #folder = mkdtempSync(join(tmpdir(), "captune-model-"));
	readonly #stderr: string[] = [];
	readonly #calls = new Map<string, CallSink>();
	#link: Link | undefined;
	#process: WorkerProcess | undefined;
	#asking: Promise<void> = Promise.resolve();
	#numberOfCalls = 0;
	#isGreeted = false;
	/** Why nothing can be asked any more. */
	#ending: unknown;
	#closed: Promise<void> | undefined;
	#onReady: (ready: ReadyMessage) => void = () => {};
	#onFailure: (error: unknown) => void = () => {};

	/**
	 * Starts a process and has it load a model.
	 *
	 * @throws {InputError} for what cannot be loaded, {WorkerError}, {CanceledError}; nothing stays.
	 */
	static async start(
		load: LoadMessage,
		options: ModelWorkerOptions,
	): Promise<{ worker: ModelWorker; ready: ReadyMessage }> {
		const worker = new ModelWorker(options);
		try {
			return { worker, ready: await worker.#load(load) };
		} catch (error) {
			// Nothing is lost that could not be loaded again.
			await worker.#close(0);
			throw error;
		}
	}

	private constructor(options: ModelWorkerOptions) {
		this.#options = options;
	}

	/**
	 * Asks when everything that was asked before is answered. `toQuestions` is given a folder for this call's pictures.
	 */
	ask(
		settings: CallSettings,
		toQuestions: (folder: string) => Promise<Question[]>,
		signal: AbortSignal | undefined,
	): GenerateCall {
		const sink = new CallSink();
		const requestId = `call-${++this.#numberOfCalls}`;
		const folder = join(this.#folder, requestId);
		const onAbort = () => {
			sink.fail(new CanceledError(signal?.reason, undefined, "The call"));
			this.#tell({ type: "cancel", requestId });
		};
		const send = async () => {
			if (sink.isOver) return;
			if (this.#ending !== undefined) throw this.#ending;
			const questions = await toQuestions(folder);
			if (sink.isOver) return;
			if (this.#ending !== undefined) throw this.#ending;
			this.#tell({ type: "generate", requestId, questions, ...settings });
		};
		this.#calls.set(requestId, sink);
		this.#asking = this.#asking.then(send).catch((error) => sink.fail(error));
		if (signal?.aborted) onAbort();
		else signal?.addEventListener("abort", onAbort, { once: true });
		const forget = () => {
			signal?.removeEventListener("abort", onAbort);
			this.#calls.delete(requestId);
			void rm(folder, { recursive: true, force: true });
		};
		sink.call.then(forget, forget);
		return sink.call;
	}

	/** Ends the process; calls that are not answered are canceled. */
	close(): Promise<void> {
		return this.#close(this.#options.graceMs);
	}

	#close(graceMs: number): Promise<void> {
		this.#closed ??= this.#end(graceMs);
		return this.#closed;
	}

	async #load(load: LoadMessage): Promise<ReadyMessage> {
		const { python, startTimeoutMs, graceMs, signal } = this.#options;
		const runId = basename(this.#folder);
		this.#link = await this.#openLink(runId);
		const { secretKey, publicKey } = this.#link.address;
		const redact = redactor([secretKey, publicKey]);
		const ready = new Promise<ReadyMessage>((resolve, reject) => {
			this.#onReady = resolve;
			this.#onFailure = reject;
		});
		const onAbort = () =>
			this.#onFailure(
				new CanceledError(signal?.reason, undefined, "Loading the model"),
			);
		signal?.addEventListener("abort", onAbort, { once: true });
		if (signal?.aborted) onAbort();
		const timer = setTimeout(() => {
			if (!this.#isGreeted)
				this.#onFailure(neverStarted(startTimeoutMs, this.#stderr));
		}, startTimeoutMs);
		try {
			ready.catch(() => {});
			this.#process = await startWorker({
				python,
				program: { module: "captune_worker.serving", code: workerCode },
				bootstrap: {
					...this.#link.address,
					runId,
					attempt: 1,
					runFolder: this.#folder,
					cacheFolder: cacheFolder(),
					graceMs,
					lease: true,
				},
				onLine: (stream, text) => {
					if (stream === "stderr") this.#stderr.push(redact(text));
					if (this.#stderr.length > stderrLines) this.#stderr.shift();
				},
			});
			void this.#watch(this.#process);
			this.#tell(load);
			return await ready;
		} finally {
			clearTimeout(timer);
			signal?.removeEventListener("abort", onAbort);
		}
	}

	async #openLink(runId: string): Promise<Link> {
		return Link.open(
			{ runId, attempt: 1 },
			{
				onHello: () => {
					this.#isGreeted = true;
				},
				onEvents: (events) => {
					for (const event of events) this.#take(checkedEvent(event));
				},
				onBeat: () => {},
				onFault: (error) => this.#fail(error),
				onStranger: () => {},
			},
		);
	}

	/** What the process said last may come after its exit is known. */
	async #watch(worker: WorkerProcess): Promise<void> {
		const exit = await worker.exited;
		await this.#link?.close();
		this.#fail(crashed(exit, worker.pid, this.#stderr));
	}

	#take(event: ServingEvent): void {
		switch (event.type) {
			case "download":
				this.#options.onDownload(event.done, event.total);
				break;
			case "ready":
				this.#onReady(event);
				break;
			case "piece":
				this.#calls.get(event.requestId)?.piece(event.index, event.text);
				break;
			case "answer":
				this.#calls.get(event.requestId)?.answer(event);
				break;
			case "done":
				this.#calls.get(event.requestId)?.done();
				break;
			case "failed":
				if (event.requestId === null) this.#fail(fromEnd(event.error));
				else this.#calls.get(event.requestId)?.fail(fromEnd(event.error));
		}
	}

	#tell(message: ServingControl): void {
		this.#link?.send(checkedControl(message));
	}

	/** Nothing will be answered any more. */
	#fail(error: unknown): void {
		this.#ending ??= error;
		this.#onFailure(this.#ending);
		for (const sink of this.#calls.values()) sink.fail(this.#ending);
		void this.#process?.end(0);
	}

	async #end(graceMs: number): Promise<void> {
		this.#ending ??= new InputError(
			"MODEL_CLOSED",
			"The model is closed. Load it again to ask it.",
		);
		for (const sink of this.#calls.values())
			sink.fail(
				new CanceledError("the model was closed", undefined, "The call"),
			);
		this.#tell({ type: "close" });
		await this.#process?.end(graceMs);
		await this.#asking;
		await this.#link?.close();
		rmSync(this.#folder, { recursive: true, force: true });
	}
}

function crashed(
	{ exitCode, signal }: WorkerExit,
	pid: number,
	stderr: readonly string[],
): WorkerError {
	const how =
		signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`;
	const last = stderr.at(-1);
	return new WorkerError(
		"WORKER_CRASHED",
		`The process ${pid} that held the model ${how}, without a word.${last ? ` Its last line: ${last}` : ""}`,
		{ data: { exitCode, signal, stderr: [...stderr] } },
	);
}

let eventJudge: Judge | undefined;
let controlJudge: Judge | undefined;

function checkedEvent(event: unknown): ServingEvent {
	eventJudge ??= compileJudge(servingEventSchema);
	return demandValid("The worker sent a message", event, eventJudge(event));
}

function checkedControl(message: ServingControl): ServingControl {
	controlJudge ??= compileJudge(servingControlSchema);
	return demandValid("A message", message, controlJudge(message));
}

function demandValid<Message>(
	subject: string,
	message: unknown,
	issues: ReturnType<Judge>,
): Message {
	if (issues.length === 0) return message as Message;
	throw new WorkerError(
		"PROTOCOL_ERROR",
		`${subject} that is none: ${issues[0]?.path} ${issues[0]?.reason}.`,
		{ issues },
	);
}
