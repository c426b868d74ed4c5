// report(): tells a run to a person, from nothing but its folder.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { runFiles } from "../run/folder.js";
import { chartsOf } from "./charts.js";
import { renderSvg } from "./curve.js";
import { renderPage } from "./page.js";
import { type RunRecord, readRun } from "./read.js";

/**
 * Writes `report.html` into a run folder, and its charts as `charts/<name>.svg`; also of a run that failed half-way.
 * Returns the path of the page.
 *
 * @throws {InputError} RUN_UNKNOWN for a folder that holds no run.
 */
export async function report(folder: string): Promise<string> {
	const record = readRun(resolve(folder));
	const page = await renderPage(record);
	await writeCharts(record);
	const file = join(record.folder, runFiles.report);
	writeWhole(file, page);
	return file;
}

async function writeCharts({ folder, spec, events }: RunRecord): Promise<void> {
	const target = join(folder, runFiles.charts);
	const charts = chartsOf(events, spec.evaluation);
	if (charts.length > 0) mkdirSync(target, { recursive: true });
	for (const chart of charts)
		writeWhole(join(target, `${chart.name}.svg`), await renderSvg(chart.spec));
}

function writeWhole(file: string, text: string): void {
	writeFileSync(`${file}.partial`, text);
	renameSync(`${file}.partial`, file);
}
