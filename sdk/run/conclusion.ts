// From the end of a session to the value that is awaited, and the content of result.json.
import { hashSpec } from "../spec/hash.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import type { EvaluateTask } from "./control.generated.js";
import type { EndEvent } from "./event.generated.js";
import type { FinetuneResult, SplitResult } from "./result.js";

/** What an evaluation came to: the value of `await evaluate(...)`. */
export interface EvaluationResult {
	readonly status: "completed";
	readonly runId: string;
	/** The folder of the evaluation. */
	readonly folder: string;
	/** Folder of the weights that were scored; null for the base model. */
	readonly weights: string | null;
	/** Identity of what was evaluated, but for the weights; see `hashSpec`. */
	readonly specHash: string;
	/** Scores under `base` without weights of one's own, else under `tuned`; null where there is no such split. */
	readonly validation: SplitResult | null;
	readonly test: SplitResult | null;
	/** Seconds from the call to the end. */
	readonly seconds: number;
}

/** The end of a session, before it is put into words. */
export interface Conclusion {
	readonly end: EndEvent;
	readonly scores: Pick<
		FinetuneResult,
		"steps" | "endedEarly" | "best" | "validation" | "test"
	>;
	/** Of a run that is complete, and was to be exported or pushed. */
	readonly delivered: Pick<FinetuneResult, "merged" | "hub">;
	readonly seconds: number;
}

/** What a session is told to do, as far as its result repeats it. */
interface Undertaking {
	readonly runId: string;
	readonly folder: string;
	readonly spec: ResolvedSpec;
}

export const finetuneResult = (
	{ runId, folder, spec }: Undertaking,
	{ end, scores, delivered, seconds }: Conclusion,
): FinetuneResult => ({
	status: end.status === "stopped" ? "stopped" : "completed",
	runId,
	folder,
	adapter: end.adapter as string,
	...delivered,
	specHash: hashSpec(spec),
	...scores,
	seconds,
});

export const evaluationResult = (
	{ runId, folder, spec }: Undertaking,
	{ weights }: EvaluateTask,
	{ scores: { validation, test }, seconds }: Conclusion,
): EvaluationResult => ({
	status: "completed",
	runId,
	folder,
	weights,
	specHash: hashSpec(spec),
	validation,
	test,
	seconds,
});
