// Hand-made previews.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type {
	PreviewData,
	PreviewPicture,
	PreviewRow,
	PreviewSpan,
} from "../../sdk/preview/types.js";
import { temporaryFolder } from "./folders.js";

/** The smallest PNG: one white pixel. */
const png = Buffer.from(
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2GAAAAABJRU5ErkJggg==",
	"base64",
);

export const span = (
	kind: PreviewSpan["kind"],
	text: string,
	tokens: number,
	trained = false,
): PreviewSpan => ({ kind, text, tokens, trained });

export const row = (fields: Partial<PreviewRow>): PreviewRow => ({
	split: "train",
	place: "rows.jsonl:1",
	tokens: 10,
	trainedTokens: 2,
	spans: [],
	pictures: [],
	references: [],
	...fields,
});

export const preview = (
	rows: readonly PreviewRow[],
	others: Partial<PreviewData> = {},
): PreviewData => ({ rows, tensors: [], splits: [], ...others });

/** A picture whose views are files, each with other bytes; the global view first. */
export function picture(rows: number, columns: number): PreviewPicture {
	const folder = temporaryFolder();
	const crops = Array.from({ length: 1 + rows * columns }, (_, at) => {
		const file = join(folder, `${at}.png`);
		writeFileSync(file, Buffer.concat([png, Buffer.from([at])]));
		return file;
	});
	return {
		path: "pictures/plane.jpg",
		width: 336 * Math.max(columns, 1),
		height: 336 * Math.max(rows, 1),
		visualTokens: 757,
		crops,
		grid: { rows, columns },
	};
}

/** A row with one of everything. */
export const fullRow = (): PreviewRow =>
	row({
		tokens: 1_234,
		trainedTokens: 5,
		spans: [
			span("prompt", "<|user|>\n", 2),
			span("image", "", 757),
			span("prompt", "\nWhat is it?<|end|>\n<|assistant|>\n", 12),
			span("answer", "a plane", 4, true),
			span("end", "<|end|>", 1, true),
			span("pad", "", 458),
		],
		pictures: [picture(1, 2)],
		references: ["a plane", "an airplane"],
	});

const spread = (min: number, mean: number, max: number) => ({ min, mean, max });

export const facts: Partial<PreviewData> = {
	tensors: [
		{
			name: "pixel_values",
			shape: [2, 3, 336, 336],
			dtype: "F32",
			device: "cpu",
			bytes: 2_709_504,
			trainable: false,
			statistics: null,
		},
	],
	splits: [
		{
			split: "train",
			rows: 12_000,
			dropped: {},
			promptTokens: spread(20, 31.2, 64),
			visualTokens: spread(157, 757, 1_921),
			answerTokens: spread(3, 11.6, 120),
		},
	],
};
