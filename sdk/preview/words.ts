// The words that a preview uses, on a terminal and on a page.
import type { TensorInfo } from "../run/event.generated.js";
import type { PreviewData, PreviewPicture, PreviewRow } from "./types.js";

/** `787 tokens, 12 trained`. */
export const describeTokens = ({ tokens, trainedTokens }: PreviewRow): string =>
	`${countOf(tokens, "token")}, ${count(trainedTokens)} trained`;

/** `2x1 crops + whole`: columns by rows, as a picture's size is width by height. */
export function describeCrops({ grid, crops }: PreviewPicture): string {
	return crops.length === 1 || grid.rows * grid.columns === 0
		? "whole only"
		: `${grid.columns}x${grid.rows} crops + whole`;
}

/** `1344x672, 757 tokens, 2x1 crops + whole`. */
export const describePicture = (picture: PreviewPicture): string =>
	[
		`${picture.width}x${picture.height}`,
		countOf(picture.visualTokens, "token"),
		describeCrops(picture),
	].join(", ");

/** Heads and rows of a table; all cells but the first are numbers where `isNumber` says so. */
export interface Table {
	readonly title: string;
	readonly heads: readonly string[];
	readonly isNumber: readonly boolean[];
	readonly rows: readonly (readonly string[])[];
}

/** The tables below the rows; one without rows is left out. */
export const tablesOf = ({ tensors, splits }: PreviewData): Table[] =>
	[tensorTable(tensors), splitTable(splits)].filter(
		({ rows }) => rows.length > 0,
	);

const tensorTable = (tensors: readonly TensorInfo[]): Table => ({
	title: "Tensors of the batch",
	heads: ["name", "shape", "dtype", "bytes"],
	isNumber: [false, false, false, true],
	rows: tensors.map(({ name, shape, dtype, bytes }) => [
		name,
		`[${shape.join(", ")}]`,
		dtype,
		count(bytes),
	]),
});

const splitTable = (splits: PreviewData["splits"]): Table => ({
	title: "Splits, with tokens of a row: mean (largest)",
	heads: ["split", "rows", "prompt", "pictures", "answer"],
	isNumber: [false, true, true, true, true],
	rows: splits.map((one) => [
		one.split,
		count(one.rows),
		...[one.promptTokens, one.visualTokens, one.answerTokens].map(
			({ mean, max }) => `${count(Math.round(mean))} (${count(max)})`,
		),
	]),
});

/** `1 token`, `1,024 tokens`. */
export const countOf = (value: number, noun: string): string =>
	`${count(value)} ${noun}${value === 1 ? "" : "s"}`;

const count = (value: number) => value.toLocaleString("en");
