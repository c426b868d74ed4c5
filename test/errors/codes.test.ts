// Every code that can be met is explained, and every one that is explained can be met.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { errorCodes } from "../../sdk/errors/codes.js";
import { rowProblems } from "../../sdk/errors/row-problems.js";
import { warnings } from "../../sdk/errors/warnings.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What explains codes or lists them does not use them. */
const tables = /^(errors\.ts|errors\/|pages\/|cli\/exit-codes\.ts)|generated/;

const sources = ["sdk", "python/captune_worker"].flatMap((folder) =>
	readdirSync(join(root, folder), { recursive: true })
		.map(String)
		.filter((name) => /\.(ts|py)$/.test(name) && !tables.test(name))
		.map((name) => ({
			name,
			text: readFileSync(join(root, folder, name), "utf8"),
		})),
);

/** Names of environment variables and of constants, which look like codes. */
const otherNames =
	/^(CAPTUNE|ERR|HF|HUGGING|TRANSFORMERS|MLFLOW|TRACKIO|WANDB|CUDA|XDG|NO|PATH|CAUSAL|DOMAIN|GENERIC|STANDARD)_|_(PROXY|PATH|CACHE)$/;

const codesIn = (text: string) =>
	[...text.matchAll(/"([A-Z]+(?:_[A-Z]+)+|CANCELED)"/g)]
		.map(([, code]) => code as string)
		.filter((code) => !otherNames.test(code) || code === "NO_CHECKPOINT");

/** A class of errors that has a code of its own uses it where it is made. */
const ofClasses = [
	...readFileSync(join(root, "sdk/errors.ts"), "utf8").matchAll(
		/super\(\s*"([A-Z_]+)"/g,
	),
].map(([, code]) => code as string);

const used = new Set([
	...ofClasses,
	...sources.flatMap(({ text }) => codesIn(text)),
]);

test("every code in the sources is explained, and no other", () => {
	const explained = [errorCodes, rowProblems, warnings].flatMap(Object.keys);
	assert.equal([...used].sort(), [...new Set(explained)].sort());
});

test("warnings are those that are warned with", () => {
	const warned = sources.flatMap(({ name, text }) =>
		name.endsWith(".py")
			? [...text.matchAll(/\.warning\(\s*code="(\w+)"/g)].map(
					([, code]) => code as string,
				)
			: text.includes('type: "warning"')
				? codesIn(text).filter((code) => code in warnings)
				: [],
	);
	assert.equal([...new Set(warned)].sort(), Object.keys(warnings).sort());
});

test("codes of rows are those of the worker", () => {
	const declared = sources
		.filter(({ name }) => /^(rows\/problems|pictures\/reading)\.py$/.test(name))
		.flatMap(({ text }) =>
			[...text.matchAll(/^ {4}([A-Z_]+) = "\1"$/gm)].map(
				([, code]) => code as string,
			),
		);
	assert.equal(declared.sort(), Object.keys(rowProblems).sort());
});

test.run();
