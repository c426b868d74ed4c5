// The curves of a run side by side, as one output of a notebook.
import type { TopLevelSpec } from "vega-lite";
import { type Chart, chartsOf } from "../report/charts.js";
import { renderSvg } from "../report/curve.js";
import type { RunEvent } from "../run/event.generated.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import { colours } from "./html.js";
import { type MimeBundle, vegaLite } from "./kernel.js";

/** Training loss, validation loss and the metric to go by: together as wide as a cell of a laptop's screen. */
const maxPanels = 3;
const panelWidth = 215;
/** Without a validation split there is one. */
const singleWidth = 460;
const height = 170;

/** Undefined before there is anything to draw. */
export async function drawCharts(
	events: readonly RunEvent[],
	{ evaluation, data }: ResolvedSpec,
): Promise<MimeBundle | undefined> {
	const charts = chartsOf(events, evaluation)
		.filter(({ name }) => /^(training|evaluation)-/.test(name))
		.slice(0, maxPanels);
	const [first] = charts;
	if (first === undefined) return undefined;
	const width = data.validation.kind === "none" ? singleWidth : panelWidth;
	const { $schema, background, config } = first.spec;
	const spec = {
		$schema,
		background,
		config,
		hconcat: charts.map((chart) => panel(chart, width)),
	} as TopLevelSpec;
	return {
		// These charts use nothing that is newer than version 5.
		[vegaLite]: {
			...spec,
			$schema: "https://vega.github.io/schema/vega-lite/v5.json",
		},
		"image/svg+xml": await renderSvg(spec),
		"text/plain": charts.map(({ title }) => title).join(", "),
	};
}

/** A chart without what is said once for all of them; its unit goes below its title. */
function panel({ title, spec }: Chart, width: number) {
	const { $schema: _, background: __, config: ___, ...view } = spec;
	// A blank keeps the titles of all panels on one line.
	const [, text, subtitle = " "] = /^(.*?)(?: \((.*)\))?$/.exec(title) ?? [];
	return {
		...view,
		title: { text, subtitle, subtitleColor: colours.soft },
		width,
		height,
	};
}
