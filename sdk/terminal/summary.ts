// The end of a run in a few lines: is the tuned model better, by how much, on which pictures.
import { basename } from "node:path";
import { titleOf } from "../report/charts.js";
import { readComparisons, readRun } from "../report/read.js";
import { signed } from "../report/text.js";
import type { EvaluationResult } from "../run/conclusion.js";
import { runFiles } from "../run/folder.js";
import type { FinetuneResult, SplitResult } from "../run/result.js";

const shownPictures = 5;

type ScoredSplits = Pick<FinetuneResult, "validation" | "test">;

/** Every score of an evaluation, as plain text. */
export function summarizeEvaluation(result: EvaluationResult): string {
	const metrics = [
		...new Set(
			[result.validation, result.test].flatMap((split) =>
				[split?.base, split?.tuned].flatMap((one) =>
					Object.keys(one?.values ?? {}),
				),
			),
		),
	];
	return [
		...metrics.flatMap((metric) => [...table(result, metric), ""]),
		`answers   ${result.folder}/${runFiles.predictions}`,
	].join("\n");
}

/** What a person wants to know of a finished run, as plain text. */
export function summarize(result: FinetuneResult): string {
	const record = readRun(result.folder);
	const { metric } = record.spec.evaluation.best;
	const comparisons = readComparisons(record).rows.slice(0, shownPictures);
	return [
		`${result.status} after ${result.steps} steps in ${result.seconds.toFixed(0)} s`,
		"",
		...table(result, metric),
		"",
		...comparisons.flatMap(({ images, expected, base, tuned }) => [
			images.map((image) => basename(image)).join(", "),
			`  expected  ${expected.join(" | ")}`,
			...(base === null ? [] : [`  base      ${base}`]),
			`  tuned     ${tuned}`,
		]),
		...(comparisons.length > 0 ? [""] : []),
		`weights   ${result.adapter}`,
		...(result.merged ? [`merged    ${result.merged}`] : []),
		...(result.hub ? [`hub       ${result.hub.url}`] : []),
		...(record.spec.output.report
			? [`report    ${result.folder}/report.html`]
			: []),
	].join("\n");
}

function table(result: ScoredSplits, metric: string): string[] {
	const splits = (["test", "validation"] as const).flatMap((name) => {
		const split = result[name];
		return split === null ? [] : [row(name, split, metric)];
	});
	const heads = [
		titleOf(metric),
		"base",
		"tuned",
		"pictures shuffled",
		"best constant answer",
	];
	return [
		...[heads, ...splits].map((cells) =>
			cells
				.map((cell, at) =>
					cell.padEnd(Math.max(12, (heads[at] ?? "").length + 2)),
				)
				.join("")
				.trimEnd(),
		),
		...differences(result, metric),
	];
}

const differences = (result: ScoredSplits, metric: string): string[] =>
	(["test", "validation"] as const).flatMap((name) => {
		const told = result[name]?.difference?.[metric];
		if (told === undefined) return [];
		const { difference, low, high, level } = told;
		return [
			"",
			`difference on ${name} ${signed(difference)}, ${100 * level} % interval ${signed(low)} to ${signed(high)}`,
		];
	});

function row(name: string, split: SplitResult, metric: string): string[] {
	const value = (one: number | null | undefined) =>
		typeof one === "number" ? one.toFixed(3) : "-";
	return [
		name,
		value(split.base?.values[metric]),
		value(split.tuned?.values[metric]),
		value(split.shuffled?.values[metric]),
		value(metric === "rouge1" ? split.constant?.rouge1 : null),
	];
}
