// The curves of a run as points, from its events.
import { scoreTokenSums, type TokenSums } from "../metrics/index.js";
import type {
	EvaluationEvent,
	RunEvent,
	ScoreEvent,
	StepEvent,
} from "../run/event.generated.js";

export interface Point {
	readonly step: number;
	readonly value: number;
	/** Smallest and largest of the values that the point stands for, where it stands for several. */
	readonly low?: number;
	readonly high?: number;
}

/** Points of a curve; more cannot be told apart at the size of a chart. */
const maxPoints = 300;

export interface Thinned {
	readonly points: readonly Point[];
	/** Values that each point stands for; the last may stand for fewer. */
	readonly per: number;
}

/** Neighbours become their mean, with their extremes beside it, until few enough are left. */
export function thin(points: readonly Point[]): Thinned {
	const per = Math.ceil(points.length / maxPoints) || 1;
	if (per === 1) return { points, per };
	const thinned: Point[] = [];
	for (let at = 0; at < points.length; at += per)
		thinned.push(merge(points.slice(at, at + per)));
	return { points: thinned, per };
}

function merge(neighbours: readonly Point[]): Point {
	const values = neighbours.map(({ value }) => value);
	const middle = neighbours[neighbours.length >> 1] as Point;
	return {
		step: middle.step,
		value: values.reduce((sum, value) => sum + value, 0) / values.length,
		low: Math.min(...values),
		high: Math.max(...values),
	};
}

/** One value of every step that has it. */
export const stepPoints = (
	steps: readonly StepEvent[],
	read: (step: StepEvent) => number | null,
): Point[] =>
	steps.flatMap((event) => {
		const value = read(event);
		return value === null ? [] : [{ step: event.step, value }];
	});

export const stepsOf = (events: readonly RunEvent[]): StepEvent[] =>
	events.filter((event) => event.type === "step");

/** The scores of the validation split on the way. */
export const validationScores = (events: readonly RunEvent[]): ScoreEvent[] =>
	events.filter(
		(event): event is ScoreEvent => event.type === "score" && isOnTheWay(event),
	);

/** A metric of the evaluations that have it. */
export const scorePoints = (
	scores: readonly ScoreEvent[],
	metric: string,
): Point[] =>
	scores.flatMap(({ step, values }) => {
		const value = values[metric] ?? null;
		return value === null ? [] : [{ step, value }];
	});

/** The loss of every evaluation, also where `loss` is none of the metrics. */
export const lossPoints = (events: readonly RunEvent[]): Point[] =>
	events.flatMap((event) => {
		if (event.type !== "evaluation" || !isOnTheWay(event)) return [];
		const value = lossOf(event);
		return value === null ? [] : [{ step: event.step, value }];
	});

/** Null for a model that diverged. */
function lossOf({ examples }: EvaluationEvent): number | null {
	const sums = examples.filter(
		(one): one is typeof one & TokenSums => one.lossSum !== null,
	);
	const isWhole = sums.length === examples.length && sums.length > 0;
	return isWhole ? scoreTokenSums(sums, ["loss"]).loss : null;
}

const isOnTheWay = ({
	split,
	model,
	images,
}: Pick<ScoreEvent, "split" | "model" | "images">) =>
	split === "validation" && model === "tuned" && images === "own";
