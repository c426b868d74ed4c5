// Answers what the worker reports: scores evaluations, decides which checkpoint is the best and which may go.
import type { OwnMetric } from "../metrics/index.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import { CheckpointBook } from "./checkpoints.js";
import type { ControlMessage } from "./control.generated.js";
import { endsEarly } from "./early-stopping.js";
import type {
	EndEvent,
	EvaluationEvent,
	PredictionsEvent,
	RunEvent,
	ScoreEvent,
} from "./event.generated.js";
import { returnsTo } from "./history.js";
import type { EventBody } from "./journal.js";
import { type AnswersOf, type FinetuneResult, splitResult } from "./result.js";
import { type ScoredPrediction, Scorer } from "./scorer.js";

/** What names an evaluation. */
type Scored = Pick<
	ScoreEvent,
	"evaluationId" | "split" | "step" | "model" | "images"
>;

export interface DirectorPorts {
	/** Adds an event to the run. */
	readonly say: (event: EventBody) => RunEvent;
	/** Sends a message to the worker. */
	readonly tell: (message: ControlMessage) => void;
	/** Puts the scored answers of an evaluation into the run folder. */
	readonly file: (
		evaluationId: string,
		predictions: readonly ScoredPrediction[],
	) => void;
	/** Takes them from there again, an earlier attempt's too. */
	readonly recall: AnswersOf;
}

export class Director {
	readonly #spec: ResolvedSpec;
	readonly #ports: DirectorPorts;
	readonly #scorer: Scorer;
	readonly #book: CheckpointBook;
	#scores: ScoreEvent[] = [];
	/** What was answered in an earlier attempt that ended before the score. */
	#unscored: readonly (PredictionsEvent | EvaluationEvent)[] = [];

