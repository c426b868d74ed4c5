// One curve as a Vega-Lite specification, and as SVG.
import type { TopLevelSpec } from "vega-lite";
import type { Point } from "./series.js";

export interface Best {
	readonly step: number;
	/** Null where the curve has no value at that step. */
	readonly value: number | null;
}

export interface Curve {
	readonly title: string;
	readonly points: readonly Point[];
	readonly best: Best | null;
	readonly zero: boolean;
	readonly format?: string;
}

const blue = "#3b82c4";
const orange = "#d9822b";

/** Letters and axes: 4 to 1 against white and against near-black. */
const ink = "#727d87";

/** With more points than these a dot for each is a smear. */
const maxDots = 40;

export function drawCurve(curve: Curve): TopLevelSpec {
	const { title, points, best, zero, format } = curve;
	const hasDots = points.length <= maxDots;
	return {
		$schema: "https://vega.github.io/schema/vega-lite/v6.json",
		title,
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
				scale: { zero },
				...(format === undefined ? {} : { axis: { format } }),
			},
		},
		layer: [
			...(points[0]?.low === undefined
				? []
				: [
						{
							mark: { type: "area" as const, color: blue, opacity: 0.22 },
							encoding: { y: { field: "low" }, y2: { field: "high" } },
						},
					]),
			...(best === null ? [] : markBest(best)),
			{
				mark: {
					type: "line" as const,
					color: blue,
					strokeWidth: 2,
					...(hasDots ? { point: { color: blue, size: 30 } } : {}),
				},
			},
		],
		config: configOf(ink),
	};
}

/** A dashed line at the step, with its name above, and a ring around the value. */
function markBest({ step, value }: Best) {
	const data = { values: [{ step, value }] };
	const y = { value: 0 };
	return [
		{
			data,
			mark: {
				type: "rule" as const,
				color: orange,
				strokeDash: [4, 3],
				strokeWidth: 1.5,
			},
			encoding: { y, y2: { value: "height" as const } },
		},
		{
			data,
			mark: {
				type: "text" as const,
				text: "best",
				color: orange,
				align: "center" as const,
				dy: -12,
			},
			encoding: { y },
		},
		...(value === null
			? []
			: [
					{
						data,
						mark: {
							type: "point" as const,
							color: orange,
							size: 130,
							strokeWidth: 2.5,
						},
					},
				]),
	];
}

const configOf = (color: string) => ({
	font: "system-ui, sans-serif",
	view: { stroke: null },
	title: {
		color,
		fontSize: 13,
		fontWeight: "normal" as const,
		anchor: "start" as const,
	},
	axis: {
		labelColor: color,
		titleColor: color,
		domainColor: color,
		tickColor: color,
		gridColor: color,
		gridOpacity: 0.15,
		domainOpacity: 0.4,
		tickOpacity: 0.4,
		labelFontSize: 11,
		titleFontSize: 11,
		titleFontWeight: "normal" as const,
	},
	axisX: { tickMinStep: 1, format: ",d" },
});

/** An SVG document that stands for itself. */
export const renderSvg = async (spec: TopLevelSpec): Promise<string> =>
	`${await toSvg(spec)}\n`;

/** An SVG for a page that has the title already: letters and axes take the colour of the text around them. */
export async function renderInline(
	spec: TopLevelSpec,
	size: { readonly width: number; readonly height: number },
): Promise<string> {
	const { title: _, ...untitled } = spec;
	return toSvg({
		...untitled,
		...size,
		config: configOf("currentColor"),
	} as TopLevelSpec);
}

async function toSvg(spec: TopLevelSpec): Promise<string> {
	const [{ compile }, { parse, View }] = await Promise.all([
		import("vega-lite"),
		import("vega"),
	]);
	const view = new View(parse(compile(spec).spec), { renderer: "none" });
	const svg = await view.toSVG();
	view.finalize();
	return svg;
}
