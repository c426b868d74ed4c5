// Data may hold anything; shown, it must not move a cursor, turn the line around, or hide.

const controls = /\p{Cc}/u;

/** Direction marks, invisible spaces, line separators and halves of pairs; joiners stay, emoji are made of them. */
const deceptive =
	/[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]|\p{Cs}/u;

const all = new RegExp(`${controls.source}|${deceptive.source}`, "gu");

/** The text with all that is unseen made visible: `\t`, `\r`, `\u{1b}`; a line feed is `↵`. */
export const visible = (text: string): string => text.replace(all, shown);

/** The same, but lines stay lines: a line feed is shown and obeyed. */
export const visibleLines = (text: string): string =>
	text.split("\n").map(visible).join("↵\n");

/** `\u{1b}`. */
export const escaped = (char: string): string =>
	`\\u{${(char.codePointAt(0) as number).toString(16)}}`;

const named: Readonly<Record<string, string>> = {
	"\n": "↵",
	"\t": "\\t",
	"\r": "\\r",
};

const shown = (char: string) => named[char] ?? escaped(char);
