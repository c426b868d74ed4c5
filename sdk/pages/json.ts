// JSON as people write it: what fits on a line stands on one.

export function printJson(value: unknown, width = 100, indent = ""): string {
	const flat = flatJson(value);
	const isLeaf = typeof value !== "object" || value === null;
	if (isLeaf || indent.length + flat.length <= width) return flat;
	const inner = `${indent}  `;
	const isList = Array.isArray(value);
	const parts = Object.entries(value).map(
		([key, item]) =>
			`${inner}${isList ? "" : `${JSON.stringify(key)}: `}${printJson(item, width, inner)}`,
	);
	const [open, close] = isList ? ["[", "]"] : ["{", "}"];
	return `${open}\n${parts.join(",\n")}\n${indent}${close}`;
}

/** On one line. */
export function flatJson(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(flatJson).join(", ")}]`;
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	const parts = Object.entries(value).map(
		([key, item]) => `${JSON.stringify(key)}: ${flatJson(item)}`,
	);
	return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}
