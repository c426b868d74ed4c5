// evaluate(): scores weights as they are, by the same worker and the same metrics as a training run.
import { join, resolve } from "node:path";
import type { RowsInput } from "./data/materialize.js";
import { rowsIssues, withRows } from "./data/splits.js";
import { SpecError } from "./errors.js";
import {
	type FinetuneOptions,
	optionIssues,
	processOptions,
} from "./options.js";
import { makeRunId } from "./run/id.js";
import { type EvaluationRun, startEvaluation } from "./run/run.js";
import { findWeights } from "./run/weights.js";
import {
	defaultKinds,
	type EvaluationSettings,
	type EvaluationSpec,
	resolveEvaluation,
} from "./spec/evaluation.js";

export type { EvaluationSettings, EvaluationSpec };

/** Rows that this program holds, by the split they are for. */
export type RowsToEvaluate = Readonly<
	Partial<Record<"validation" | "test", RowsInput>>
>;

/** How an evaluation is carried out. */
export interface EvaluateOptions extends FinetuneOptions {
	/** Folder of the evaluation, made anew; `captune-runs/<id>` in the current folder when left out. */
	readonly folder?: string;
	/** Rows of this program in place of sources of the spec. */
	readonly data?: RowsToEvaluate;
	/**
	 * Parts of a spec. What a run's own spec says, or an adapter says of its model, is replaced field by field; where
	 * `data` names a split, or rows are given for one, no other split is evaluated.
	 */
	readonly spec?: EvaluationSettings;
}

/**
 * Evaluates the validation and the test split: with the base model of a spec, with the weights that a run has kept (on
 * its own data or on other), with an adapter in PEFT's format or with a whole model in hub layout. Returns at once with a
 * handle that is a promise of the result and an iterable of the events. The scores are those that `finetune` gets for the
 * same weights and rows.
 *
 * An evaluation has a folder of its own, like a run: `spec.json`, `evaluation.json` (which weights), `environment.json`,
 * `events.jsonl`, `worker.jsonl`, `predictions/`, `result.json`. `output` and `tracking` of a spec are those of
 * its run and not looked at.
 *
 * @throws {SpecError} at once, listing everything that is wrong with the spec or the options.
 * @throws {InputError} at once: RUN_UNKNOWN for a folder that holds neither a run with weights nor weights,
 * MODEL_INVALID for an adapter that cannot be read.
 * The evaluation rejects as `finetune` does, with MODEL_INVALID too for an adapter that does not fit its model; nothing
 * is then left behind.
 */
export function evaluate(
	spec: EvaluationSpec,
	options?: Omit<EvaluateOptions, "spec">,
): EvaluationRun;
export function evaluate(
	folder: string,
	options?: EvaluateOptions,
): EvaluationRun;
export function evaluate(
	subject: EvaluationSpec | string,
	{ folder, data = {}, spec, ...options }: EvaluateOptions = {},
): EvaluationRun {
	const written = typeof subject === "string" ? (spec ?? {}) : subject;
	const session = processOptions(options);
	const issues = [...optionIssues(session), ...rowsIssues(written?.data, data)];
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	const runId = makeRunId();
	const target = resolve(folder ?? join("captune-runs", runId));
	const weights = typeof subject === "string" ? findWeights(subject) : null;
	const resolved = resolveEvaluation(
		withRows<EvaluationSpec | EvaluationSettings>(written, data, target),
		weights === null ? {} : { ...defaultKinds, ...weights.known },
		{ metrics: Object.keys(session.metrics) },
	);
	return startEvaluation(
		{
			...session,
			runId,
			spec: resolved,
			rows: data,
			folder: target,
			task: {
				kind: "evaluate",
				weights: weights?.folder ?? null,
				step: weights?.step ?? 0,
			},
		},
		options.signal,
	);
}
