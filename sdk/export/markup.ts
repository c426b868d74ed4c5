// YAML and Markdown out of values that anybody may have chosen: nothing in them is taken for markup.

/** A block of YAML with these keys; every value is JSON on one line, which YAML takes as it is. */
export function yaml(values: Readonly<Record<string, unknown>>): string {
	return Object.entries(values)
		.map(([key, value]) => `${key}: ${json(value)}\n`)
		.join("");
}

/** Text that shows as it is, on one line. */
export const plain = (text: string): string =>
	wellFormed(text)
		.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
		.replaceAll(/[\\`*_{}[\]()<>#!|~:.@&$]/g, "\\$&");

/** A table; the cells are Markdown. */
export function table(
	heads: readonly string[],
	rows: readonly (readonly string[])[],
): string {
	const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
	return [heads, heads.map(() => "---"), ...rows].map(line).join("");
}

/** A Python string. */
export const pythonString = (text: string): string => json(text);

/** JSON without the control characters and line breaks that JSON allows, and YAML and Python do not. */
const json = (value: unknown): string =>
	JSON.stringify(value, (_, one) =>
		typeof one === "string" ? wellFormed(one) : one,
	).replaceAll(
		/[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
		(sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);

/** Half a surrogate pair is no text to anybody else. */
const wellFormed = (text: string): string => Buffer.from(text).toString();
