// The curves of a run as Vega-Lite specifications, and as SVG.
import type { TopLevelSpec } from "vega-lite";
import type { RunEvent, ScoreEvent } from "../run/event.generated.js";

export interface Chart {
	/** Short name, usable as a file name. */
	readonly name: string;
	readonly title: string;
	readonly spec: TopLevelSpec;
}

/** Training loss, evaluation loss, and every text metric of the evaluations that were made. */
export function chartsOf(
	events: readonly RunEvent[],
	bestMetric: string,
): readonly Chart[] {
	const scores = events.filter(
		(event): event is ScoreEvent =>
			event.type === "score" &&
			event.split === "validation" &&
			event.images === "own",
	);
	const best = scores.findLast(({ isBest }) => isBest)?.step ?? null;
	const steps = events.flatMap((event) =>
		event.type === "step" && event.loss !== null
			? [{ step: event.step, value: event.loss }]
			: [],
	);
	const pointsOf = (metric: string) =>
		scores.flatMap(({ step, values }) => {
			const value = values[metric];
			return value === undefined || value === null ? [] : [{ step, value }];
		});
	const metric = bestMetric === "loss" ? [] : [bestMetric];
	return [
		curve(
			"training-loss",
			"Training loss (nats per answer token)",
			steps,
			null,
		),
		curve(
			"evaluation-loss",
			"Validation loss (nats per answer token)",
			pointsOf("loss"),
			best,
		),
		...metric.map((name) =>
			curve(name, `Validation ${titleOf(name)}`, pointsOf(name), best),
		),
	].filter((chart): chart is Chart => chart !== null);
}

/** An SVG document whose lines and letters take the colour of the text around it. */
export async function renderSvg({ spec }: Chart): Promise<string> {
	const [{ compile }, { parse, View }] = await Promise.all([
		import("vega-lite"),
		import("vega"),
	]);
	const view = new View(parse(compile(spec).spec), { renderer: "none" });
	const svg = await view.toSVG();
	view.finalize();
	return svg;
}

/** "rouge1" as people write it. */
export function titleOf(metric: string): string {
	return metric.startsWith("rouge")
		? `ROUGE-${metric.slice("rouge".length)}`
		: metric;
}

interface Point {
	readonly step: number;
	readonly value: number;
}

function curve(
	name: string,
	title: string,
	points: readonly Point[],
	best: number | null,
): Chart | null {
	if (points.length === 0) return null;
	const isDense = points.length > 40;
	return {
		name,
		title,
		spec: {
			width: 320,
			height: 180,
			background: "transparent",
			data: { values: points.map((point) => ({ ...point })) },
			encoding: {
				x: {
					field: "step",
					type: "quantitative",
					title: "step",
					scale: { nice: false, zero: false },
				},
				y: {
					field: "value",
					type: "quantitative",
					title: null,
					scale: { zero: name !== "training-loss" },
				},
			},
			layer: [
				{
					mark: {
						type: "line",
						color: "#3b82c4",
						strokeWidth: 2,
						...(isDense ? {} : { point: { color: "#3b82c4", size: 30 } }),
					},
				},
				...(best === null
					? []
					: [
							{
								transform: [{ filter: `datum.step === ${best}` }],
								mark: {
									type: "point" as const,
									size: 130,
									color: "#d9822b",
									strokeWidth: 2.5,
								},
							},
						]),
			],
			config: {
				font: "system-ui, sans-serif",
				view: { stroke: null },
				axis: {
					labelColor: "currentColor",
					titleColor: "currentColor",
					domainColor: "currentColor",
					tickColor: "currentColor",
					gridColor: "currentColor",
					gridOpacity: 0.15,
					domainOpacity: 0.4,
					tickOpacity: 0.4,
					labelFontSize: 11,
					titleFontSize: 11,
					titleFontWeight: "normal",
				},
				axisX: { tickMinStep: 1, format: "d" },
			},
		},
	};
}
