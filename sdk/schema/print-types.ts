// Prints TypeScript interfaces from schema objects, so that an editor shows every field's description and default.
import { isOptional, type JsonSchema } from "./fields.js";

export interface PrintOptions {
	/** Put before every name, to tell the resolved types from those the user writes. */
	readonly prefix?: string;
	/** `input`: fields with a default may be left out; `resolved`: every field is there. */
	readonly form: "input" | "resolved";
	/** Schemas whose types another module exports, by name. */
	readonly imported?: ReadonlyMap<JsonSchema, string>;
}

/** One exported interface or type for `root` and for every titled schema below it, in reading order. */
export function printTypes(root: JsonSchema, options: PrintOptions): string {
	const named = new Map<string, string>();
	declare(root);
	return [...named.values()].join("\n");

	function declare(schema: JsonSchema, foreignKeys: readonly string[] = []) {
		const name = nameOf(schema, options);
		if (named.has(name)) return;
		named.set(name, "");
		named.set(
			name,
			schema.oneOf
				? declareUnion(name, schema)
				: declareInterface(name, schema, foreignKeys),
		);
	}

	function declareUnion(name: string, schema: JsonSchema): string {
		const branches = schema.oneOf ?? [];
		const keys = new Set(
			branches.flatMap((one) => Object.keys(one.properties ?? {})),
		);
		for (const one of branches)
			declare(
				one,
				[...keys].filter((key) => !(key in (one.properties ?? {}))),
			);
		const members = branches.map((one) => `\n\t| ${nameOf(one, options)}`);
		return `${doc(schema, "")}export type ${name} =${members.join("")};\n`;
	}

	function declareInterface(
		name: string,
		schema: JsonSchema,
		foreignKeys: readonly string[],
	): string {
		const lines = Object.entries(schema.properties ?? {}).map(
			([key, field]) => {
				const mark = options.form === "input" && isOptional(field) ? "?" : "";
				return `${doc(field, "\t")}\treadonly ${printKey(key)}${mark}: ${typeOf(field)};`;
			},
		);
		// A value that comes through a variable escapes the excess-property check; `never` does not let it.
		const never =
			options.form === "input"
				? foreignKeys.map((key) => `\treadonly ${printKey(key)}?: never;`)
				: [];
		return `${doc(schema, "")}export interface ${name} {\n${[...lines, ...never].join("\n")}\n}\n`;
	}

	function typeOf(schema: JsonSchema): string {
		const types = [schema.type ?? []].flat();
		const or = types.includes("null") ? " | null" : "";
		const imported = options.imported?.get(schema);
		if (imported !== undefined) return imported;
		if (schema.const !== undefined) return JSON.stringify(schema.const);
		if (schema.enum)
			return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
		if (schema.oneOf || schema.properties) {
			declare(schema);
			return `${nameOf(schema, options)}${or}`;
		}
		if (schema.items) {
			const items = `readonly ${arrayOf(typeOf(schema.items))}`;
			const text = types.includes("string") ? `${openUnion(schema)} | ` : "";
			return `${text}${items}${or}`;
		}
		if (typeof schema.additionalProperties === "object")
			return `Readonly<Record<string, ${typeOf(schema.additionalProperties)}>>${or}`;
		if (schema.examples) return `${openUnion(schema)}${or}`;
		const type = types.find((one) => one !== "null");
		if (type === undefined) return "unknown";
		return `${type === "integer" ? "number" : type}${or}`;
	}
}

function nameOf(schema: JsonSchema, { prefix = "" }: PrintOptions): string {
	if (schema.title === undefined)
		throw new TypeError("An object schema needs a title to be named after.");
	return prefix + schema.title;
}

/** The known strings, which an editor then completes, or any other. */
const openUnion = ({ examples = [] }: JsonSchema) =>
	[...examples.map((value) => JSON.stringify(value)), "(string & {})"].join(
		" | ",
	);

const arrayOf = (type: string) =>
	/[ |]/.test(type) && !type.startsWith("Readonly<")
		? `(${type})[]`
		: `${type}[]`;

const printKey = (key: string) =>
	/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);

function doc(schema: JsonSchema, indent: string): string {
	const value = schema.default;
	const isPlain = value !== undefined && typeof value !== "object";
	const text = [
		schema.description ?? "",
		isPlain || value === null ? `Default: ${JSON.stringify(value)}.` : "",
	]
		.filter(Boolean)
		.join(" ");
	return text === "" ? "" : `${indent}/** ${text} */\n`;
}
