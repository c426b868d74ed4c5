// Judges a value by a JSON Schema and says what is wrong with it in sentences.
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { closest, distance } from "fastest-levenshtein";
import type { Issue } from "../errors.js";
import type { JsonSchema } from "./fields.js";

/** Fills defaults into `value` (which is changed) and returns everything that is wrong with it. */
export type Judge = (value: unknown) => Issue[];

/** Compiles a schema. Keywords that Ajv does not know, or would ignore, are refused here and not at run time. */
export function compileJudge(schema: JsonSchema): Judge {
	const ajv = new Ajv2020({
		strict: true,
		allowUnionTypes: true,
		allErrors: true,
		verbose: true,
		discriminator: true,
		useDefaults: true,
		// Half of the time to compile; all schemas are captune's own, and a test judges them by the meta-schema.
		validateSchema: false,
		meta: false,
		code: { optimize: false },
	});
	const validate = ajv.compile(schema);
	return (value) =>
		validate(value) ? [] : merge((validate.errors ?? []).map(toIssue));
}

/** The candidate nearest to `name`, if it is near enough to be what was meant. */
export function nearest(
	name: string,
	candidates: readonly string[],
): string | undefined {
	if (candidates.length === 0) return undefined;
	const best = closest(name, [...candidates]);
	const budget = Math.max(2, Math.ceil(name.length / 3));
	return distance(name.toLowerCase(), best.toLowerCase()) <= budget
		? best
		: undefined;
}

/** `Did you mean "rank"?`, or all candidates when none is near. */
export function suggestion(
	name: string,
	candidates: readonly string[],
): string {
	const near = nearest(name, candidates);
	return near === undefined
		? `Known: ${candidates.map(quote).join(", ")}.`
		: `Did you mean ${quote(near)}?`;
}

function toIssue(error: ErrorObject): Issue {
	const path = dotted(error.instancePath);
	const { params } = error;
	switch (error.keyword) {
		case "additionalProperties": {
			const key = String(params["additionalProperty"]);
			const known = Object.keys(error.parentSchema?.["properties"] ?? {});
			return {
				path: joined(path, key),
				reason: "is not a field",
				remedy: suggestion(key, known),
			};
		}
		case "required":
			return {
				path: joined(path, String(params["missingProperty"])),
				reason: "is missing",
			};
		case "discriminator":
			return fromDiscriminator(path, error);
		case "enum":
		case "const": {
			const allowed = [params["allowedValues"] ?? params["allowedValue"]]
				.flat()
				.map(String);
			return {
				path,
				value: error.data,
				reason: `must be ${allowed.map(quote).join(" or ")}`,
				...(typeof error.data === "string" && allowed.length > 1
					? { remedy: suggestion(error.data, allowed) }
					: {}),
			};
		}
		case "type":
			return {
				path,
				value: error.data,
				reason: `must be ${article([params["type"]].flat().join(" or "))}`,
			};
		case "uniqueItems":
			return { path, value: error.data, reason: "must not repeat an item" };
		default:
			return {
				path,
				value: error.data,
				reason: error.message ?? `breaks the rule "${error.keyword}"`,
			};
	}
}

function fromDiscriminator(path: string, error: ErrorObject): Issue {
	const tag = String(error.params["tag"]);
	const value = error.params["tagValue"];
	const branches: readonly JsonSchema[] = error.parentSchema?.["oneOf"] ?? [];
	const allowed = branches.map((one) => String(one.properties?.[tag]?.const));
	return {
		path: joined(path, tag),
		...(value === undefined ? {} : { value }),
		reason: `must be ${allowed.map(quote).join(" or ")}`,
		...(typeof value === "string"
			? { remedy: suggestion(value, allowed) }
			: {}),
	};
}

/** Ajv reports a missing tag twice, as `required` and by the discriminator; the second says what is allowed. */
function merge(issues: readonly Issue[]): Issue[] {
	const telling = issues.filter(({ reason }) => reason !== "is missing");
	return issues.filter(
		({ path, reason }) =>
			reason !== "is missing" || !telling.some((one) => one.path === path),
	);
}

const dotted = (pointer: string) =>
	pointer
		.split("/")
		.slice(1)
		.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
		.reduce((path, part) => joined(path, part), "");

const joined = (path: string, key: string) =>
	/^\d+$/.test(key) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;

const quote = (text: string) => JSON.stringify(text);

const article = (type: string) =>
	/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
