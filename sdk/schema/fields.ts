// A small vocabulary for JSON Schema 2020-12. From one set of these objects come the schemas (as written for the
// user, and in their resolved form), the defaults, and the TypeScript types.

/** A JSON Schema 2020-12 object. */
export interface JsonSchema {
	readonly type?: string | readonly string[];
	readonly title?: string;
	readonly description?: string;
	readonly default?: unknown;
	readonly enum?: readonly unknown[];
	readonly const?: unknown;
	readonly examples?: readonly unknown[];
	readonly properties?: Fields;
	readonly required?: readonly string[];
	readonly additionalProperties?: boolean | JsonSchema;
	readonly items?: JsonSchema;
	readonly oneOf?: readonly JsonSchema[];
	readonly discriminator?: { readonly propertyName: string };
	readonly [keyword: string]: unknown;
	readonly [derivedMark]?: true;
}

/** The fields of a section, in the order in which people read them. */
export type Fields = Readonly<Record<string, JsonSchema>>;

type Options = Omit<JsonSchema, "type" | "description">;

const derivedMark = Symbol("derived");

export const string = (
	description: string,
	options: Options = {},
): JsonSchema => ({ type: "string", description, ...options });

/** Within what JavaScript counts exactly: beyond it a number travels as a float, which is no integer in Python. */
export const integer = (
	description: string,
	options: Options = {},
): JsonSchema => ({
	type: "integer",
	description,
	minimum: Number.MIN_SAFE_INTEGER,
	maximum: Number.MAX_SAFE_INTEGER,
	...options,
});

export const number = (
	description: string,
	options: Options = {},
): JsonSchema => ({ type: "number", description, ...options });

export const boolean = (
	description: string,
	options: Options = {},
): JsonSchema => ({ type: "boolean", description, ...options });

/** One of a closed set of strings. */
export const choice = (
	description: string,
	values: readonly string[],
	options: Options = {},
): JsonSchema => ({ type: "string", description, enum: values, ...options });

/** Yes, no, or whatever measured facts recommend. */
export const automatic = (
	description: string,
	options: Options = {},
): JsonSchema => ({
	description,
	enum: ["auto", true, false],
	default: "auto",
	...options,
});

/** One of the known strings, or another that the user defines elsewhere. */
export const openChoice = (
	description: string,
	values: readonly string[],
	options: Options = {},
): JsonSchema => ({
	type: "string",
	description,
	examples: values,
	...options,
});

export const list = (
	description: string,
	items: JsonSchema,
	options: Options = {},
): JsonSchema => ({ type: "array", description, items, ...options });

/** One of the known strings, another string, or a list of strings. */
export const openChoiceOrList = (
	description: string,
	values: readonly string[],
	options: Options = {},
): JsonSchema => ({
	type: ["string", "array"],
	description,
	examples: values,
	minLength: 1,
	items: { type: "string", minLength: 1 },
	minItems: 1,
	uniqueItems: true,
	...options,
});

/** String keys of the user's choosing. */
export const record = (
	description: string,
	values: JsonSchema,
	options: Options = {},
): JsonSchema => ({
	type: "object",
	description,
	additionalProperties: values,
	...options,
});

/** Plain JSON whose shape another party owns. */
export const anything = (description: string): JsonSchema => ({ description });

/** The same, or null. */
export const nullable = (
	schema: JsonSchema,
	options: Options = {},
): JsonSchema => ({
	...schema,
	type: [...[schema.type ?? []].flat(), "null"],
	...(schema.enum === undefined ? {} : { enum: [...schema.enum, null] }),
	...options,
});

/** A field that the user may leave out and that `resolve` fills from other fields, so that no constant default exists. */
export const derived = (schema: JsonSchema): JsonSchema => ({
	...schema,
	[derivedMark]: true,
});

/**
 * An object with exactly these fields. A field without a default is required; a section whose fields may all be left
 * out may be left out itself (Ajv fills nested defaults only where the section has one).
 */
export function section(
	title: string,
	description: string,
	fields: Fields,
): JsonSchema {
	const required = Object.keys(fields).filter(
		(key) => !isOptional(fields[key] as JsonSchema),
	);
	return {
		title,
		description,
		type: "object",
		properties: fields,
		required,
		additionalProperties: false,
		...(required.length === 0 ? { default: {} } : {}),
	};
}

/**
 * One of several sections, told apart by the constant in `tag`. Written as `oneOf` with `discriminator`: only so does
 * Ajv give one clear error and fill the defaults of the branch that was meant.
 */
export function tagged(
	title: string,
	description: string,
	tag: string,
	branches: readonly JsonSchema[],
	options: Options = {},
): JsonSchema {
	return {
		title,
		description,
		type: "object",
		discriminator: { propertyName: tag },
		properties: { [tag]: {} },
		required: [tag],
		oneOf: branches.map(({ default: _, ...branch }) => branch),
		...options,
	};
}

/** A branch of a tagged union: a section that opens with its tag. */
export function branch(
	title: string,
	description: string,
	tag: Readonly<Record<string, string>>,
	fields: Fields,
): JsonSchema {
	const tags = Object.entries(tag).map(([key, value]) => [
		key,
		{ const: value },
	]);
	return section(title, description, {
		...Object.fromEntries(tags),
		...fields,
	});
}

/** May the user leave this field out? */
export function isOptional(schema: JsonSchema): boolean {
	return schema.default !== undefined || schema[derivedMark] === true;
}

/** The form after defaults are filled: every field required, no default left. */
export function resolvedForm(schema: JsonSchema): JsonSchema {
	const { default: _, [derivedMark]: __, ...rest } = schema;
	return {
		...rest,
		...(schema.properties === undefined
			? {}
			: {
					properties: Object.fromEntries(
						Object.entries(schema.properties).map(([key, field]) => [
							key,
							resolvedForm(field),
						]),
					),
					required: Object.keys(schema.properties),
				}),
		...(schema.items === undefined
			? {}
			: { items: resolvedForm(schema.items) }),
		...(schema.oneOf === undefined
			? {}
			: { oneOf: schema.oneOf.map(resolvedForm) }),
	};
}
