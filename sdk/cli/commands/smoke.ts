// `captune smoke <spec>`.
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { InputError } from "../../errors.js";
import { toJunit } from "../../smoke/junit.js";
import { type SmokeCheck, type SmokeResult, smoke } from "../../smoke.js";
import {
	act,
	collect,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
	wholeNumber,
} from "../command.js";
import { exitCode } from "../exit-codes.js";
import { override } from "../overrides.js";
import { abortOnSignals } from "../signals.js";
import { loadSpecFile } from "../spec-file.js";
import { paint, type View } from "../view.js";

interface Flags extends EnvironmentFlags {
	readonly set?: readonly string[];
	readonly junit?: string;
	readonly standInRows?: number;
}

export function smokeCommand(): Command {
	const command = makeCommand(
		"smoke",
		"try a spec in a minute: the embedded model, the first rows, two steps, no GPU, no network",
		[
			"captune smoke birds.ts",
			"captune smoke birds.ts --junit smoke.xml",
			"captune smoke birds.json --stand-in-rows 24",
		],
	)
		.argument("<spec>", "file with the spec: .ts, .js or .json")
		.option(
			"--set <field=value>",
			"replace a field of the spec; may be given several times",
			collect,
		)
		.option("--junit <file>", "write the checks as JUnit XML")
		.option(
			"--stand-in-rows <count>",
			"so many drawn rows of the declared columns in place of the data",
			wholeNumber,
		);
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runSmoke));
}

async function runSmoke(
	view: View,
	file: string,
	{ set = [], junit, standInRows, ...flags }: Flags,
): Promise<number> {
	const { spec, options } = await loadSpecFile(file);
	const result = await smoke(override(spec, set), {
		...options,
		...environmentOf(flags),
		...(standInRows === undefined ? {} : { standInRows }),
		signal: abortOnSignals(),
		onCheck: (check) => {
			view.say(lineOf(check, view));
			const { error, ...plain } = check;
			void view.emit({
				type: "check",
				...plain,
				...(error === undefined ? {} : { code: error.code }),
			});
		},
	});
	if (junit !== undefined) write(junit, toJunit(result));
	sayNotChecked(result, view);
	const { checks, ...rest } = result;
	await view.emit({ type: "smoke", ...rest });
	const failed = checks.find(({ status }) => status === "failed");
	if (failed !== undefined) return view.fail(failed.error);
	view.say(`\npassed in ${result.seconds.toFixed(0)} s`);
	return exitCode("done");
}

function lineOf({ name, status, seconds, detail }: SmokeCheck, view: View) {
	const style = { passed: "green", failed: "red", skipped: "dim" } as const;
	const word = paint(view.people, style[status], status.padEnd(7));
	const time = status === "skipped" ? "" : `${seconds.toFixed(1)} s`;
	// An error is told whole, at the end.
	const said = status === "failed" ? "" : detail;
	return `${word}  ${name.padEnd(19)}  ${time.padStart(6)}  ${said}`.trimEnd();
}

function sayNotChecked({ notChecked }: SmokeResult, view: View): void {
	view.say("\nnot checked:");
	for (const { what, why } of notChecked) view.say(`  ${what}: ${why}`);
}

function write(file: string, text: string): void {
	try {
		writeFileSync(file, text);
	} catch (error) {
		throw new InputError(
			"OUTPUT_UNWRITABLE",
			`${file} cannot be written: ${(error as Error).message}. Choose another file.`,
			{ cause: error, data: { file } },
		);
	}
}
