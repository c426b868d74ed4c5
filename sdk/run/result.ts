// What a run came to: the value of `await finetune(spec)` and the content of result.json.
import type { PushedModel } from "../export/push.js";
import {
	bootstrapDifference,
	type ConstantAnswer,
	type Difference,
} from "../metrics/index.js";
import type { BestCheckpoint } from "./checkpoints.js";
import type { ScoreEvent } from "./event.generated.js";
import type { ScoredPrediction } from "./scorer.js";

/** The scores of one split at the end of a run. */
export interface SplitResult {
	/** The model as it was before training; null where it was not scored. */
	readonly base: SplitScores | null;
	/** The model that the run keeps. */
	readonly tuned: SplitScores | null;
	/** The kept model, of a base model's evaluation that one, with every picture dealt to another row; null unless `evaluation.shuffledImages`. */
	readonly shuffled: SplitScores | null;
	/** The best single training answer given for every row: what can be had without looking. */
	readonly constant: ConstantAnswer | null;
	/** Tuned minus base by each text metric; null unless both answered the same rows. */
	readonly difference: Readonly<Record<string, Difference>> | null;
}

export type SplitScores = Pick<
	ScoreEvent,
	"step" | "values" | "examples" | "empty" | "stopped"
>;

export interface FinetuneResult {
	/** `stopped`: ended before its time by `stop()` or a signal, with everything saved. */
	readonly status: "completed" | "stopped";
	readonly runId: string;
	/** The run folder. */
	readonly folder: string;
	/** Folder of the trained weights: an adapter in PEFT's format, or for `full` a model in hub layout. */
	readonly adapter: string;
	/** Folder of the merged model; null unless `output.merged`, and where a warning says why it was not written. */
	readonly merged: string | null;
	/** Where it was pushed to; null unless `output.hub`, and where a warning says why it was not. */
	readonly hub: PushedModel | null;
	/** Identity of what was trained; see `hashSpec`. */
	readonly specHash: string;
	/** Optimizer steps that were made. */
	readonly steps: number;
	/** Did training end before its last step because `evaluation.earlyStopping` said so? */
	readonly endedEarly: boolean;
	/** The checkpoint that `adapter` is; null where none was scored and the last one was kept. */
	readonly best: (BestCheckpoint & { readonly metric: string }) | null;
	readonly validation: SplitResult | null;
	readonly test: SplitResult | null;
	/** Seconds from the call to the end. */
	readonly seconds: number;
}

/** The scored answers of an evaluation; empty where nothing was generated. */
export type AnswersOf = (evaluationId: string) => readonly ScoredPrediction[];

/** The last score of each kind that a split got. */
export function splitResult(
	scores: readonly ScoreEvent[],
	split: ScoreEvent["split"],
	keptStep: number | null,
	constant: ConstantAnswer | null,
	answersOf: AnswersOf,
): SplitResult | null {
	const mine = scores.filter((score) => score.split === split);
	if (mine.length === 0) return null;
	const last = (
		model: ScoreEvent["model"],
		images: ScoreEvent["images"],
		step: number | null,
	) =>
		mine.findLast(
			(score) =>
				score.model === model && score.images === images && score.step === step,
		) ?? null;
	const base = last("base", "own", 0);
	const tuned = last("tuned", "own", keptStep);
	return {
		base: pickScores(base),
		tuned: pickScores(tuned),
		shuffled: pickScores(
			last("tuned", "shuffled", keptStep) ?? last("base", "shuffled", 0),
		),
		constant,
		difference:
			base === null || tuned === null
				? null
				: compare(answersOf(base.evaluationId), answersOf(tuned.evaluationId)),
	};
}

function pickScores(score: ScoreEvent | null): SplitScores | null {
	if (score === null) return null;
	const { step, values, examples, empty, stopped } = score;
	return { step, values, examples, empty, stopped };
}

function compare(
	base: readonly ScoredPrediction[],
	tuned: readonly ScoredPrediction[],
): SplitResult["difference"] {
	const before = new Map(base.map((one) => [one.row, one.scores]));
	const pairs = tuned.flatMap(({ row, scores }) => {
		const earlier = before.get(row);
		return earlier === undefined ? [] : [[earlier, scores] as const];
	});
	const metrics = Object.keys(tuned[0]?.scores ?? {});
	if (pairs.length !== base.length || pairs.length !== tuned.length)
		return null;
	if (metrics.length === 0) return null;
	return Object.fromEntries(
		metrics.map((metric) => [
			metric,
			bootstrapDifference(
				pairs.map(([earlier]) => earlier[metric] as number),
				pairs.map(([, later]) => later[metric] as number),
			),
		]),
	);
}
