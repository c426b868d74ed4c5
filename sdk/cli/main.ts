#!/usr/bin/env node
// The `captune` command: the list of its commands.
import { finetuneCommand } from "./commands/finetune.js";
import { quickstartCommand } from "./commands/quickstart.js";
import { smokeCommand } from "./commands/smoke.js";
import { makeProgram, run } from "./program.js";

await run(
	makeProgram([quickstartCommand(), finetuneCommand(), smokeCommand()]),
	process.argv.slice(2),
);
