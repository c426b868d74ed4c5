// Pieces of HTML that read well in light and dark notebooks, and where styles and classes are taken away.

/** Each stands out against white and near-black at 4 to 1. */
export const colours = {
	expected: "#2b8a57",
	base: "#d0503f",
	tuned: "#3b7fc0",
	soft: "#727d87",
	alert: "#a86a10",
	image: "#8f62dd",
	answer: "#2b8a57",
	end: "#12858d",
	pad: "#727d87",
} as const;

export type Colour = keyof typeof colours;

/** Text in a colour; the text is HTML. */
export const coloured = (colour: Colour, text: string): string =>
	`<span style="color:${colours[colour]}">${text}</span>`;

/** A table with its words at the left, against the notebook's own style; cells are HTML. The first column holds pictures. */
export function wordTable(
	heads: readonly string[],
	rows: readonly (readonly string[])[],
): string {
	const line = (tag: string, cells: readonly string[]) =>
		`<tr>${cells.map((cell, at) => `<${tag} style="text-align:left;vertical-align:top${at > 0 ? ";min-width:10em" : ""}">${cell}</${tag}>`).join("")}</tr>`;
	return `<table>
<thead>${line("th", heads)}</thead>
<tbody>
${rows.map((row) => line("td", row)).join("\n")}
</tbody>
</table>`;
}
