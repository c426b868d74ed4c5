// materialize(): rows that a program holds become files that a worker can read.
import { resolve } from "node:path";
import {
	CanceledError,
	describeIssue,
	InputError,
	type Issue,
} from "../errors.js";
import type { RowsSource } from "../spec/spec.generated.js";
import { findPicture, UnusablePicture } from "./image-file.js";
import {
	checkRow,
	imagesOf,
	lineOf,
	type RowInput,
	shortValue,
} from "./rows.js";
import { Staging } from "./staging.js";

/** Rows of any number; a generator is asked for the next row when the one before is written. */
export type RowsInput = Iterable<RowInput> | AsyncIterable<RowInput>;

export interface MaterializeOptions {
	/** Ends the work; nothing is left behind. */
	readonly signal?: AbortSignal;
}

/** Problems told one by one; the others are counted. */
const listedProblems = 20;

/**
 * Writes rows into a folder: `rows.jsonl`, and every picture once as `images/<SHA-256>.<jpg|png|webp|gif|bmp|tif>`.
 * Rows are taken one at a time, so there may be more than memory holds. The files appear when all rows are written; until
 * then, and after a failure, the folder is as it was before. Pictures of earlier calls stay. Relative paths start at the
 * current folder.
 *
 * @throws {InputError} DATA_INVALID with every problem of every row, `data: { total, bad }` counting the rows;
 *   OUTPUT_UNWRITABLE; DISK_FULL.
 * @throws {CanceledError} when the signal says so. What the rows themselves throw passes through.
 */
export async function materialize(
	rows: RowsInput,
	folder: string,
	{ signal }: MaterializeOptions = {},
): Promise<RowsSource> {
	checkIterable(rows);
	checkSignal(signal);
	const staging = await Staging.open(resolve(folder));
	try {
		const verdict = new Verdict();
		for await (const row of untilAborted(rows, signal))
			await takeRow(row, staging, verdict);
		verdict.throwIfBad();
		return { kind: "rows", path: await staging.commit() };
	} catch (error) {
		await staging.discard();
		throw error;
	}
}

/** Once a row is bad nothing will come of the others, but all are looked at. */
async function takeRow(
	row: RowInput,
	staging: Staging,
	verdict: Verdict,
): Promise<void> {
	const path = `rows[${verdict.total}]`;
	const issues = checkRow(row, path);
	const files: string[] = [];
	for (const { path: place, image } of imagesOf(row, path)) {
		try {
			const picture = await findPicture(image);
			if (verdict.isGood && issues.length === 0)
				files.push(await staging.keepPicture(picture));
		} catch (error) {
			if (!(error instanceof UnusablePicture)) throw error;
			issues.push(toIssue(place, error));
		}
	}
	verdict.add(issues);
	if (verdict.isGood) await staging.addLine(lineOf(row, files));
}

class Verdict {
	total = 0;
	#bad = 0;
	#problems = 0;
	readonly #issues: Issue[] = [];

	get isGood(): boolean {
		return this.#bad === 0;
	}

	add(issues: readonly Issue[]): void {
		this.total += 1;
		if (issues.length > 0) this.#bad += 1;
		this.#problems += issues.length;
		this.#issues.push(...issues.slice(0, listedProblems - this.#issues.length));
	}

	throwIfBad(): void {
		if (this.total === 0)
			throw invalid("There is nothing to work on", [
				{ path: "rows", reason: "has no rows" },
			]);
		if (this.isGood) return;
		const hidden = this.#problems - this.#issues.length;
		throw new InputError(
			"DATA_INVALID",
			[
				`${this.#bad} of ${this.total} rows cannot be used:`,
				...this.#issues.map((issue) => `  - ${describeIssue(issue)}`),
				...(hidden > 0 ? [`  and ${hidden} more problems`] : []),
			].join("\n"),
			{
				issues: this.#issues,
				data: { total: this.total, bad: this.#bad },
			},
		);
	}
}

function checkIterable(rows: unknown): void {
	const isIterable =
		typeof rows === "object" &&
		rows !== null &&
		!ArrayBuffer.isView(rows) &&
		(Symbol.asyncIterator in rows || Symbol.iterator in rows);
	if (isIterable) return;
	throw invalid("These are no rows", [
		{
			path: "rows",
			value: shortValue(rows),
			reason: "must be a list, an iterable or an async iterable of rows",
			...(typeof rows === "function"
				? { remedy: "Call the generator function." }
				: {}),
		},
	]);
}

function invalid(headline: string, issues: readonly Issue[]): InputError {
	return new InputError(
		"DATA_INVALID",
		`${headline}: ${issues.map(describeIssue).join(" ")}`,
		{ issues, data: { total: 0, bad: 0 } },
	);
}

function toIssue(path: string, problem: UnusablePicture): Issue {
	const { value, reason, remedy } = problem;
	return {
		path,
		value: shortValue(value),
		reason,
		...(remedy === undefined ? {} : { remedy }),
	};
}

/** The rows, as long as nobody aborts; does not wait for a row that is not coming. */
async function* untilAborted(
	rows: RowsInput,
	signal: AbortSignal | undefined,
): AsyncGenerator<RowInput> {
	const iterator = delegate(rows);
	try {
		for (;;) {
			checkSignal(signal);
			const { done, value } = await abortable(iterator.next(), signal);
			if (done) return;
			yield value;
		}
	} finally {
		const closed = iterator.return(undefined).catch(() => {});
		if (!signal?.aborted) await closed;
	}
}

async function* delegate(rows: RowsInput): AsyncGenerator<RowInput> {
	yield* rows;
}

/** A listener per row: racing with one promise for the whole call would keep every row that ever raced. */
function abortable<T>(
	work: Promise<T>,
	signal: AbortSignal | undefined,
): Promise<T> {
	if (signal === undefined) return work;
	return new Promise((resolve, reject) => {
		const onAbort = () => reject(canceled(signal));
		signal.addEventListener("abort", onAbort, { once: true });
		work
			.finally(() => signal.removeEventListener("abort", onAbort))
			.then(resolve, reject);
	});
}

function checkSignal(signal: AbortSignal | undefined): void {
	if (signal?.aborted) throw canceled(signal);
}

const canceled = (signal: AbortSignal) =>
	new CanceledError(signal.reason, undefined, "Writing the rows");
