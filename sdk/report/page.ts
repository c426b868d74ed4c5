// report.html: one file that tells a run to a person, with nothing to load from elsewhere.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type Chart, chartsOf } from "./charts.js";
import { renderInline } from "./curve.js";
import { dataFacts, settings, versions, warnings } from "./facts.js";
import { renderGallery } from "./gallery.js";
import { summaryLine, troubles } from "./outcome.js";
import { type RunRecord, readComparisons } from "./read.js";
import { allScores, headline } from "./scores.js";
import { script } from "./script.js";
import { style } from "./style.js";
import { shown } from "./text.js";

/** Charts in the first row; the others are smaller. Letters are of one size, so the drawings are not. */
const mainCharts = 3;
const large = { width: 320, height: 180 };
const small = { width: 220, height: 120 };

/** Should markup get in by a way that nobody thought of, it can neither run nor fetch anything. */
const policy = [
	"default-src 'none'",
	"img-src data:",
	"style-src 'unsafe-inline'",
	`script-src 'sha256-${createHash("sha256").update(script).digest("base64")}'`,
	"base-uri 'none'",
	"form-action 'none'",
].join("; ");

/** The page as HTML. */
export async function renderPage(record: RunRecord): Promise<string> {
	const { spec, events, folder } = record;
	const name = shown(spec.name ?? basename(folder));
	const charts = chartsOf(events, spec.evaluation);
	return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name} · captune</title>
<style>${style}</style>
<main>
<header>
<h1>${name}</h1>
<p>${shown(summaryLine(record))}</p>
</header>
${troubles(record)}
${headline(record)}
${warnings(events)}
${await renderCharts(charts.slice(0, mainCharts), "charts", large)}
${await renderCharts(charts.slice(mainCharts), "charts small", small)}
${allScores(record)}
${renderGallery(readComparisons(record), spec.evaluation)}
${dataFacts(events)}
${settings(record)}
${versions(record)}
</main>
<script>${script}</script>
</html>
`;
}

async function renderCharts(
	charts: readonly Chart[],
	kind: string,
	size: typeof large,
): Promise<string> {
	if (charts.length === 0) return "";
	const figures = await Promise.all(
		charts.map((chart) => renderChart(chart, size)),
	);
	return `<section class="${kind}">\n${figures.join("\n")}\n</section>`;
}

async function renderChart(
	{ title, note, spec }: Chart,
	size: typeof large,
): Promise<string> {
	const svg = await renderInline(spec, size);
	return `<figure><figcaption>${shown(title)}</figcaption>${svg}${note === null ? "" : `<p>${shown(note)}</p>`}</figure>`;
}
