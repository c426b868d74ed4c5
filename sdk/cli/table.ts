// Tables of a terminal: columns as wide as they must be, and those that may shrink where there is no room.

import { visible } from "../preview/visible.js";
import { widthOf } from "../preview/wrap.js";

export interface Column<Row> {
	readonly head: string;
	readonly cell: (row: Row) => string;
	/** Lays a colour on a cell that has its width already. */
	readonly paint?: (text: string, row: Row) => string;
	/** Aligned to the right. */
	readonly isNumber?: boolean;
	/** Cut short, with an ellipsis, where the table is too wide. */
	readonly shrinks?: boolean;
}

const gap = "  ";

/** Narrowest that a column shrinks to. */
const narrowest = 8;

/** A line of heads and one a row, none wider than `width` as far as columns shrink. */
export function renderTable<Row>(
	rows: readonly Row[],
	columns: readonly Column<Row>[],
	width: number,
): string {
	const cells = rows.map((row) =>
		columns.map(({ cell }) => visible(cell(row))),
	);
	const widths = columns.map(({ head }, at) =>
		Math.max(widthOf(head), ...cells.map((line) => widthOf(line[at] ?? ""))),
	);
	for (const [at, { shrinks }] of [...columns.entries()].reverse()) {
		const excess =
			widths.reduce((sum, one) => sum + one + gap.length, -gap.length) - width;
		if (shrinks && excess > 0)
			widths[at] = Math.max(
				Math.min(narrowest, widths[at] as number),
				(widths[at] as number) - excess,
			);
	}
	const line = (texts: readonly string[], row?: Row) =>
		columns
			.map(({ isNumber = false, paint }, at) => {
				const text = fit(texts[at] ?? "", widths[at] as number, isNumber);
				return row === undefined || paint === undefined
					? text
					: paint(text, row);
			})
			.join(gap)
			.trimEnd();
	return [
		line(columns.map(({ head }) => head)),
		...cells.map((texts, at) => line(texts, rows[at])),
	].join("\n");
}

/** The text at exactly this width. */
function fit(text: string, width: number, isNumber: boolean): string {
	const short =
		widthOf(text) <= width
			? text
			: `…${[...text].reduceRight((kept, char) => (widthOf(char + kept) < width ? char + kept : kept), "")}`;
	const room = " ".repeat(Math.max(0, width - widthOf(short)));
	return isNumber ? room + short : short + room;
}
