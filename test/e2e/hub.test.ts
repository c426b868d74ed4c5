// A model by its hub id, from a hub on loopback: the whole way from the spec to the adapter.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { finetune, InputError, type RunEvent } from "../../sdk/index.js";
import { shortSpec } from "../support/airplanes.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { withHub } from "../support/hub.js";
import { pythonTest, testPython } from "../support/python.js";

const repository = "microsoft/Phi-3-vision-128k-instruct";
const python = testPython ?? "";

pythonTest("a model is fetched, shown arriving, and trained", async () => {
	await withHub({ repository }, async () => {
		const run = finetune(
			shortSpec({
				model: { nameOrPath: repository, imageCrops: 1 },
				training: { maxSteps: 1, batchSize: 2 },
			}),
			{ python },
		);
		const { steps } = await run;
		assert.is(steps, 1);
		const downloads = checkedLog(run.folder, "events.jsonl").filter(
			(event): event is Extract<RunEvent, { type: "stage" }> =>
				event.type === "stage" && event.stage === "download",
		);
		const last = downloads.at(-1);
		assert.is(last?.state, "completed");
		assert.is(last?.unit, "bytes");
		assert.is(last?.done, last?.total);
		assert.ok((last?.total ?? 0) > 3_500_000);
	});
});

pythonTest("a gated model, and one that keeps breaking off", async () => {
	for (const [failure, code, said] of [
		["gated", "MODEL_INVALID", /is gated.*HF_TOKEN/s],
		["cut", "DOWNLOAD_FAILED", /could not be fetched/],
	] as const)
		await withHub({ repository, failure }, async () => {
			const parent = temporaryFolder();
			const error = await finetune(
				shortSpec({
					model: { nameOrPath: repository },
					output: { folder: join(parent, "run"), report: false },
				}),
				{ python },
			).then(
				() => assert.unreachable("It resolved."),
				(error) => error,
			);
			assert.instance(error, InputError, String(error.stack));
			assert.is(error.code, code);
			assert.is(error.issues[0]?.path, "model.nameOrPath");
			assert.match(error.message, said);
			assert.equal(readdirSync(parent), [], "nothing is left behind");
		});
});

test.run();
