import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { encodeFrame, MAX_DEPTH } from "../../sdk/link/frames.js";
import { compileJudge } from "../../sdk/schema/judge.js";
import { pick, seeded, times } from "../metrics/random.js";
import { mutated, nested } from "../support/mutation.js";
import { pythonTest, testPython } from "../support/python.js";
import { amount, seed } from "../support/whole.js";

const specs = amount(2_000, 20_000);

const json = (path: string) =>
	JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const { $schema: _, ...schema } = json("schemas/resolved-spec.schema.json");
const judge = compileJudge(schema);
const bases: readonly unknown[] = json(
	"schemas/examples/resolved-spec.json",
).valid;

pythonTest(
	`${specs} mutated resolved specs are judged alike by both languages`,
	async () => {
		const random = seeded(seed);
		const cases = [
			...times(specs - 1, () => mutated(random, pick(random, bases))),
			{ ...(bases[0] as object), name: nested(MAX_DEPTH) },
		];
		const issues = cases.map((spec) => judge(structuredClone(spec)));
		const verdicts = issues.map(({ length }) => length === 0);
		assert.is(message(cases.at(-1)), null);
		const worker = await judgedByWorker(cases);
		const differ = cases.flatMap((spec, at) =>
			verdicts[at] === worker[at]?.valid
				? []
				: [{ seed, sdk: issues[at], worker: worker[at], spec }],
		);
		assert.is(differ.length, 0, inspect(differ[0], { depth: null }));
		const valid = verdicts.filter((verdict) => verdict).length;
		console.log(`note: ${valid} of ${specs} were valid, seed ${seed}`);
		assert.ok(valid > specs / 50 && valid < specs / 2);
	},
);

/** `valid` is null where something else than a refusal was raised. */
interface Verdict {
	readonly valid: boolean | null;
	readonly why: string;
}

/** As the specs would come over the link. */
async function judgedByWorker(
	cases: readonly unknown[],
): Promise<readonly Verdict[]> {
	const script = new URL("../fixtures/judge_specs.py", import.meta.url);
	const messages = cases.map(message);
	const { stdout } = await execa(
		testPython as string,
		[fileURLToPath(script)],
		{ input: Buffer.concat(messages.filter((one) => one !== null)) },
	);
	const answers = stdout.split("\n").map((line) => JSON.parse(line));
	return messages.map((one) =>
		one === null ? { valid: false, why: "cannot be sent" } : answers.shift(),
	);
}

/** Null where changes upon changes lie deeper than a frame can hold. */
function message(spec: unknown): Buffer | null {
	const frame = {
		kind: "control",
		body: { seq: 1 },
		message: { spec },
	} as const;
	try {
		return lengthFirst(encodeFrame(frame)[2] as Uint8Array);
	} catch (error) {
		if (/Too deep/.test((error as Error).message)) return null;
		throw error;
	}
}

function lengthFirst(part: Uint8Array): Buffer {
	const length = Buffer.alloc(4);
	length.writeUInt32BE(part.length);
	return Buffer.concat([length, part]);
}

test.run();
