// The table of promises: each names a test that there is, and codes that there are.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { errorCodes } from "../../sdk/errors/codes.js";
import { warnings } from "../../sdk/errors/warnings.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(`${root}/sdk/run/PROMISES.md`, "utf8");
const rows = page
	.split("\n## ")
	.filter((part) => part.includes("| test |"))
	.flatMap((part) => part.split("\n").filter((line) => line.startsWith("| ")))
	.filter((line) => !line.startsWith("| what happens"));

test("every promise names a test that is there", () => {
	assert.ok(rows.length > 45, `${rows.length} rows`);
	for (const row of rows) {
		const named = row.split(" | ").at(-1) ?? "";
		const files = [
			...named.matchAll(/`(test\/[^`]+)`: ([^`]*(?:`test_\w+`)?)/g),
		];
		assert.ok(files.length > 0, row);
		for (const [, file, titles = ""] of files) {
			const path = `${root}/${file}`;
			assert.ok(existsSync(path), `${file} of: ${row}`);
			const text = readFileSync(path, "utf8");
			const found = [
				...[...titles.matchAll(/"([^"]+)"/g)].map(([quoted]) => quoted),
				...[...titles.matchAll(/`(test_\w+)`/g)].map(
					([, name]) => `def ${name}(`,
				),
			];
			assert.ok(found.length > 0, row);
			for (const one of found) assert.ok(text.includes(one), `${file}: ${one}`);
		}
	}
});

test("every code in the table is one", () => {
	const known = new Set<string>([
		...Object.keys(errorCodes),
		...Object.keys(warnings),
	]);
	const codes = rows.flatMap((row) =>
		[...row.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => code as string),
	);
	assert.ok(codes.length > 30);
	for (const code of codes) assert.ok(known.has(code), code);
});

test.run();
