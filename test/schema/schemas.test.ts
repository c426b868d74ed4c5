import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { JsonSchema } from "../../sdk/schema/fields.js";
import { generatedFiles } from "../../sdk/schema/generate.js";
import { compileJudge } from "../../sdk/schema/judge.js";
import {
	generateSettingsSchema,
	loadSettingsSchema,
} from "../../sdk/serving/schema.js";
import { evaluationSpecSchema } from "../../sdk/spec/schema.js";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

test("generated files are current (else: npm run generate)", () => {
	for (const [path, text] of generatedFiles())
		assert.is(read(path), text, path);
});

interface Examples {
	readonly valid: readonly unknown[];
	readonly invalid: readonly {
		readonly why: string;
		readonly value: unknown;
	}[];
}

const names = [
	"spec",
	"resolved-spec",
	"event",
	"control",
	"serving-control",
	"serving-event",
];

test("every schema is one by the meta-schema", () => {
	const ajv = new Ajv2020();
	const published = names.map((name) =>
		JSON.parse(read(`schemas/${name}.schema.json`)),
	);
	const others = [
		evaluationSpecSchema,
		generateSettingsSchema,
		loadSettingsSchema,
	];
	for (const one of [...published, ...others])
		assert.ok(ajv.validateSchema(one), ajv.errorsText());
	assert.not.ok(ajv.validateSchema({ type: "objekt" }));
});

for (const name of names) {
	const judge = compileJudge(
		without$schema(JSON.parse(read(`schemas/${name}.schema.json`))),
	);
	const examples: Examples = JSON.parse(read(`schemas/examples/${name}.json`));

	test(`${name}: valid examples are valid`, () => {
		assert.ok(examples.valid.length > 0);
		for (const value of examples.valid)
			assert.equal(judge(structuredClone(value)), []);
	});

	test(`${name}: invalid examples are not`, () => {
		assert.ok(examples.invalid.length > 0);
		for (const { why, value } of examples.invalid)
			assert.ok(judge(structuredClone(value)).length > 0, why);
	});
}

test("every event type and control message has a valid example", () => {
	for (const name of names.filter((one) => /event|control/.test(one))) {
		const { oneOf }: JsonSchema = JSON.parse(
			read(`schemas/${name}.schema.json`),
		);
		const types = oneOf?.map(({ properties }) => properties?.["type"]?.const);
		const { valid }: Examples = JSON.parse(
			read(`schemas/examples/${name}.json`),
		);
		const seen = new Set(
			valid.map((value) => (value as { type: string }).type),
		);
		assert.equal([...seen].sort(), types?.sort());
	}
});

test("a schema that Ajv would not obey to the letter is refused", () => {
	assert.throws(() => compileJudge({ type: "object", "x-ui": true }));
	assert.throws(() =>
		compileJudge({
			type: "object",
			anyOf: [{ properties: { rank: { type: "integer", default: 1 } } }],
		}),
	);
});

function without$schema({ $schema: _, ...schema }: JsonSchema): JsonSchema {
	return schema;
}

test.run();
