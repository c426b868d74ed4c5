// `--set training.maxSteps=5`: fields of a spec from the command line, read as the type that the schema gives them.
import type { JsonSchema } from "../schema/fields.js";
import { specSchema } from "../spec/schema.js";
import { usageError } from "./command.js";

/**
 * The spec with fields replaced; what the fields may be is judged with the whole spec. A list may be written with commas.
 *
 * @throws {SpecError} for an assignment that is none.
 */
export function override<Written>(
	spec: Written,
	assignments: readonly string[],
): Written {
	return assignments.reduce((draft, text) => {
		const match = /^([^=]+)=(.*)$/s.exec(text);
		if (match === null)
			throw usageError("--set", "is no assignment", {
				value: text,
				remedy: "Write --set field.name=value.",
			});
		const [, path = "", value = ""] = match;
		const keys = path.trim().split(".");
		return withField(draft, keys, readAs(fieldTypes(keys), value)) as Written;
	}, spec);
}

/** A copy in which only what is on the way is new: a spec may hold what cannot be cloned, and is judged later. */
function withField(
	parent: unknown,
	[key, ...rest]: readonly string[],
	value: unknown,
): unknown {
	if (key === undefined) return value;
	if (Array.isArray(parent) && /^\d+$/.test(key))
		return Object.assign([...parent], {
			[key]: withField(parent[Number(key)], rest, value),
		});
	const fields = typeof parent === "object" && parent !== null ? parent : {};
	const old = Object.hasOwn(fields, key)
		? (fields as Record<string, unknown>)[key]
		: undefined;
	const entry = [key, withField(old, rest, value)] as const;
	return { ...fields, ...Object.fromEntries([entry]) };
}

/** The text as JSON where the field may be of that type, else as a list where it may be one, else as it is. */
function readAs(types: ReadonlySet<string>, text: string): unknown {
	let parsed: unknown = text;
	try {
		parsed = JSON.parse(text);
	} catch {
		// no JSON, and so a string
	}
	if (types.size === 0 || types.has(typeOf(parsed))) return parsed;
	if (types.has("string")) return text;
	if (types.has("array") && typeof parsed === "string")
		return text.split(",").map((item) => item.trim());
	return parsed;
}

/** Types of JSON that the schema knows for a field, in any branch; none where the schema leaves it open. */
function fieldTypes(keys: readonly string[]): ReadonlySet<string> {
	let schemas: readonly JsonSchema[] = [specSchema];
	for (const key of keys)
		schemas = schemas.flatMap((schema) => childrenOf(schema, key));
	return new Set(schemas.flatMap(typesOf));
}

function childrenOf(schema: JsonSchema, key: string): JsonSchema[] {
	const own = schema.properties?.[key];
	const { additionalProperties: others } = schema;
	return [
		...(own === undefined ? [] : [own]),
		...(typeof others === "object" ? [others] : []),
		...(schema.items !== undefined && /^\d+$/.test(key) ? [schema.items] : []),
		...(schema.oneOf ?? []).flatMap((branch) => childrenOf(branch, key)),
	];
}

function typesOf({ type, enum: values, const: one }: JsonSchema): string[] {
	if (type !== undefined)
		return [type].flat().map((name) => (name === "integer" ? "number" : name));
	return [...(values ?? []), ...(one === undefined ? [] : [one])].map(typeOf);
}

const typeOf = (value: unknown): string =>
	value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
