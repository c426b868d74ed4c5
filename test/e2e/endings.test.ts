// How a run ends that is not let alone: the SDK dies, or somebody presses Ctrl-C.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RunEvent } from "../../sdk/index.js";
import { shortSpec } from "../support/airplanes.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

const sdk = fileURLToPath(new URL("../../sdk/index.js", import.meta.url));

/** A user's script, in a process (and a process group) of its own, that trains for a long time. */
async function startScript(onSignals: boolean) {
	const folder = join(temporaryFolder(), "run");
	const spec = shortSpec({
		training: {
			maxSteps: 100_000,
			epochs: 100_000,
			batchSize: 3,
			gradientAccumulationSteps: 1,
		},
		evaluation: { kind: "teacherForced", everySteps: 100_000 },
		output: { folder },
	});
	const script = join(temporaryFolder(), "script.mts");
	writeFileSync(
		script,
		`import { finetune } from ${JSON.stringify(sdk.replace(/\.js$/, ".ts"))};
const run = finetune(${JSON.stringify(spec)}, { python: ${JSON.stringify(testPython)} });
${onSignals ? 'process.on("SIGINT", () => run.stop());' : ""}
const result = await run;
console.log(JSON.stringify(result));
`,
	);
	const child = execa(process.execPath, ["--import", "tsx", script], {
		cwd: fileURLToPath(new URL("../..", import.meta.url)),
		reject: false,
		detached: true,
		cleanup: true,
	});
	const stepsOf = () =>
		existsSync(join(folder, "worker.jsonl"))
			? linesOf(folder).filter(({ type }) => type === "step").length
			: 0;
	while (stepsOf() < 10) await delay(50);
	const ready = linesOf(folder).find((event) => event.type === "ready");
	return { folder, child, workerPid: ready?.type === "ready" ? ready.pid : 0 };
}

/** A log that is being written may end in half a line. */
function linesOf(folder: string): RunEvent[] {
	const lines = readFileSync(join(folder, "worker.jsonl"), "utf8").split("\n");
	return lines.slice(0, -1).map((line) => JSON.parse(line));
}

async function untilGone(pid: number): Promise<number> {
	const started = Date.now();
	while (isAlive(pid) && Date.now() - started < 20_000) await delay(20);
	return Date.now() - started;
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		// A zombie has ended; only its parent has not looked yet.
		return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
}

const loadable = (folder: string) =>
	execa(testPython as string, [
		"-c",
		"import sys; from safetensors.torch import load_file; from peft import PeftConfig; PeftConfig.from_pretrained(sys.argv[1]); print(len(load_file(sys.argv[1] + '/adapter_model.safetensors')))",
		folder,
	]);

pythonTest(
	"when the SDK is killed, the worker finishes its step, saves it and is gone within 3 s",
	async () => {
		const { folder, child, workerPid } = await startScript(false);
		child.kill("SIGKILL");
		const ms = await untilGone(workerPid);
		assert.ok(ms <= 3_000, `it took ${ms} ms`);
		const events = checkedLog(folder, "worker.jsonl");
		const lastStep = events.findLast((event) => event.type === "step");
		const step = lastStep?.type === "step" ? lastStep.step : 0;
		const checkpoints = readdirSync(join(folder, "checkpoints"));
		assert.equal(checkpoints, [`step-${String(step).padStart(6, "0")}`]);
		const checkpoint = join(folder, "checkpoints", checkpoints[0] as string);
		assert.is(
			JSON.parse(readFileSync(join(checkpoint, "state.json"), "utf8")).step,
			step,
		);
		assert.ok(Number((await loadable(checkpoint)).stdout) > 0);
		const end = events.at(-1);
		assert.ok(end?.type === "end" && end.status === "stopped");
	},
);

pythonTest(
	"Ctrl-C in a script without handlers keeps what was trained",
	async () => {
		const { folder, child, workerPid } = await startScript(false);
		// The terminal signals the whole group: the script dies of it, the worker must not.
		process.kill(-(child.pid as number), "SIGINT");
		const ms = await untilGone(workerPid);
		assert.ok(ms <= 3_000, `it took ${ms} ms`);
		const [checkpoint] = readdirSync(join(folder, "checkpoints"));
		assert.ok(checkpoint);
		assert.ok(
			Number((await loadable(join(folder, "checkpoints", checkpoint))).stdout) >
				0,
		);
	},
);

pythonTest("Ctrl-C in a script that stops its run gives a result", async () => {
	const { folder, child } = await startScript(true);
	process.kill(-(child.pid as number), "SIGINT");
	const { stdout, exitCode } = await child;
	assert.is(exitCode, 0);
	const result = JSON.parse(stdout);
	assert.is(result.status, "stopped");
	assert.ok(result.steps >= 10);
	assert.ok(existsSync(join(result.adapter, "adapter_model.safetensors")));
	const end = checkedLog(folder, "events.jsonl").at(-1);
	assert.ok(end?.type === "end" && end.status === "stopped");
	assert.not(existsSync(join(folder, "run.lock")));
});

pythonTest("a second Ctrl-C ends at once", async () => {
	const { child, workerPid } = await startScript(true);
	const group = -(child.pid as number);
	process.kill(group, "SIGINT");
	process.kill(workerPid, "SIGINT");
	const ms = await untilGone(workerPid);
	assert.ok(ms <= 3_000, `it took ${ms} ms`);
	process.kill(group, "SIGKILL");
	await child;
});

test.run();
