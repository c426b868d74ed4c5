// The built-in metrics by name.

import { exactMatch } from "./exact-match.js";
import { bestRouge } from "./rouge.js";
import { tagF1 } from "./tag-f1.js";
import {
	type TokenizedText,
	type TokenOptions,
	tokenizeText,
} from "./tokens.js";

export const textMetricNames = [
	"rouge1",
	"rouge2",
	"rougeL",
	"rougeLsum",
	"rougeS",
	"rougeSU4",
	"exactMatch",
	"tagF1",
] as const;

export const tokenMetricNames = [
	"loss",
	"perplexity",
	"tokenAccuracy",
] as const;

/** Compares the generated text with the references. */
export type TextMetricName = (typeof textMetricNames)[number];
/** Needs no generated text: see `scoreTokenSums`. */
export type TokenMetricName = (typeof tokenMetricNames)[number];
export type MetricDirection = "max" | "min";

/** A score in [0, 1] of a predicted text against its references, the best over the references; for ROUGE the F-measure. */
export type TextMetric = (
	prediction: string,
	references: readonly string[],
	options: TokenOptions,
) => number;

/** Whether more or less is better. */
export const metricDirections: Readonly<
	Record<TextMetricName | TokenMetricName, MetricDirection>
> = {
	rouge1: "max",
	rouge2: "max",
	rougeL: "max",
	rougeLsum: "max",
	rougeS: "max",
	rougeSU4: "max",
	exactMatch: "max",
	tagF1: "max",
	loss: "min",
	perplexity: "min",
	tokenAccuracy: "max",
};

/** The text metrics as functions of strings; for many examples or several metrics `scoreCorpus` is faster. */
export const textMetrics = Object.fromEntries(
	textMetricNames.map((name) => [name, fromStrings(name)]),
) as Readonly<Record<TextMetricName, TextMetric>>;

export function isTextMetric(name: string): name is TextMetricName {
	return (textMetricNames as readonly string[]).includes(name);
}

export function isTokenMetric(name: string): name is TokenMetricName {
	return (tokenMetricNames as readonly string[]).includes(name);
}

/** A text with its tokens, so that several metrics share the reading of it. */
export interface MetricText extends TokenizedText {
	readonly text: string;
}

export function readText(text: string, options: TokenOptions): MetricText {
	return { text, ...tokenizeText(text, options) };
}

/** The metric of that name, for texts already read. */
export function scoreText(
	name: TextMetricName,
	prediction: MetricText,
	references: readonly MetricText[],
): number {
	switch (name) {
		case "exactMatch":
			return exactMatch(prediction.text, textsOf(references));
		case "tagF1":
			return tagF1(prediction.text, textsOf(references));
		default:
			return bestRouge(name, prediction, references).fmeasure;
	}
}

function fromStrings(name: TextMetricName): TextMetric {
	return (prediction, references, options) =>
		scoreText(
			name,
			readText(prediction, options),
			references.map((reference) => readText(reference, options)),
		);
}

function textsOf(references: readonly MetricText[]): string[] {
	return references.map(({ text }) => text);
}
