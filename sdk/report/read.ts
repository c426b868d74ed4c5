// Reads a run folder back: whatever is shown of a run comes from its files.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import type { RunEvent, ScoreEvent } from "../run/event.generated.js";
import { readJsonLines, readPredictions, runFiles } from "../run/folder.js";
import { currentEvents } from "../run/history.js";
import type { FinetuneResult } from "../run/result.js";
import type { ScoredPrediction } from "../run/scorer.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";

/** A run as its folder tells it. */
export interface RunRecord {
	readonly folder: string;
	readonly spec: ResolvedSpec;
	/** Those that count: what a later attempt did again is left out. */
	readonly events: readonly RunEvent[];
	/** Null for a run that has not ended well. */
	readonly result: FinetuneResult | null;
}

/**
 * @throws {InputError} RUN_UNKNOWN for a folder that holds no run, but an evaluation for example.
 */
export function readRun(folder: string): RunRecord {
	const record = readRecord(folder);
	if (existsSync(join(folder, runFiles.evaluation)))
		throw new InputError(
			"RUN_UNKNOWN",
			`${folder} holds an evaluation, not a run: its scores are in ${runFiles.result}, its answers in ${runFiles.predictions}.`,
		);
	const result = endedWell(record.events) ? readResult(folder) : null;
	return { ...record, result };
}

/**
 * The same, but for the result, of an evaluation's folder as well.
 *
 * @throws {InputError} RUN_UNKNOWN for a folder that holds neither.
 */
export function readRecord(folder: string): Omit<RunRecord, "result"> {
	const spec = join(folder, runFiles.spec);
	if (!existsSync(spec))
		throw new InputError(
			"RUN_UNKNOWN",
			`${folder} holds no run: it has no ${runFiles.spec}.`,
		);
	return {
		folder,
		spec: JSON.parse(readFileSync(spec, "utf8")),
		events: readEvents(folder),
	};
}

/** The events of a run that count; none before there are any. */
export function readEvents(folder: string): RunEvent[] {
	const file = join(folder, runFiles.events);
	return existsSync(file) ? currentEvents(readJsonLines(file)) : [];
}

/** The result of a run that was stopped does not outlive an attempt to go on. */
const endedWell = (events: readonly RunEvent[]) =>
	events.some(
		(event) =>
			event.type === "end" && ["completed", "stopped"].includes(event.status),
	);

function readResult(folder: string): FinetuneResult | null {
	const file = join(folder, runFiles.result);
	return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : null;
}

/** A row with what was expected and what was answered before and after. */
export interface Comparison {
	/** Row of the split, from 0. */
	readonly row: number;
	readonly images: readonly string[];
	readonly prompt: string;
	readonly expected: readonly string[];
	readonly base: string | null;
	readonly tuned: string;
	/** Scores of the tuned answer. */
	readonly scores: Readonly<Record<string, number>>;
	/** Scores of the base answer; null where the base model was not asked. */
	readonly baseScores: Readonly<Record<string, number>> | null;
}

export interface Comparisons {
	readonly split: "test" | "validation";
	/** In the order of the rows; empty where nothing was generated. */
	readonly rows: readonly Comparison[];
}

/** The answers of the test split side by side; those of the validation split where there are none. */
export function readComparisons(record: RunRecord): Comparisons {
	const test = compare(record, "test");
	return test.length > 0
		? { split: "test", rows: test }
		: { split: "validation", rows: compare(record, "validation") };
}

function compare(record: RunRecord, split: Comparisons["split"]): Comparison[] {
	const base = new Map(
		readAnswers(record, split, "base").map((one) => [one.row, one]),
	);
	return readAnswers(record, split, "tuned").map((tuned) => ({
		row: tuned.row,
		images: tuned.images,
		prompt: tuned.prompt,
		expected: tuned.references,
		base: base.get(tuned.row)?.prediction ?? null,
		tuned: tuned.prediction,
		scores: tuned.scores,
		baseScores: base.get(tuned.row)?.scores ?? null,
	}));
}

/** The answers of a model as it was at first, or at the best checkpoint, in the order of the rows; the last ones where there are none. */
export function readAnswers(
	{ folder, events }: Pick<RunRecord, "folder" | "events">,
	split: Comparisons["split"],
	model: ScoreEvent["model"],
): readonly ScoredPrediction[] {
	const scores = events.filter(
		(event): event is ScoreEvent =>
			event.type === "score" && event.split === split && event.images === "own",
	);
	const best = scores.findLast(({ best }) => best !== null)?.best?.step;
	const step = model === "base" ? 0 : best;
	const mine = scores.filter((score) => score.model === model);
	const score = mine.findLast((score) => score.step === step) ?? mine.at(-1);
	return score === undefined ? [] : readPredictions(folder, score.evaluationId);
}
