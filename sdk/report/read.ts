// Reads a run folder back: whatever is shown of a run comes from its files.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import type { RunEvent } from "../run/event.generated.js";
import { readJsonLines, readPredictions, runFiles } from "../run/folder.js";
import { currentEvents } from "../run/history.js";
import type { FinetuneResult } from "../run/result.js";
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
 * @throws {InputError} DATA_INVALID for a folder that holds no run.
 */
export function readRun(folder: string): RunRecord {
	const spec = join(folder, runFiles.spec);
	if (!existsSync(spec))
		throw new InputError(
			"DATA_INVALID",
			`${folder} holds no run: it has no ${runFiles.spec}.`,
		);
	const result = join(folder, runFiles.result);
	return {
		folder,
		spec: JSON.parse(readFileSync(spec, "utf8")),
		events: currentEvents(readJsonLines(join(folder, runFiles.events))),
		result: existsSync(result)
			? JSON.parse(readFileSync(result, "utf8"))
			: null,
	};
}

/** A test picture with what was expected and what was answered before and after. */
export interface Comparison {
	readonly images: readonly string[];
	readonly expected: readonly string[];
	readonly base: string | null;
	readonly tuned: string;
	/** Scores of the tuned answer. */
	readonly scores: Readonly<Record<string, number>>;
	/** Scores of the base answer; null where the base model was not asked. */
	readonly baseScores: Readonly<Record<string, number>> | null;
}

/** Every test row's answers side by side; empty where nothing was generated. */
export function readComparisons({ folder, events }: RunRecord): Comparison[] {
	const answersOf = (model: "base" | "tuned") => {
		const evaluation = events.findLast(
			(event) =>
				event.type === "evaluation" &&
				event.split === "test" &&
				event.model === model &&
				event.images === "own",
		);
		return evaluation?.type === "evaluation"
			? readPredictions(folder, evaluation.evaluationId)
			: [];
	};
	const base = new Map(answersOf("base").map((one) => [one.row, one]));
	return answersOf("tuned").map((tuned) => ({
		images: tuned.images,
		expected: tuned.references,
		base: base.get(tuned.row)?.prediction ?? null,
		tuned: tuned.prediction,
		scores: tuned.scores,
		baseScores: base.get(tuned.row)?.scores ?? null,
	}));
}
