// The page on data names what there is.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { specSchema } from "../../sdk/spec/schema.js";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("sdk/data/README.md", root), "utf8");

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
