// Breaks text of several styles into lines of a terminal.

/** Text in one style. */
export interface Piece<Style> {
	readonly text: string;
	readonly style: Style;
}

interface Cell<Style> {
	readonly text: string;
	readonly style: Style;
	readonly columns: number;
}

/** Lines of at most `width` columns; broken after spaces, inside a word only where it is longer than a line. */
export function wrap<Style>(
	pieces: readonly Piece<Style>[],
	width: number,
): Piece<Style>[][] {
	const lines: Cell<Style>[][] = [];
	let line: Cell<Style>[] = [];
	let columns = 0;
	for (const cell of cellsOf(pieces)) {
		if (cell.text === "\n") {
			lines.push(line);
			line = [];
			columns = 0;
			continue;
		}
		// A space that does not fit hangs over the edge until the line is broken after it.
		if (columns + cell.columns > width && cell.text !== " ") {
			const rest = line.splice(breakOf(line));
			while (line.at(-1)?.text === " ") line.pop();
			if (line.length > 0) lines.push(line);
			line = rest;
			columns = columnsOf(rest);
			if (columns + cell.columns > width) {
				lines.push(line);
				line = [];
				columns = 0;
			}
		}
		line.push(cell);
		columns += cell.columns;
	}
	lines.push(line);
	return lines.map(joined);
}

/** How many columns a terminal gives the text; close enough without its font. */
export const widthOf = (text: string): number =>
	columnsOf(cellsOf([{ text, style: null }]));

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

const wide =
	/\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;

function cellsOf<Style>(pieces: readonly Piece<Style>[]): Cell<Style>[] {
	return pieces.flatMap(({ text, style }) =>
		Array.from(segmenter.segment(text), ({ segment }) => ({
			text: segment,
			style,
			columns: wide.test(segment) ? 2 : /^\p{M}+$/u.test(segment) ? 0 : 1,
		})),
	);
}

/** Where the last word of a line begins; its end, where the line is one word. */
function breakOf(line: readonly Cell<unknown>[]): number {
	const space = line.findLastIndex(({ text }) => text === " ");
	return space < 0 ? line.length : space + 1;
}

const columnsOf = (cells: readonly Cell<unknown>[]) =>
	cells.reduce((sum, { columns }) => sum + columns, 0);

function joined<Style>(cells: readonly Cell<Style>[]): Piece<Style>[] {
	const pieces: Piece<Style>[] = [];
	for (const { text, style } of cells) {
		const last = pieces.at(-1);
		if (last?.style === style)
			pieces[pieces.length - 1] = { text: last.text + text, style };
		else pieces.push({ text, style });
	}
	return pieces;
}
