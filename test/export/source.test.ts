// What is found in a folder that somebody wants exported.
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InputError } from "../../sdk/errors.js";
import { findRow, readSource } from "../../sdk/export/source.js";
import { resolveSpec } from "../../sdk/spec/resolve.js";
import { temporaryFolder } from "../support/folders.js";

const end = { runId: "run", attempt: 1, seq: 9, time: 0, type: "end" };
const evaluation = {
	...end,
	type: "evaluation",
	evaluationId: "test-000010-tuned-own",
	split: "test",
	step: 10,
	model: "tuned",
	images: "own",
};

/** A run that kept step 10 of 20, whose folder has been moved since. */
function makeRun(): string {
	const folder = temporaryFolder();
	const write = (name: string, value: unknown) => {
		mkdirSync(join(folder, name, ".."), { recursive: true });
		writeFileSync(join(folder, name), `${JSON.stringify(value)}\n`);
	};
	write(
		"spec.json",
		resolveSpec({
			model: { nameOrPath: "captune/airplanes-tiny", imageCrops: 2 },
			data: { train: { kind: "airplanes", split: "train" } },
		}),
	);
	writeFileSync(
		join(folder, "events.jsonl"),
		[evaluation, { ...end, status: "completed", keptStep: 10 }]
			.map((event) => `${JSON.stringify(event)}\n`)
			.join(""),
	);
	const row = { row: 0, prompt: "What?", images: ["/was/pictures/abc.png"] };
	write("predictions/test-000010-tuned-own.jsonl", row);
	write("pictures/abc.png", "a picture");
	for (const place of ["adapter", "checkpoints/step-000020"])
		write(`${place}/adapter_config.json`, { base_model_name_or_path: "/old" });
	return folder;
}

test("a run, its adapter and its checkpoints are of one run", () => {
	const folder = makeRun();
	for (const [place, step] of [
		["", 10],
		["adapter", 10],
		["checkpoints/step-000020", 20],
	] as const) {
		const source = readSource(join(folder, place));
		assert.is(source.base, "captune/airplanes-tiny");
		assert.is(source.imageCrops, 2);
		assert.is(source.step, step);
		assert.is(basename(source.weights), basename(place) || "adapter");
		assert.equal(findRow(source), {
			pictures: [join(folder, "pictures", "abc.png")],
			prompt: "What?",
		});
	}
	assert.is(readSource(folder, "other/base").base, "other/base");
});

test("an adapter from elsewhere needs the name of its base", () => {
	const folder = temporaryFolder();
	const file = join(folder, "adapter_config.json");
	writeFileSync(
		file,
		JSON.stringify({ base_model_name_or_path: "some/base", revision: "v1" }),
	);
	const source = readSource(folder);
	assert.equal(
		[source.base, source.revision, source.run, findRow(source)],
		["some/base", "v1", null, null],
	);
	writeFileSync(file, JSON.stringify({ base_model_name_or_path: null }));
	assert.throws(
		() => readSource(folder),
		(error: unknown) =>
			InputError.isInstance(error) && error.issues[0]?.path === "baseModel",
	);
	assert.is(readSource(folder, "some/base").base, "some/base");
});

test.run();
