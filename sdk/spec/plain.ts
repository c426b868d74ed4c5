// Plain data: what can be copied, written as JSON and hashed without losing anything.
import type { Issue } from "../errors.js";

/** A deep copy of plain JSON data. Keys set to `undefined` are left out; whatever JSON cannot carry is an issue. */
export function copyPlain(
	value: unknown,
	issues: Issue[],
	path = "",
	ancestors: readonly object[] = [],
): unknown {
	if (typeof value !== "object" || value === null) {
		const isPlain =
			value === null ||
			["string", "boolean"].includes(typeof value) ||
			(typeof value === "number" && Number.isFinite(value));
		if (typeof value === "string" && /\p{Surrogate}/u.test(value))
			issues.push({
				path,
				value,
				reason: "holds half a character (a lone surrogate)",
				remedy: "Take it out; no file name and no text can be written with it.",
			});
		if (!isPlain)
			issues.push({
				path,
				reason: `is ${typeof value === "number" ? String(value) : `a ${typeof value}`}, which JSON cannot carry`,
			});
		return value;
	}
	if (ancestors.includes(value)) {
		issues.push({ path, reason: "contains itself" });
		return null;
	}
	const inner = [...ancestors, value];
	if (Array.isArray(value))
		return value.map((item, index) =>
			copyPlain(item, issues, `${path}[${index}]`, inner),
		);
	const prototype: unknown = Object.getPrototypeOf(value);
	if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
		issues.push({
			path,
			reason: `is a ${value.constructor.name}, not a plain object`,
		});
		return null;
	}
	return Object.fromEntries(
		Object.entries(value)
			.filter(([, item]) => item !== undefined)
			.map(([key, item]) => [
				key,
				copyPlain(item, issues, path === "" ? key : `${path}.${key}`, inner),
			]),
	);
}

/** Freezes an object and all below it. */
export function deepFreeze<T>(value: T): T {
	if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
		Object.freeze(value);
		for (const item of Object.values(value)) deepFreeze(item);
	}
	return value;
}

/** JSON with sorted keys and no white space (RFC 8785 for the strings and numbers that occur here). */
export function canonicalJson(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	const entries = Object.entries(value)
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`);
	return `{${entries.join(",")}}`;
}
