// Fields of a schema as rows of a Markdown table: name, type with bounds, default, meaning.
import { isOptional, type JsonSchema } from "../schema/fields.js";
import { flatJson } from "./json.js";

export interface FieldRow {
	/** Dotted, with `[]` for the elements of a list. */
	readonly path: string;
	readonly schema: JsonSchema;
	readonly cells: readonly string[];
}

export const fieldHeads = ["field", "type", "default", "meaning"] as const;

/** Of a section, with what lies within; a union within is one row, which `unions` explains. */
export function fieldRows(section: JsonSchema, prefix = ""): FieldRow[] {
	return Object.entries(section.properties ?? {}).flatMap(([key, field]) => {
		const path = prefix + key;
		const row = { path, schema: field, cells: cellsOf(path, field) };
		if (field.oneOf || field.items?.oneOf) return [row];
		if (field.items?.properties)
			return [row, ...fieldRows(field.items, `${path}[].`)];
		return [row, ...fieldRows(field, `${path}.`)];
	});
}

/** Every union of a section, once, with its path. */
export function unions(
	section: JsonSchema,
): readonly { readonly path: string; readonly union: JsonSchema }[] {
	return fieldRows(section).flatMap(({ path, schema }) => {
		const union = schema.oneOf ? schema : schema.items;
		return union?.oneOf ? [{ path, union }] : [];
	});
}

export function cellsOf(path: string, schema: JsonSchema): readonly string[] {
	return [
		`\`${path}\``,
		typeText(schema),
		defaultText(schema),
		cell(schema.description ?? ""),
	];
}

/** "integer, 1 to 64, or null" */
export function typeText(schema: JsonSchema): string {
	const types = [schema.type ?? []].flat();
	const parts = [shapeText(schema, types), boundsText(schema)].filter(
		(part) => part !== "",
	);
	const isNullable = types.includes("null") && !schema.enum?.includes(null);
	const or = parts.length > 1 ? ", or null" : " or null";
	return `${parts.join(", ")}${isNullable ? or : ""}`;
}

function shapeText(schema: JsonSchema, types: readonly string[]): string {
	const { const: constant, enum: values, items, examples } = schema;
	const tag = schema.discriminator?.propertyName;
	if (constant !== undefined) return code(constant);
	if (values) return values.map(code).join(", ");
	if (tag !== undefined) return `object by \`${tag}\`, see below`;
	if (schema.properties) return "object";
	if (items) {
		const list = `list of ${typeText(items)}`;
		return types.includes("string")
			? `${examplesText(examples)}, ${list}`
			: list;
	}
	if (typeof schema.additionalProperties === "object")
		return `object of ${typeText(schema.additionalProperties)} by name`;
	if (examples) return examplesText(examples);
	return types.find((type) => type !== "null") ?? "any JSON";
}

const examplesText = (examples: readonly unknown[] = []) =>
	[...examples.map(code), "another string"].join(", ");

function boundsText({
	minimum,
	maximum,
	exclusiveMinimum,
	exclusiveMaximum,
	minItems,
}: JsonSchema): string {
	const isPlain = minimum !== undefined && maximum !== undefined;
	const bounds = isPlain
		? [`${figure(minimum)} to ${figure(maximum)}`]
		: [
				bound("at least", minimum),
				bound("above", exclusiveMinimum),
				bound("at most", maximum),
				bound("below", exclusiveMaximum),
			];
	return [...bounds, minItems === undefined ? "" : "not empty"]
		.filter((text) => text !== "")
		.join(", ");
}

const bound = (word: string, value: unknown) =>
	value === undefined ? "" : `${word} ${figure(value)}`;

const figure = (value: unknown) => (value as number).toLocaleString("en-US");

function defaultText(schema: JsonSchema): string {
	const value = schema.default;
	if (value === undefined)
		return isOptional(schema) ? "may be left out" : "required";
	// A section whose fields may all be left out; their own defaults follow.
	return !schema.oneOf && JSON.stringify(value) === "{}" && schema.properties
		? ""
		: code(value);
}

/** A value as code in a cell. */
export const code = (value: unknown): string => `\`${flatJson(value)}\``;

/** Text whose bars do not end the cell. */
export const cell = (text: string): string => text.replaceAll("|", "\\|");
