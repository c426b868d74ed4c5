// Plain data with something wrong in it: what people mistype, and what only the malicious write.
import { below, pick, type Random, times } from "../metrics/random.js";

type Key = string | number;
type Holder = Record<Key, unknown>;

/** A copy with one to three changes, at random places. */
export function mutated(random: Random, value: unknown): unknown {
	let changed = structuredClone(value);
	for (let left = 1 + below(random, 3); left > 0; left--)
		changed = changedOnce(random, changed);
	return changed;
}

function changedOnce(random: Random, value: unknown): unknown {
	const places = placesIn(value);
	const place = places[below(random, places.length)];
	if (place === undefined || random() < 0.01) return oddity(random);
	const { holder, key } = place;
	const old = holder[key];
	const dice = random();
	if (dice < 0.2) remove(holder, key);
	else if (dice < 0.3) define(holder, oddKey(random, key), old);
	else if (dice < 0.45) {
		const other = pick(random, places);
		holder[key] = structuredClone(other.holder[other.key]);
	} else if (dice < 0.75) holder[key] = varied(random, old);
	else holder[key] = oddity(random);
	return value;
}

function placesIn(value: unknown): { holder: Holder; key: Key }[] {
	if (typeof value !== "object" || value === null) return [];
	const holder = value as Holder;
	const keys: Key[] = Array.isArray(value)
		? [...value.keys()]
		: Object.keys(value);
	return keys.flatMap((key) => [
		{ holder, key },
		...placesIn(Object.hasOwn(holder, key) ? holder[key] : undefined),
	]);
}

function remove(holder: Holder, key: Key): void {
	if (Array.isArray(holder)) holder.splice(key as number, 1);
	else delete holder[key];
}

/** Not an assignment: that would make `__proto__` the prototype. */
function define(holder: Holder, key: Key, value: unknown): void {
	Object.defineProperty(holder, key, {
		value,
		enumerable: true,
		configurable: true,
		writable: true,
	});
}

function oddKey(random: Random, key: Key): Key {
	if (typeof key === "number") return key + 1;
	return pick(random, [
		`${key}s`,
		key.toUpperCase(),
		key.slice(1),
		...["", "__proto__", "constructor", "toString", "$schema", "kind", "é"],
	]);
}

/** Something near by. */
function varied(random: Random, old: unknown): unknown {
	if (typeof old === "number")
		return pick(random, [
			...[old + 1, old - 1, -old, old / 3, old + 0.5, old * 1e6, 1 - old],
			...[0, 1, -1, 1e-9, 2 ** 31, 2 ** 53, String(old)],
		]);
	if (typeof old === "string")
		return pick(random, [
			...["", " ", `${old} `, old.toUpperCase(), `${old}${old}`, [old]],
			...[old.slice(1), "auto", "none", "é\u0301🙂\u0000"],
		]);
	if (typeof old === "boolean")
		return pick(random, [!old, String(old), "auto"]);
	if (Array.isArray(old))
		return pick(random, [
			[],
			[...old, ...old],
			[old],
			old[0] ?? null,
			{ ...old },
		]);
	if (old === null) return pick(random, [0, "", false, {}, []]);
	return pick(random, [[old], Object.keys(old as object), null, {}]);
}

function oddity(random: Random): unknown {
	return pick(random, [
		...[null, true, false, "", "x".repeat(5_000), "\ud800", "\udc00x", "1"],
		...[0, -0, 0.1, -1, 1e308, -1e308, 5e-324, 2 ** 53, 2 ** 63, -(2 ** 63)],
		...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
		...[[], {}, [[]], [null], { kind: "lora" }, { kind: null }, { "": "" }],
		JSON.parse('{"__proto__": {"kind": "lora"}}'),
		nested(10 + below(random, 50)),
		times(1_000, (at) => at),
	]);
}

/** Arrays in arrays. */
export function nested(depth: number): unknown {
	let value: unknown = [];
	for (let left = depth; left > 0; left--) value = [value];
	return value;
}
