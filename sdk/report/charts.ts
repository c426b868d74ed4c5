// The charts of a run, from its events: what is shown, under which names.
import type { TopLevelSpec } from "vega-lite";
import { isTextMetric } from "../metrics/index.js";
import type { RunEvent } from "../run/event.generated.js";
import type { ResolvedEvaluation } from "../spec/spec.generated.js";
import { type Best, drawCurve } from "./curve.js";
import {
	lossPoints,
	type Point,
	scorePoints,
	stepPoints,
	stepsOf,
	thin,
	validationScores,
} from "./series.js";

/** A curve over the steps of a run. */
export interface Chart {
	/** `training-loss`, `evaluation-loss`, `evaluation-rouge1`, `learning-rate`, `throughput`, ...; usable as a file name. */
	readonly name: string;
	readonly title: string;
	/** What was put together or left out; null where every value is a point. */
	readonly note: string | null;
	/** Vega-Lite, with its data; its colours do on light and on dark. */
	readonly spec: TopLevelSpec;
}

/**
 * Training loss, evaluation loss, the metric to go by, the other metrics, learning rate and throughput, in this order. A
 * chart without data is absent; of more than 300 values neighbours are put together, and `note` says so.
 */
export function chartsOf(
	events: readonly RunEvent[],
	{ metrics, best }: Pick<ResolvedEvaluation, "metrics" | "best">,
): readonly Chart[] {
	const steps = stepsOf(events);
	const scores = validationScores(events);
	const others = new Set<string>([best.metric, ...metrics]);
	others.delete("loss");
	return [
		chart("training-loss", "Training loss (nats per answer token)", {
			points: stepPoints(steps, ({ loss }) => loss),
			note: lostSteps(steps.filter(({ finite }) => !finite).length),
			best: bestOf(events),
		}),
		chart("evaluation-loss", "Validation loss (nats per answer token)", {
			points: lossPoints(events),
			best: bestOf(events),
			zero: true,
		}),
		...[...others].map((metric) =>
			chart(`evaluation-${fileName(metric)}`, `Validation ${titleOf(metric)}`, {
				points: scorePoints(scores, metric),
				best: bestOf(events),
				zero: isTextMetric(metric),
			}),
		),
		chart("learning-rate", "Learning rate", {
			points: stepPoints(steps, ({ learningRate }) => learningRate),
			format: "~e",
			zero: true,
		}),
		chart("throughput", "Throughput (examples per second)", {
			points: stepPoints(steps, ({ examplesPerSecond }) => examplesPerSecond),
			zero: true,
		}),
	].filter((one): one is Chart => one !== null);
}

/** "rouge1" as people write it. */
export function titleOf(metric: string): string {
	return metric.startsWith("rouge")
		? `ROUGE-${metric.slice("rouge".length)}`
		: metric;
}

interface Content {
	readonly points: readonly Point[];
	readonly note?: string | null;
	readonly best?: Best | null;
	/** Does the axis begin at 0? */
	readonly zero?: boolean;
	/** Of the numbers on the axis. */
	readonly format?: string;
}

function chart(
	name: string,
	title: string,
	{ points: all, note = null, best = null, zero = false, format }: Content,
): Chart | null {
	if (all.length === 0) return null;
	const { points, per } = thin(all);
	const notes = [
		...(per === 1 ? [] : [thinned(all.length, points.length, per)]),
		...(note === null ? [] : [note]),
	];
	return {
		name,
		title,
		note: notes.length === 0 ? null : notes.join(" "),
		spec: drawCurve({
			title,
			points,
			best: best && {
				step: best.step,
				value: all.find(({ step }) => step === best.step)?.value ?? null,
			},
			zero,
			...(format === undefined ? {} : { format }),
		}),
	};
}

const thinned = (values: number, points: number, per: number) =>
	`${values.toLocaleString("en")} values as ${points} points: each is the mean of ${per}, the band goes from the smallest to the largest.`;

const lostSteps = (count: number) =>
	count === 0
		? null
		: `${count === 1 ? "One step was" : `${count} steps were`} not finite and changed nothing.`;

/** The best checkpoint as of the last score. */
function bestOf(events: readonly RunEvent[]): Best | null {
	const last = events.findLast(
		(event) => event.type === "score" && event.best !== null,
	);
	return last?.type === "score" && last.best !== null
		? { step: last.best.step, value: null }
		: null;
}

/** A metric of the user's own may have any name. */
const fileName = (metric: string) =>
	metric.replaceAll(/[^\w-]/g, "-").slice(0, 80);
