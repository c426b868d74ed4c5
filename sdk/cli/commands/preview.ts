// `captune preview <spec>`.
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { InputError } from "../../errors.js";
import { preview } from "../../preview/preview.js";
import { renderText } from "../../preview/text.js";
import type { Spec } from "../../spec/spec.generated.js";
import {
	act,
	collect,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
	usageError,
	wholeNumber,
} from "../command.js";
import { exitCode } from "../exit-codes.js";
import { override } from "../overrides.js";
import { abortOnSignals } from "../signals.js";
import { loadSpecFile } from "../spec-file.js";
import { columnsOf, type View } from "../view.js";

interface Flags extends EnvironmentFlags {
	readonly set?: readonly string[];
	readonly rows?: number;
	readonly html?: string;
}

export function previewCommand(): Command {
	const command = makeCommand(
		"preview",
		"show rows as the model will see them, and check all data",
		[
			"captune preview birds.ts",
			"captune preview birds.json --rows 1 --html birds.html",
		],
	)
		.argument("<spec>", "file with the spec: .ts, .js or .json")
		.option("--rows <count>", "rows of each split (default: 3)", wholeNumber)
		.option("--html <file>", "write it as a page too, with the pictures")
		.option(
			"--set <field=value>",
			"replace a field of the spec; may be given several times",
			collect,
		);
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runPreview));
}

async function runPreview(
	view: View,
	file: string,
	{ set = [], rows, html, ...flags }: Flags,
): Promise<number> {
	const { spec, options } = await loadSpecFile(file);
	if (options.data !== undefined)
		throw usageError("data", "comes from the program: preview reads files", {
			remedy: "Write the rows with materialize(rows, folder).",
		});
	const shown = await preview(override<Spec>(spec, set), {
		...(options.metrics === undefined ? {} : { metrics: options.metrics }),
		...(rows === undefined ? {} : { rows }),
		...environmentOf(flags),
		signal: abortOnSignals(),
	});
	const width = columnsOf(view.people);
	view.say(
		renderText(shown, {
			color: view.people.isTTY && view.people.hasColors(),
			width: Number.isFinite(width) ? width : 80,
		}),
	);
	if (html !== undefined) {
		writePage(html, shown.toHtml());
		view.note(`page      ${html}`);
	}
	await view.emit({ type: "result", ...shown });
	return exitCode("done");
}

function writePage(file: string, body: string): void {
	try {
		writeFileSync(
			file,
			`<!doctype html>\n<meta charset="utf-8">\n<title>Preview</title>\n${body}\n`,
		);
	} catch (error) {
		throw new InputError(
			"OUTPUT_UNWRITABLE",
			`The page ${file} cannot be written: ${(error as Error).message}.`,
			{ cause: error, data: { file } },
		);
	}
}
