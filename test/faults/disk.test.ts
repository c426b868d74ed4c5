// The disk is full, cannot be written, or is taken away: what was whole stays whole, and the run goes on afterwards.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { finetune, resume } from "../../sdk/index.js";
import { shortSpec } from "../support/airplanes.js";
import { type Disk, diskTest, openDisk } from "../support/disks.js";
import { failureOf, untilGone, workerOf } from "../support/endings.js";
import { linesOf } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { puppetRun } from "../support/puppet.js";
import { pythonTest, testPython } from "../support/python.js";

const options = testPython === undefined ? {} : { python: testPython };

const spec = (folder: string) =>
	shortSpec({
		training: {
			maxSteps: 6,
			epochs: 9,
			batchSize: 3,
			gradientAccumulationSteps: 1,
		},
		evaluation: { kind: "teacherForced", everySteps: 2 },
		checkpoints: { keep: 3 },
		output: { folder },
	});

/** Trains on a disk that has only so many bytes left once the first checkpoint is there. */
async function runOut(disk: Disk, left: number) {
	const folder = join(disk.folder, "run");
	const run = finetune(spec(folder), options);
	run.on("checkpoint", ({ step, state }) => {
		if (step === 2 && state === "saved") disk.fill(left);
	});
	const pid = workerOf(run);
	const error = await failureOf(run, "DISK_FULL");
	await untilGone(await pid);
	assert.equal(readdirSync(join(folder, "checkpoints")), ["step-000002"]);
	assert.not(existsSync(join(folder, "run.lock")));
	return { error, folder };
}

diskTest(
	"a disk that is full while a checkpoint is saved keeps the one before, and tells the bytes",
	async () => {
		const disk = openDisk(64 * 2 ** 20);
		const { error, folder } = await runOut(disk, 128 * 1024);
		assert.match(error.message, "No space left on device");
		assert.is(error.issues[0]?.path, "output.folder");
		assert.ok((error.data["neededBytes"] as number) > 128 * 1024);
		assert.ok((error.data["freeBytes"] as number) <= 128 * 1024);
		rmSync(join(disk.folder, "filler"));
		const resumed = resume(folder, options);
		const loaded: number[] = [];
		resumed.on("checkpoint", ({ step, state }) => {
			if (state === "loaded") loaded.push(step);
		});
		assert.is((await resumed).steps, 6);
		assert.equal(loaded, [2]);
		disk.close();
	},
);

diskTest(
	"a disk without room for another line ends the run by name, and its logs stay whole",
	async () => {
		const disk = openDisk(64 * 2 ** 20);
		const { folder } = await runOut(disk, 0);
		for (const name of ["events.jsonl", "worker.jsonl"] as const)
			assert.ok(linesOf(folder, name).length > 0, "every line is JSON");
		disk.close();
	},
);

diskTest(
	"a disk that is read-only is told before anything begins",
	async () => {
		const disk = openDisk(2 ** 20, ",ro");
		const run = puppetRun({}, { folder: join(disk.folder, "run") });
		const error = await failureOf(run, "OUTPUT_UNWRITABLE");
		assert.is(error.issues[0]?.path, "output.folder");
		disk.close();
	},
);

pythonTest("a run folder that is removed ends the run by name", async () => {
	const folder = join(temporaryFolder(), "run");
	const run = finetune(spec(folder), options);
	run.on("step", ({ step }) => {
		if (step === 1) rmSync(folder, { recursive: true });
	});
	const pid = workerOf(run);
	await failureOf(run, "OUTPUT_UNWRITABLE");
	await untilGone(await pid);
	assert.not(existsSync(folder), "nothing of it is made anew");
});

test.run();
