// report.html: one file that tells a run to a person, with nothing to load from elsewhere.
import { basename } from "node:path";
import type { SplitResult } from "../run/result.js";
import { chartsOf, renderSvg, titleOf } from "./charts.js";
import { html, inlinePicture } from "./html.js";
import { type Comparison, type RunRecord, readComparisons } from "./read.js";
import { style } from "./style.js";

/** Pictures in the gallery; a report must stay a file that can be mailed. */
const maxPictures = 48;

/** The page as HTML. */
export async function renderPage(record: RunRecord): Promise<string> {
	const { spec, result, events } = record;
	const metric = spec.evaluation.best.metric;
	const charts = await Promise.all(
		chartsOf(events, metric).map(async (chart) => ({
			...chart,
			svg: await renderSvg(chart),
		})),
	);
	const name = spec.name ?? basename(record.folder);
	return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html(name)} · captune</title>
<style>${style}</style>
<main>
<header>
<h1>${html(name)}</h1>
<p>${html(summaryLine(record))}</p>
</header>
${headline(result?.test ?? result?.validation ?? null, result?.test ? "test" : "validation", metric)}
<section class="charts">
${charts.map(({ title, svg }) => `<figure><figcaption>${html(title)}</figcaption>${svg}</figure>`).join("\n")}
</section>
${gallery(readComparisons(record), metric)}
<section>
<h2>Settings</h2>
<table class="settings">${settings(spec)}</table>
</section>
<section>
<h2>Environment</h2>
<table class="settings">${settings(environment(record))}</table>
</section>
</main>
</html>
`;
}

function summaryLine({ spec, result, events }: RunRecord): string {
	const model = events.find((event) => event.type === "model");
	const method =
		spec.method.kind === "lora" ? `LoRA rank ${spec.method.rank}` : "full";
	const size =
		model?.type === "model"
			? `, ${count(model.trainable)} of ${count(model.parameters)} parameters trained`
			: "";
	const end =
		result === null
			? "did not end well"
			: `${result.status} after ${result.steps} steps in ${result.seconds.toFixed(0)} s${result.best ? `; best at step ${result.best.step}` : ""}`;
	return `${spec.model.nameOrPath} · ${method}${size} · ${end}`;
}

function headline(
	split: SplitResult | null,
	name: string,
	metric: string,
): string {
	if (split === null) return "";
	const cells: [string, number | null | undefined, string][] = [
		["tuned", split.tuned?.values[metric], "tuned"],
		["base", split.base?.values[metric], "base"],
		["tuned, pictures shuffled", split.shuffled?.values[metric], ""],
		[
			"best constant answer",
			metric === "rouge1" ? split.constant?.rouge1 : null,
			"",
		],
	];
	return `<section class="headline">
<h2>${html(titleOf(metric))} on the ${name} split</h2>
<dl>${cells
		.filter(([, value]) => value !== undefined && value !== null)
		.map(
			([label, value, kind]) =>
				`<div class="${kind}"><dt>${label}</dt><dd>${(value as number).toFixed(3)}</dd></div>`,
		)
		.join("")}</dl>
</section>`;
}

function gallery(comparisons: readonly Comparison[], metric: string): string {
	if (comparisons.length === 0) return "";
	const shown = comparisons.slice(0, maxPictures);
	const more =
		comparisons.length > shown.length
			? ` <small>(${shown.length} of ${comparisons.length})</small>`
			: "";
	return `<section>
<h2>Test pictures${more}</h2>
<div class="gallery">
${shown.map((one) => card(one, metric)).join("\n")}
</div>
</section>`;
}

function card(comparison: Comparison, metric: string): string {
	const { images, expected, base, tuned, scores, baseScores } = comparison;
	const line = (kind: string, text: string, value: number | undefined) =>
		`<div class="${kind}"><dt>${kind}${value === undefined ? "" : ` <b>${value.toFixed(2)}</b>`}</dt><dd>${html(text) || "<i>nothing</i>"}</dd></div>`;
	return `<article>${images.map(picture).join("")}<dl>
${expected.map((text) => line("expected", text, undefined)).join("")}
${base === null ? "" : line("base", base, baseScores?.[metric])}
${line("tuned", tuned, scores[metric])}
</dl></article>`;
}

function picture(path: string): string {
	const name = html(basename(path));
	const source = inlinePicture(path);
	return source === undefined
		? `<div class="missing">${name}</div>`
		: `<img alt="${name}" title="${name}" src="${source}">`;
}

function environment({ events }: RunRecord): unknown {
	const ready = events.findLast((event) => event.type === "ready");
	if (ready?.type !== "ready") return {};
	return { ...ready.versions, device: ready.device.name };
}

/** Every field, by its dotted path. */
function settings(value: unknown, path = ""): string {
	if (typeof value === "object" && value !== null && !Array.isArray(value))
		return Object.entries(value)
			.map(([key, item]) =>
				settings(item, path === "" ? key : `${path}.${key}`),
			)
			.join("");
	const text = Array.isArray(value) ? value.join(", ") : String(value);
	return `<tr><th>${html(path)}</th><td>${html(text)}</td></tr>`;
}

const count = (value: number) => value.toLocaleString("en");
