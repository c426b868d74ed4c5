import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { finetune, InputError, type Spec } from "../../sdk/index.js";
import { shortSpec } from "../support/airplanes.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

const options = testPython === undefined ? {} : { python: testPython };

/** The error of a run that must not begin; nothing of it may stay. */
async function rejectionOf(changes: Partial<Spec>): Promise<InputError> {
	const parent = temporaryFolder();
	const folder = join(parent, "runs", "one");
	const run = finetune(shortSpec({ output: { folder }, ...changes }), options);
	let steps = 0;
	run.on("step", () => steps++);
	const error = await run.then(
		() => assert.unreachable("It resolved."),
		(error) => error,
	);
	assert.instance(error, InputError);
	assert.is(steps, 0);
	assert.equal(readdirSync(parent), [], "nothing is left behind");
	assert.is(run.state, "failed");
	return error;
}

function rowsFile(...rows: readonly object[]): string {
	const folder = temporaryFolder();
	writeFileSync(join(folder, "text.png"), "no picture");
	const file = join(folder, "rows.jsonl");
	writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
	return file;
}

pythonTest("missing and unreadable pictures", async () => {
	const path = rowsFile(
		{ image: "gone.png", answer: "x" },
		{ image: "text.png", answer: "x" },
	);
	const error = await rejectionOf({ data: { train: { kind: "jsonl", path } } });
	assert.is(error.code, "DATA_INVALID");
	assert.equal(
		error.issues.map((issue) => [issue.path, issue.reason]),
		[
			[`${path}:1`, "has a picture that does not exist"],
			[
				`${path}:2`,
				"has a picture that is none of JPEG, PNG, WEBP, GIF, BMP, TIFF",
			],
		],
	);
	assert.match(error.message, "gone.png");
});

pythonTest("an empty training split", async () => {
	const path = rowsFile();
	const error = await rejectionOf({ data: { train: { kind: "jsonl", path } } });
	assert.is(error.code, "DATA_INVALID");
	assert.equal(error.issues[0]?.path, "data.train");
	assert.is(error.issues[0]?.reason, "has no row that can be used");
});

pythonTest("a target module that matches nothing", async () => {
	const error = await rejectionOf({
		method: { kind: "lora", targetModules: ["qvk_proj"] },
	});
	assert.is(error.code, "MODEL_INVALID");
	assert.equal(error.issues, [
		{
			path: "method.targetModules[0]",
			value: "qvk_proj",
			reason: "matches no module",
			remedy: 'Did you mean "qkv_proj"?',
		},
	]);
});

pythonTest("a model that does not exist", async () => {
	const error = await rejectionOf({ model: { nameOrPath: "./no/such/model" } });
	assert.is(error.code, "MODEL_INVALID");
	assert.is(error.issues[0]?.path, "model.nameOrPath");
});

test("an output folder that cannot be written", async () => {
	const file = join(temporaryFolder(), "file");
	writeFileSync(file, "");
	const run = finetune(shortSpec({ output: { folder: join(file, "run") } }));
	const error = await run.catch((error) => error);
	assert.instance(error, InputError);
	assert.is(error.code, "OUTPUT_UNWRITABLE");
	assert.is(error.issues[0]?.path, "output.folder");
	assert.ok(existsSync(file));
});

test.run();
