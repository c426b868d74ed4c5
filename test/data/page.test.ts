// The page on data names what there is.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { specSchema } from "../../sdk/spec/schema.js";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const page = read("sdk/data/README.md");

test("every code of a bad row is explained, and no other", () => {
	const declared = [
		"python/captune_worker/rows/problems.py",
		"python/captune_worker/pictures/reading.py",
	].flatMap((file) =>
		[...read(file).matchAll(/^ {4}([A-Z_]+) = "\1"$/gm)].map(
			([, code]) => code,
		),
	);
	const table = page.slice(
		page.indexOf("| code |"),
		page.indexOf("Up to 2,000"),
	);
	const explained = [...table.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(
		([, code]) => code,
	);
	assert.ok(declared.length >= 20);
	assert.equal(explained.sort(), declared.sort());
});

test("every kind of source is named, and no other", () => {
	const { oneOf } = specSchema.properties?.["data"]?.properties?.[
		"validation"
	] ?? { oneOf: [] };
	const kinds = oneOf?.map(({ properties }) => properties?.["kind"]?.const);
	const table = page.slice(
		page.indexOf("| `kind` |"),
		page.indexOf("captune's own"),
	);
	const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, kind]) => kind);
	assert.equal(
		named.filter((kind) => kind !== "kind").sort(),
		kinds?.filter((kind) => kind !== "none").sort(),
	);
});

test.run();
