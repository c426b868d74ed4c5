// What all commands have in common: --json, --verbose, examples in their help, and one way to end.
import { Command, InvalidArgumentError, Option } from "commander";
import { CanceledError, SpecError } from "../errors.js";
import { lastSignalCode } from "./signals.js";
import { View, type ViewOptions } from "./view.js";

/** A command with the options that all have; the lines of `examples` close its help. */
export function makeCommand(
	name: string,
	description: string,
	examples: readonly string[],
): Command {
	return new Command(name)
		.description(description)
		.option("--json", "one JSON object a line on standard output")
		.option("--verbose", "with an error, show where it happened")
		.addHelpText(
			"after",
			`\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`,
		);
}

/** Options that name the Python environment. */
export interface EnvironmentFlags {
	readonly python?: string;
	readonly wheels?: string;
}

export const environmentOptions = (): readonly Option[] => [
	new Option("--python <path>", "a Python interpreter that has what is needed"),
	new Option(
		"--wheels <source>",
		"another source of Python wheels: the URL of an index, or a folder",
	),
];

/** The flags as the functions of the package take them. */
export const environmentOf = ({ python, wheels }: EnvironmentFlags) => ({
	...(python === undefined ? {} : { python }),
	...(wheels === undefined ? {} : { wheels }),
});

/**
 * A commander action: `work` gets the view, the arguments and the options, and returns the exit code.
 * An error is told, and becomes its exit code.
 */
export const act =
	<Args extends unknown[]>(
		work: (view: View, ...args: Args) => Promise<number>,
	) =>
	async (...given: unknown[]): Promise<void> => {
		const args = given.slice(0, -1) as Args;
		const view = new View(args.at(-1) as ViewOptions);
		try {
			process.exitCode = await work(view, ...args);
		} catch (error) {
			process.exitCode = await view.fail(
				error,
				error instanceof CanceledError ? lastSignalCode() : undefined,
			);
		}
	};

/** The command line cannot work. */
export const usageError = (
	path: string,
	reason: string,
	{
		value,
		remedy,
	}: { readonly value?: unknown; readonly remedy?: string } = {},
): SpecError =>
	new SpecError(
		[
			{
				path,
				reason,
				...(value === undefined ? {} : { value }),
				...(remedy === undefined ? {} : { remedy }),
			},
		],
		"The command line is",
	);

/** Parses an option that is a whole number. */
export function wholeNumber(text: string): number {
	const value = Number(text);
	if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0)
		throw new InvalidArgumentError("It must be a whole number.");
	return value;
}

/** Collects an option that may be given several times. */
export const collect = (text: string, before: readonly string[] = []) => [
	...before,
	text,
];

/** Parses an option that is a number. */
export function number(text: string): number {
	const value = Number(text);
	if (text.trim() === "" || !Number.isFinite(value))
		throw new InvalidArgumentError("It must be a number.");
	return value;
}
