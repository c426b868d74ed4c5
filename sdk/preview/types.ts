// What a preview shows: rows as the model gets them.
import type { DataEvent, TensorInfo } from "../run/event.generated.js";

/** A stretch of a row's tokens. */
export interface PreviewSpan {
	readonly kind: "image" | "prompt" | "answer" | "end" | "pad";
	/** What the tokens spell. */
	readonly text: string;
	readonly tokens: number;
	/** Is it learnt? */
	readonly trained: boolean;
}

/** A picture as the model sees it. */
export interface PreviewPicture {
	/** The file as given, or extracted. */
	readonly path: string;
	/** Pixels, upright. */
	readonly width: number;
	/** Pixels, upright. */
	readonly height: number;
	readonly visualTokens: number;
	/** PNG files: the global view first, then the grid row by row. */
	readonly crops: readonly string[];
	readonly grid: { readonly rows: number; readonly columns: number };
}

/** A row. The n-th image span is the n-th picture. */
export interface PreviewRow {
	readonly split: string;
	/** File and line (`train.jsonl:12`). */
	readonly place: string;
	readonly tokens: number;
	readonly trainedTokens: number;
	readonly spans: readonly PreviewSpan[];
	readonly pictures: readonly PreviewPicture[];
	/** Answers that are right, as evaluation compares them. */
	readonly references: readonly string[];
}

/** Some rows, and what a batch of them is made of. */
export interface PreviewData {
	readonly rows: readonly PreviewRow[];
	readonly tensors: readonly TensorInfo[];
	readonly splits: DataEvent["splits"];
}
