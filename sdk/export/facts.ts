// What a model card says of the run: scores, data, settings. No row of the data and no path is among it.
import type { RunRecord } from "../report/read.js";
import type { ScoreEvent } from "../run/event.generated.js";
import { isHubId } from "../spec/hash.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import { plain, table } from "./markup.js";

type Source = ResolvedSpec["data"]["test"];

type Range = Readonly<Record<"min" | "mean" | "max", number>>;

/** The last score of a model on a split. */
export interface CardScore {
	readonly split: ScoreEvent["split"];
	readonly tuned: ScoreEvent;
	readonly base: ScoreEvent | undefined;
}

/** Scores of the weights of a step, and of the base model beside them. */
export function scoresOf(
	{ events }: RunRecord,
	step: number | null,
): readonly CardScore[] {
	const scores = events.filter((event) => event.type === "score");
	const last = (split: string, model: string, at: number | null) =>
		scores.findLast(
			(score) =>
				score.split === split &&
				score.model === model &&
				score.step === at &&
				score.images === "own",
		);
	return (["test", "validation"] as const).flatMap((split) => {
		const tuned = last(split, "tuned", step);
		return tuned === undefined
			? []
			: [{ split, tuned, base: last(split, "base", 0) }];
	});
}

export function scoresSection(
	scores: readonly CardScore[],
	{ spec }: RunRecord,
): string {
	if (scores.length === 0) return "";
	const note =
		spec.method.kind === "qlora"
			? "\nMeasured in the run, on the base model in 4 bits; here it has its own weights, of more bits.\n"
			: "";
	const rows = scores.flatMap(({ split, tuned, base }) =>
		Object.entries(tuned.values).map(([metric, value]) => [
			split,
			plain(metric),
			shown(base?.values[metric]),
			shown(value),
			`${tuned.examples}`,
		]),
	);
	return `## Scores

${table(["split", "metric", "base model", "this model", "rows"], rows)}${note}`;
}

export function dataSection({ events, spec }: RunRecord): string {
	const data = events.findLast((event) => event.type === "data");
	if (data === undefined) return "";
	const rows = data.splits.map((one) => {
		const source = spec.data[one.split];
		const dropped = Object.values(one.dropped).reduce((sum, n) => sum + n, 0);
		return [
			one.split,
			plain(datasetOf(source) ?? source.kind),
			`${one.rows}${dropped > 0 ? ` (${dropped} left out)` : ""}`,
			range(one.visualTokens),
			range(one.promptTokens),
			range(one.answerTokens),
		];
	});
	return `## Data

${table(["split", "source", "rows", "visual tokens a row", "prompt tokens", "answer tokens"], rows)}`;
}

export function settingsSection(run: RunRecord, step: number | null): string {
	const { spec, events } = run;
	const { method, training, model } = spec;
	const resolved = events.findLast((event) => event.type === "resolved");
	const adapters: readonly (readonly [string, unknown])[] =
		method.kind === "full"
			? []
			: [
					["rank", method.rank],
					["alpha", method.alpha],
					["dropout", method.dropout],
					["target modules", [method.targetModules].flat().join(", ")],
					["DoRA", method.dora],
					["rsLoRA", method.rslora],
					["biases", method.bias],
					["modules trained whole", method.modulesToSave.join(", ") || "none"],
				];
	const settings: readonly (readonly [string, unknown])[] = [
		["method", method.kind],
		...adapters,
		["optimizer", training.optimizer],
		["learning rate", training.learningRate],
		["schedule", training.schedule],
		["warm-up steps", resolved?.warmupSteps ?? "unknown"],
		["weight decay", training.weightDecay],
		[
			"examples a step",
			training.batchSize * training.gradientAccumulationSteps,
		],
		["steps", `${step ?? "unknown"} of ${resolved?.totalSteps ?? "unknown"}`],
		["crops of a picture, at most", model.imageCrops],
		["computed in", resolved?.dtype ?? "unknown"],
		["seed", spec.seed],
	];
	return `## Settings

${table(
	["", ""],
	settings.map(([name, value]) => [
		name,
		typeof value === "string" ? plain(value) : `${value}`,
	]),
)}`;
}

const range = ({ min, mean, max }: Range) =>
	min === max ? `${min}` : `${min} to ${max}, ${mean.toFixed(1)} on average`;

/** The id of a data set on the hub; null for other sources, whose names are nobody else's business. */
export const datasetOf = (source: Source): string | null =>
	source.kind === "dataset" && isHubId(source.nameOrPath)
		? source.nameOrPath
		: null;

const shown = (value: number | null | undefined) =>
	typeof value === "number" ? value.toFixed(4) : "-";
