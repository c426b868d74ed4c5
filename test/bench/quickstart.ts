// How long the quickstart takes: to its first step, training alone, and in all.
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { finetune } from "../../sdk/index.js";
import { quickstartSpec } from "../../sdk/recipes/quickstart.js";

const folder = mkdtempSync(join(tmpdir(), "captune-bench-"));
const started = Date.now();
const seconds = () => Number(((Date.now() - started) / 1000).toFixed(1));

const run = finetune(quickstartSpec({ folder: join(folder, "run") }));
let firstStep = 0;
let lastStep = 0;
run.on("step", () => {
	firstStep ||= seconds();
	lastStep = seconds();
});
const { steps, test } = await run;
console.log({
	cores: cpus().length,
	steps,
	firstStep,
	lastStep,
	end: seconds(),
	rouge1: test?.tuned?.values["rouge1"],
});
rmSync(folder, { recursive: true });
