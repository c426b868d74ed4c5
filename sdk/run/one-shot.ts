// A worker process for one question, as of preview() and exportModel(): asked over standard input, answered in a file.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CanceledError, WorkerError } from "../errors.js";
import { workerCode } from "../launch/paths.js";
import { startWorker } from "../launch/worker.js";
import { redactor } from "../redaction.js";
import type { EndError } from "./event.generated.js";
import { fromEnd } from "./failure.js";

export interface OneShot {
	readonly python: string;
	readonly work: "preview" | "export" | "push";
	/** What is asked. */
	readonly request: unknown;
	/** What fails where it fails, to begin a sentence: "The preview". */
	readonly subject: string;
	readonly signal?: AbortSignal | undefined;
}

/**
 * Asks a worker of its own and waits for the answer.
 *
 * @throws {InputError} for what the worker refuses. @throws {WorkerError} where it breaks.
 * @throws {CanceledError} on abort, with the process gone.
 */
export async function askWorker<Answer>({
	python,
	work,
	request,
	subject,
	signal,
}: OneShot): Promise<Answer> {
	const folder = mkdtempSync(join(tmpdir(), "captune-"));
	try {
		const answerFile = join(folder, "answer.json");
		const lines: string[] = [];
		const redact = redactor();
		const worker = await startWorker({
			python,
			bootstrap: { work, answerFile, request },
			program: { module: "captune_worker.oneshot", code: workerCode },
			onLine: (_, text) => lines.push(redact(text)),
		});
		const onAbort = () => void worker.end(0);
		signal?.addEventListener("abort", onAbort);
		if (signal?.aborted) onAbort();
		const { exitCode } = await worker.exited;
		signal?.removeEventListener("abort", onAbort);
		if (signal?.aborted)
			throw new CanceledError(signal.reason, undefined, subject);
		if (!existsSync(answerFile))
			throw new WorkerError(
				"WORKER_CRASHED",
				`${subject} ended with code ${exitCode} and gave no answer. Its last line: ${lines.at(-1) ?? "none"}`,
				{ data: { exitCode, output: lines.slice(-20) } },
			);
		const answer: Answered<Answer> = JSON.parse(
			readFileSync(answerFile, "utf8"),
		);
		if (answer.error !== undefined) throw fromEnd(answer.error);
		return answer.value;
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

type Answered<Answer> =
	| { readonly value: Answer; readonly error?: undefined }
	| { readonly error: EndError };
