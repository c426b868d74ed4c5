// showPictures(): pictures with what was expected and what the models answered.
import { basename, resolve } from "node:path";
import { titleOf } from "../report/charts.js";
import { inlinePicture } from "../report/html.js";
import { readAnswers, readRecord } from "../report/read.js";
import { shown } from "../report/text.js";
import type { ScoredPrediction } from "../run/scorer.js";
import { type Colour, coloured, wordTable } from "./html.js";
import { type MimeBundle, showBundle } from "./kernel.js";

export interface ShowPicturesOptions {
	/** How many rows of the split, from the first. Default: 5. */
	readonly rows?: number;
}

const pictureWidth = 180;

/**
 * Shows the first pictures of the test split, or of the validation split where there is none, with the expected, the
 * base and the tuned answer and the score of each; of an evaluation, which has one of the two, that one. What is shown
 * is read from the folder of what is given.
 *
 * Outside a tslab kernel nothing is shown, and the output is returned.
 *
 * @throws {InputError} RUN_UNKNOWN for a folder that holds neither a run nor an evaluation.
 */
export function showPictures(
	finished: string | { readonly folder: string },
	{ rows }: ShowPicturesOptions = {},
): MimeBundle | undefined {
	return showBundle(drawPictures(folderOf(finished), rows));
}

/** The folder of a run, of its result, or as it is given. */
export const folderOf = (run: string | { readonly folder: string }): string =>
	resolve(typeof run === "string" ? run : run.folder);

/** The pictures of a run or an evaluation; empty where nothing was generated. */
export function drawPictures(folder: string, most = 5): MimeBundle {
	const record = readRecord(folder);
	const answersOf = (split: "test" | "validation") => ({
		split,
		base: readAnswers(record, split, "base"),
		tuned: readAnswers(record, split, "tuned"),
	});
	const test = answersOf("test");
	const isTested = test.base.length + test.tuned.length > 0;
	const { split, base, tuned } = isTested ? test : answersOf("validation");
	const rows = tuned.length > 0 ? tuned : base;
	const { metric } = record.spec.evaluation.best;
	const models = Object.entries({ base, tuned }).filter(
		([, answers]) => answers.length > 0,
	) as [Colour, readonly ScoredPrediction[]][];
	const find = (answers: readonly ScoredPrediction[], row: number) =>
		answers.find((answer) => answer.row === row);
	const shownRows = rows.slice(0, most);
	const prompts = new Set(shownRows.map(({ prompt }) => prompt));
	return {
		"text/html": [
			`<p>${count(shownRows.length, rows.length)} of the ${split} split${models.length > 0 ? `, with ${shown(titleOf(metric))}` : ""}. ${prompts.size === 1 ? `Prompt: <i>${shown([...prompts][0] ?? "")}</i>` : ""}</p>`,
			wordTable(
				["picture", "expected", ...models.map(([name]) => name)],
				shownRows.map(({ row, images, references, prompt }) => [
					`${images.map(picture).join("<br>")}${prompts.size === 1 ? "" : `<br>${coloured("soft", shown(prompt))}`}`,
					references
						.map((text) => coloured("expected", shown(text)))
						.join("<br>"),
					...models.map(([name, answers]) =>
						answered(name, find(answers, row), metric),
					),
				]),
			),
		].join("\n"),
		"text/plain": shownRows
			.map(({ row, images, references }) =>
				[
					images.map((image) => basename(image)).join(", "),
					`  expected  ${references.join(" | ")}`,
					...models.map(
						([name, answers]) =>
							`  ${name.padEnd(8)}  ${find(answers, row)?.prediction ?? ""}`,
					),
				].join("\n"),
			)
			.join("\n"),
	};
}

const count = (some: number, all: number) =>
	some === all ? `${all} rows` : `The first ${some} of ${all} rows`;

function answered(
	name: Colour,
	answer: ScoredPrediction | undefined,
	metric: string,
): string {
	if (answer === undefined) return "";
	const score = answer.scores[metric];
	const text = coloured(name, shown(answer.prediction) || "<i>nothing</i>");
	return score === undefined
		? text
		: `${text}<br>${coloured("soft", score.toFixed(2))}`;
}

function picture(path: string): string {
	const name = shown(basename(path));
	const source = inlinePicture(path);
	return source === undefined
		? name
		: `<img width="${pictureWidth}" alt="${name}" title="${name}" src="${source}">`;
}
