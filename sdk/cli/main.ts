#!/usr/bin/env node
// The `captune` command: the list of its commands.
import { attachCommand } from "./commands/attach.js";
import { completionCommand } from "./commands/completion.js";
import { doctorCommand } from "./commands/doctor.js";
import { evaluateCommand } from "./commands/evaluate.js";
import { exportCommand } from "./commands/export.js";
import { finetuneCommand } from "./commands/finetune.js";
import { generateCommand } from "./commands/generate.js";
import { previewCommand } from "./commands/preview.js";
import { quickstartCommand } from "./commands/quickstart.js";
import { reportCommand } from "./commands/report.js";
import { resumeCommand } from "./commands/resume.js";
import { runsCommand } from "./commands/runs.js";
import { schemaCommand } from "./commands/schema.js";
import { smokeCommand } from "./commands/smoke.js";
import { makeProgram, run } from "./program.js";

const commands = [
	quickstartCommand(),
	finetuneCommand(),
	resumeCommand(),
	attachCommand(),
	evaluateCommand(),
	generateCommand(),
	previewCommand(),
	smokeCommand(),
	reportCommand(),
	exportCommand(),
	runsCommand(),
	doctorCommand(),
	schemaCommand(),
	completionCommand(),
];

await run(makeProgram(commands), process.argv.slice(2));
