// Scores evaluations from what the worker sends: its decoded answers and its sums.
import { CallbackError } from "../errors.js";
import {
	bestConstantAnswer,
	type ConstantAnswer,
	isTokenMetric,
	MetricError,
	type OwnMetric,
	scoreCorpus,
	scoreTokenSums,
	type TokenMetricName,
	type TokenSums,
} from "../metrics/index.js";
import type { ResolvedEvaluation } from "../spec/spec.generated.js";
import type {
	EvaluationEvent,
	Prediction,
	PredictionsEvent,
} from "./event.generated.js";

/** A prediction with the score of each text metric; one of the user's own for whole splits has none. */
export type ScoredPrediction = Prediction & {
	readonly scores: Readonly<Record<string, number>>;
};

/** What an evaluation came to. */
export interface Scores {
	readonly values: Readonly<Record<string, number | null>>;
	readonly examples: number;
	/** Answers without a single word. */
	readonly empty: number;
	/** Share of answers that ended by themselves. */
	readonly stopped: number | null;
}

export interface ScoredEvaluation {
	readonly scores: Scores;
	/** Empty where nothing was generated. */
	readonly predictions: readonly ScoredPrediction[];
}

export class Scorer {
	readonly #evaluation: ResolvedEvaluation;
	readonly #ownMetrics: Readonly<Record<string, OwnMetric>>;
	readonly #predictions = new Map<string, Prediction[]>();
	readonly #references = new Map<string, readonly (readonly string[])[]>();
	#trainAnswers: readonly string[] = [];

	constructor(
		evaluation: ResolvedEvaluation,
		ownMetrics: Readonly<Record<string, OwnMetric>>,
	) {
		this.#evaluation = evaluation;
		this.#ownMetrics = ownMetrics;
	}

	takeAnswers(answers: readonly string[]): void {
		this.#trainAnswers = answers;
	}

	takePredictions({ evaluationId, items }: PredictionsEvent): void {
		const known = this.#predictions.get(evaluationId) ?? [];
		this.#predictions.set(evaluationId, [...known, ...items]);
	}

	/** Notes what an evaluation expected that has its score already. */
	recall(event: EvaluationEvent): void {
		this.#takeUp(event);
	}

	/**
	 * Every metric of the spec for one evaluation.
	 *
	 * @throws {CallbackError} METRIC_FAILED when a metric of the user's own does.
	 */
	async score(event: EvaluationEvent): Promise<ScoredEvaluation> {
		const { examples } = event;
		const predictions = this.#takeUp(event);
		const metrics: readonly string[] = this.#evaluation.metrics;
		const values: Record<string, number | null> = {};
		for (const metric of metrics.filter(isTokenMetric))
			values[metric] = scoreSums(metric, examples);
		if (this.#evaluation.kind === "teacherForced") {
			const scores = { values, examples: examples.length, empty: 0 };
			return { scores: { ...scores, stopped: null }, predictions: [] };
		}
		const texts = await this.#scoreTexts(
			predictions,
			metrics.filter((metric) => !isTokenMetric(metric)),
			this.#evaluation.stemming,
		);
		const stopped = predictions.filter(({ stopped }) => stopped).length;
		return {
			scores: {
				values: { ...values, ...texts.values },
				examples: predictions.length,
				empty: texts.empty,
				stopped: stopped / predictions.length,
			},
			predictions: predictions.map((prediction, index) => ({
				...prediction,
				// Every key that is there has a number.
				scores: { ...texts.perExample[index] } as Record<string, number>,
			})),
		};
	}

	/** What a split would score if one training answer were given for every row; null where nothing was generated. */
	constantAnswer(split: string): ConstantAnswer | null {
		const references = this.#references.get(split);
		if (references === undefined || this.#trainAnswers.length === 0)
			return null;
		if (this.#evaluation.kind !== "generate") return null;
		const { stemming } = this.#evaluation;
		return bestConstantAnswer(this.#trainAnswers, references, { stemming });
	}

	#takeUp({ evaluationId, split }: EvaluationEvent): readonly Prediction[] {
		const predictions = this.#predictions.get(evaluationId) ?? [];
		this.#predictions.delete(evaluationId);
		this.#references.set(
			split,
			predictions.map(({ references }) => references),
		);
		return predictions;
	}

	async #scoreTexts(
		predictions: readonly Prediction[],
		metrics: readonly string[],
		stemming: boolean,
	) {
		try {
			return await scoreCorpus(predictions, metrics, {
				stemming,
				ownMetrics: this.#ownMetrics,
			});
		} catch (error) {
			if (!(error instanceof MetricError)) throw error;
			throw new CallbackError("METRIC_FAILED", `${error.message}.`, {
				cause: error.cause ?? error,
				data: { metric: error.metric, example: error.example },
			});
		}
	}
}

/** Null where the loss is not finite: a diverged model is a result, not a failure. */
function scoreSums(
	metric: TokenMetricName,
	examples: EvaluationEvent["examples"],
): number | null {
	if (metric !== "tokenAccuracy")
		for (const { lossSum } of examples) if (lossSum === null) return null;
	try {
		return scoreTokenSums(examples as readonly TokenSums[], [metric])[metric];
	} catch (error) {
		if (error instanceof MetricError) return null;
		throw error;
	}
}
