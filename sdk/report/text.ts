// Words and numbers as the page writes them.
import { visible } from "../preview/visible.js";
import { html } from "./html.js";

/** Other people's text, with whatever is unseen in it made visible. */
export const shown = (text: string): string => html(visible(text));

export const count = (value: number): string => value.toLocaleString("en");

/** "1 row", "1,200 rows". */
export const countOf = (value: number, noun: string): string =>
	`${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Where a figure would stand. */
export const nothing = "–";

/** A score to three places; a dash where there is none. */
export const figure = (value: number | null | undefined): string =>
	typeof value === "number" ? value.toFixed(3) : nothing;

/** The same with its sign: +0.250, −0.125. */
export function signed(value: number, places = 3): string {
	const text = Math.abs(value).toFixed(places);
	if (Number(text) === 0) return text;
	return `${value > 0 ? "+" : "−"}${text}`;
}

/** "8 min 41 s" */
export function duration(seconds: number): string {
	const whole = Math.round(seconds);
	const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60)];
	if (hours > 0) return `${hours} h ${minutes % 60} min`;
	return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** "2026-11-25 10:07 UTC" */
export const moment = (time: number): string =>
	`${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** A table whose first column names its rows; it scrolls by itself where it is too wide. Cells are HTML. */
export function table(
	heads: readonly string[],
	rows: readonly (readonly string[])[],
): string {
	const line = ([name = "", ...cells]: readonly string[], tag: string) =>
		`<tr><th>${name}</th>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
	return `<div class="scroll"><table class="figures">
${line(heads, "th")}
${rows.map((row) => line(row, "td")).join("\n")}
</table></div>`;
}
