// showRun(): a run as its folder tells it, whoever made it and whenever.
import { basename } from "node:path";
import { describeMethod, troubles } from "../report/outcome.js";
import { type RunRecord, readRun } from "../report/read.js";
import { allScores } from "../report/scores.js";
import { shown } from "../report/text.js";
import { drawCharts } from "./chart.js";
import { describeEnd } from "./end.js";
import { coloured } from "./html.js";
import { type MimeBundle, showBundle } from "./kernel.js";
import { drawPictures, folderOf } from "./pictures.js";

/**
 * Shows a run from its folder: what was trained and how it ended, every score, the curves, and the first pictures with
 * their answers. Of one that is under way, what it has come to so far.
 *
 * Outside a tslab kernel nothing is shown, and the outputs are returned.
 *
 * @throws {InputError} RUN_UNKNOWN for a folder that holds no run.
 */
export async function showRun(
	run: string | { readonly folder: string },
): Promise<readonly MimeBundle[] | undefined> {
	const record = readRun(folderOf(run));
	const charts = await drawCharts(record.events, record.spec);
	const bundles = [
		drawSummary(record),
		...(charts === undefined ? [] : [charts]),
		drawPictures(record.folder),
	];
	const returned = bundles.map(showBundle).filter((one) => one !== undefined);
	return returned.length > 0 ? returned : undefined;
}

function drawSummary(record: RunRecord): MimeBundle {
	const { spec, events, folder } = record;
	const name = spec.name ?? basename(folder);
	const facts = [
		spec.model.nameOrPath,
		describeMethod(record),
		describeEnd(events, spec),
	].join(" · ");
	return {
		"text/html": [
			`<p><b>${shown(name)}</b><br>${coloured("soft", shown(facts))}</p>`,
			troubles(record),
			allScores(record),
		].join("\n"),
		"text/plain": `${name}: ${facts}`,
	};
}
