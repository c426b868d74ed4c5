#!/usr/bin/env node
// The `captune` command.
import { createRequire } from "node:module";
import { Command, InvalidArgumentError } from "commander";
import { CanceledError, CaptuneError } from "../errors.js";
import { type QuickstartOptions, quickstart } from "./quickstart.js";

const { version } = createRequire(import.meta.url)("../../package.json") as {
	readonly version: string;
};

const program = new Command("captune")
	.description("Fine-tune a small vision-language model.")
	.version(version);

program
	.command("quickstart")
	.description(
		"fine-tune the embedded model on drawn airplanes and show the result",
	)
	.option(
		"--test-seed <seed>",
		"test on pictures drawn with this seed",
		wholeNumber,
	)
	.option(
		"--test-pictures <count>",
		"how many of them (default: 64)",
		wholeNumber,
	)
	.option("--folder <path>", "run folder (default: captune-runs/<run id>)")
	.option("--python <path>", "a Python interpreter that has what is needed")
	.option(
		"--wheels <source>",
		"another source of Python wheels: the URL of an index, or a folder",
	)
	.action(async (options: QuickstartOptions) => {
		process.exitCode = await quickstart(options);
	});

try {
	await program.parseAsync();
} catch (error) {
	if (!CaptuneError.isInstance(error)) throw error;
	console.error(
		error instanceof CanceledError ? error.message : `error: ${error.message}`,
	);
	if (error.traceback) console.error(error.traceback);
	process.exitCode = error instanceof CanceledError ? 130 : 1;
}

function wholeNumber(text: string): number {
	const value = Number(text);
	if (!Number.isSafeInteger(value) || value < 0)
		throw new InvalidArgumentError("It must be a whole number.");
	return value;
}