	constructor(
		spec: ResolvedSpec,
		metrics: Readonly<Record<string, OwnMetric>>,
		ports: DirectorPorts,
	) {
		this.#spec = spec;
		this.#ports = ports;
		this.#scorer = new Scorer(spec.evaluation, metrics);
		this.#book = new CheckpointBook({
			direction: spec.evaluation.best.direction,
			keep: spec.checkpoints.keep,
			scored: this.#hasValidation,
		});
	}

	/** Takes up what earlier attempts came to, from those of their events that still count. */
	restore(events: readonly RunEvent[]): void {
		const scored = new Set(
			events.flatMap((event) =>
				event.type === "score" ? [event.evaluationId] : [],
			),
		);
		for (const event of events) {
			if (event.type === "data") this.#scorer.takeAnswers(event.trainAnswers);
			if (event.type === "checkpoint" && event.state === "saved")
				this.#book.saved(event.step);
			if (event.type === "checkpoint" && event.state === "pruned")
				this.#book.removed(event.step);
			if (event.type === "score") this.#restoreScore(event);
			if (event.type === "predictions" && scored.has(event.evaluationId))
				this.#scorer.takePredictions(event);
			if (event.type === "evaluation" && scored.has(event.evaluationId))
				this.#scorer.recall(event);
		}
		this.#unscored = events.filter(
			(event): event is PredictionsEvent | EvaluationEvent =>
				(event.type === "predictions" || event.type === "evaluation") &&
				!scored.has(event.evaluationId),
		);
	}

	/**
	 * Of an attempt that has gone on with nobody there: scores what it has evaluated, and tells its worker all decisions,
	 * also those that it may have had.
	 *
	 * @throws {CallbackError} METRIC_FAILED when a metric of the user's own does.
	 */
	async catchUp(): Promise<void> {
		const unscored = this.#unscored;
		this.#unscored = [];
		for (const step of this.#book.decided) this.#decide(step);
		for (const event of unscored) await this.take(event);
	}

	/** Step of the best checkpoint; undefined while there is none. */
	get bestStep(): number | undefined {
		return this.#book.best?.step;
	}

	/** Steps of the checkpoints that have their decision. */
	get decided(): readonly number[] {
		return this.#book.decided;
	}

	/**
	 * Takes the worker's events one after the other.
	 *
	 * @throws {CallbackError} METRIC_FAILED when a metric of the user's own does.
	 */
	async take(event: RunEvent): Promise<void> {
		if (event.type === "data") this.#scorer.takeAnswers(event.trainAnswers);
		if (event.type === "predictions") this.#scorer.takePredictions(event);
		if (event.type === "evaluation") await this.#score(event);
		if (event.type === "checkpoint" && event.state === "saved")
			this.#noteCheckpoint(event.step);
		const step = returnsTo(event);
		if (step !== undefined) await this.#returnTo(step);
	}

	/** What the run came to, but for what only its session knows. */
	result(
		end: EndEvent,
	): Pick<
		FinetuneResult,
		"steps" | "endedEarly" | "best" | "validation" | "test"
	> {
		const { best } = this.#book;
		const { metric } = this.#spec.evaluation.best;
		const resultOf = (split: "validation" | "test") =>
			splitResult(
				this.#scores,
				split,
				end.keptStep,
				this.#scorer.constantAnswer(split),
				this.#ports.recall,
			);
		return {
			steps: end.steps,
			endedEarly: this.#scores.some(({ ends }) => ends),
			best: best && best.step === end.keptStep ? { ...best, metric } : null,
			validation: resultOf("validation"),
			test: resultOf("test"),
		};
	}

	get #hasValidation(): boolean {
		return this.#spec.data.validation.kind !== "none";
	}

	#restoreScore(event: ScoreEvent): void {
		this.#scores.push(event);
		if (isOfCheckpoint(event))
			this.#book.score(event.step, this.#valueOf(event.values));
	}

	/** The worker goes on from this checkpoint, or from the very beginning; what came later will come again. */
	async #returnTo(step: number): Promise<void> {
		const unscored = this.#unscored;
		this.#unscored = [];
		this.#scores = this.#scores.filter((score) => score.step <= step);
		for (const score of this.#scores) this.#track(score, score.values);
		if (step < 0) {
			this.#book.clear();
			return;
		}
		this.#book.returnTo(step);
		// The checkpoint itself, where it has no score, is evaluated again.
		for (const event of unscored)
			if (
				event.model === "base" ||
				(isOfCheckpoint(event) && event.step < step)
			)
				await this.take(event);
		if (this.#book.isDecided(step)) this.#decide(step);
	}

	async #score(event: EvaluationEvent): Promise<void> {
		// What is evaluated by itself was not saved on the way.
		const isCandidate = isOfCheckpoint(event) && this.#book.has(event.step);
		try {
			await this.#sayScore(event, isCandidate);
		} catch (error) {
			// The worker waits for an answer, and without scores there is no point in going on.
			this.#track(event, {});
			if (isCandidate) this.#decide(event.step, true);
			throw error;
		}
		if (isCandidate) this.#decide(event.step);
	}

	async #sayScore(event: EvaluationEvent, isCandidate: boolean): Promise<void> {
		const { evaluationId, split, step, model, images } = event;
		const { scores, predictions } = await this.#scorer.score(event);
		this.#ports.file(evaluationId, predictions);
		const isBest =
			isCandidate && this.#book.score(step, this.#valueOf(scores.values));
		const said = this.#ports.say({
			type: "score",
			evaluationId,
			split,
			step,
			model,
			images,
			...scores,
			best: this.#book.best ?? null,
			isBest,
			ends: isCandidate && this.#endsEarly(this.#valueOf(scores.values)),
		});
		this.#scores.push(said as ScoreEvent);
		this.#track(event, scores.values);
	}

	/** Tells the worker, where trackers of its wait for scores; those they have already they leave alone. */
	#track(
		{ evaluationId, split, step, model, images }: Scored,
		values: ScoreEvent["values"],
	): void {
		if (this.#spec.tracking.length === 0) return;
		const of = { evaluationId, split, step, model, images };
		this.#ports.tell({ type: "score", ...of, values });
	}

	/** By the scores so far, and one more where there is one. */
	#endsEarly(...next: (number | null)[]): boolean {
		const { earlyStopping, best } = this.#spec.evaluation;
		const values = this.#scores
			.filter(isOfCheckpoint)
			.toSorted((one, other) => one.step - other.step)
			.map((score) => this.#valueOf(score.values));
		return endsEarly([...values, ...next], earlyStopping, best.direction);
	}

	/** What checkpoints are compared by. */
	#valueOf(values: ScoreEvent["values"]): number | null {
		return values[this.#spec.evaluation.best.metric] ?? null;
	}

	/** Without a validation split no score will come, and only the number of checkpoints is to be decided. */
	#noteCheckpoint(step: number): void {
		this.#book.saved(step);
		if (!this.#hasValidation) this.#decide(step);
	}

	#decide(step: number, stop = false): void {
		this.#ports.tell({
			type: "decision",
			step,
			best: this.#book.best?.step ?? null,
			value: this.#book.scoreOf(step) ?? null,
			prune: this.#book.prune(),
			stop: stop || this.#endsEarly(),
		});
	}
}

/** Does a checkpoint stand or fall by it? */
const isOfCheckpoint = ({
	split,
	model,
	images,
}: Pick<ScoreEvent, "split" | "model" | "images">) =>
	split === "validation" && model === "tuned" && images === "own";
