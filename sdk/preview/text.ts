// A preview on a terminal.
import { styleText } from "node:util";
import type {
	PreviewData,
	PreviewPicture,
	PreviewRow,
	PreviewSpan,
} from "./types.js";
import { escaped, visible, visibleLines } from "./visible.js";
import {
	countOf,
	describeCrops,
	describePicture,
	describeTokens,
	type Table,
	tablesOf,
} from "./words.js";
import { type Piece, widthOf, wrap } from "./wrap.js";

export interface TextOptions {
	/** Tell spans apart by colour; without, what is trained stands in «guillemets». */
	readonly color?: boolean;
	/** Columns of the terminal. */
	readonly width?: number;
}

/** A preview as text: every row with its spans and pictures, then the tensors of the batch and the splits. */
export function renderText(
	preview: PreviewData,
	{ color = false, width = 80 }: TextOptions = {},
): string {
	const paint = color ? colored : plain;
	return [
		legend(paint),
		...preview.rows.map((row) => renderRow(row, paint, width)),
		...tablesOf(preview).map((table) => renderTable(table, paint, width)),
	]
		.map((lines) => lines.join("\n"))
		.join("\n\n");
}

type Style = Parameters<typeof styleText>[0] | null;

/** How spans are told apart, and how a style is laid on. */
interface Paint {
	readonly spans: (row: PreviewRow) => Piece<Style>[];
	readonly apply: (style: Style, text: string) => string;
}

const indent = "  ";

const colored: Paint = {
	spans: ({ spans, pictures }) => {
		const texts = textsOf(spans, pictures, visibleLines);
		return spans.map((span, at) => ({
			text: texts[at] as string,
			style: styleOf(span),
		}));
	},
	apply: (style, text) =>
		style === null ? text : styleText(style, text, { validateStream: false }),
};

const plain: Paint = {
	spans: ({ spans, pictures }) => {
		const show = (text: string) => visibleLines(text).replace(/[«»]/g, escaped);
		const texts = textsOf(spans, pictures, show);
		return spans.map(({ trained }, at) => {
			const opens = trained && !spans[at - 1]?.trained;
			const closes = trained && !spans[at + 1]?.trained;
			const text = `${opens ? "«" : ""}${texts[at]}${closes ? "»" : ""}`;
			return { text, style: null };
		});
	},
	apply: (_, text) => text,
};

const styles: Readonly<Record<PreviewSpan["kind"], Style>> = {
	image: "cyan",
	prompt: "dim",
	answer: ["green", "bold"],
	end: ["green", "underline"],
	pad: "dim",
};

/** An answer that is not learnt must not look as if it were. */
const styleOf = ({ kind, trained }: Pick<PreviewSpan, "kind" | "trained">) =>
	trained || kind === "image" || kind === "pad" ? styles[kind] : "dim";

function textsOf(
	spans: readonly PreviewSpan[],
	pictures: readonly PreviewPicture[],
	show: (text: string) => string,
): string[] {
	const rest = pictures.values();
	return spans.map(({ kind, text, tokens }) => {
		if (kind === "pad") return `[pad ${countOf(tokens, "token")}]`;
		if (kind !== "image") return show(text);
		const picture = rest.next().value;
		const crops = picture === undefined ? "" : `, ${describeCrops(picture)}`;
		return `[image ${countOf(tokens, "token")}${crops}]`;
	});
}

function legend({ spans, apply }: Paint): string[] {
	const example = (kind: PreviewSpan["kind"], text: string) => ({
		kind,
		text,
		tokens: 1,
		trained: kind === "answer" || kind === "end",
	});
	const pieces = spans({
		split: "",
		place: "",
		tokens: 0,
		trainedTokens: 0,
		pictures: [],
		references: [],
		spans: [
			example("prompt", "prompt "),
			example("answer", "answer"),
			example("end", "<|end|>"),
		],
	});
	const shown = pieces.map(({ text, style }) => apply(style, text)).join("");
	return [`${shown}  the answer and its end are trained`];
}

function renderRow(row: PreviewRow, paint: Paint, width: number): string[] {
	const inner = width - indent.length;
	const body = wrap(paint.spans(row), inner).map((line) =>
		line.map(({ text, style }) => paint.apply(style, text)).join(""),
	);
	return [
		...header(row, paint, width),
		...body.map((line) => indent + line),
		...row.pictures.flatMap((picture) =>
			entry("picture", visible(picture.path), describePicture(picture), inner),
		),
		...(row.references.length > 0
			? entry("references", row.references.map(visible).join(" | "), "", inner)
			: []),
	];
}

function header(
	row: PreviewRow,
	{ apply }: Paint,
	width: number,
): readonly string[] {
	const split = visible(row.split);
	const place = visible(row.place);
	const tokens = describeTokens(row);
	const fits = widthOf(`${split}  ${place}  ${tokens}`) <= width;
	const first = `${apply("bold", split)}  ${place}`;
	return fits ? [`${first}  ${tokens}`] : [first, `${indent}${tokens}`];
}

/** `picture  planes/7.jpg  1344x672`, in as many lines as it takes. */
function entry(
	label: string,
	text: string,
	facts: string,
	width: number,
): string[] {
	const whole = [label, text, facts].filter(Boolean).join("  ");
	const parts =
		widthOf(whole) <= width || facts === ""
			? [whole]
			: [`${label}  ${text}`, `${indent}${facts}`];
	return parts
		.flatMap((part) => wrap([{ text: part, style: null }], width))
		.map((line) => indent + line.map(({ text }) => text).join(""));
}

function renderTable(
	{ title, heads, isNumber, rows }: Table,
	{ apply }: Paint,
	width: number,
): string[] {
	const cells = rows.map((row) => row.map(visible));
	const widths = heads.map((head, column) =>
		Math.max(
			widthOf(head),
			...cells.map((row) => widthOf(row[column] as string)),
		),
	);
	const excess = widths.reduce((sum, one) => sum + one + 2, 0) - width;
	const [first = 0] = widths;
	if (excess > 0) widths[0] = Math.min(first, Math.max(8, first - excess));
	const line = (row: readonly string[]) =>
		row
			.map((text, column) =>
				padded(text, widths[column] as number, isNumber[column] === true),
			)
			.join("  ")
			.trimEnd();
	return [
		apply("bold", title),
		...[heads, ...cells].map((row) => indent + line(row)),
	];
}

function padded(text: string, width: number, isNumber: boolean): string {
	const shown =
		widthOf(text) <= width ? text : `…${text.slice(1 - Math.max(2, width))}`;
	const space = " ".repeat(Math.max(0, width - widthOf(shown)));
	return isNumber ? space + shown : shown + space;
}
