// The command line as a whole: its commands, its help, and what becomes of a command line that is none.
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { usageError } from "./command.js";
import { exitCodes } from "./exit-codes.js";
import { View } from "./view.js";

const { version } = createRequire(import.meta.url)("../../package.json") as {
	readonly version: string;
};

/** The program with these commands, in the order of its help. */
export function makeProgram(commands: readonly Command[]): Command {
	const program = new Command("captune")
		.description("Fine-tune a small vision-language model.")
		.version(version)
		.exitOverride()
		.configureOutput({ outputError: () => {} }) // told by `run`
		.configureHelp({ subcommandTerm: termOf })
		.addHelpText("after", `\n${exitCodeTable()}`);
	for (const command of commands)
		program.addCommand(command.copyInheritedSettings(program));
	return program;
}

/** "finetune <spec>": that there are options goes without saying. */
const termOf = (command: Command): string =>
	[
		command.name(),
		...command.registeredArguments.map((one) =>
			one.required ? `<${one.name()}>` : `[${one.name()}]`,
		),
	].join(" ");

/** Runs the command that the arguments name. */
export async function run(
	program: Command,
	args: readonly string[],
): Promise<void> {
	// Whoever reads no more, `captune runs | head`, must not end a training run.
	for (const stream of [process.stdout, process.stderr])
		stream.on("error", () => {});
	try {
		await program.parseAsync([...args], { from: "user" });
	} catch (error) {
		if (error instanceof CommanderError && error.exitCode === 0) return;
		const view = new View({
			json: args.includes("--json"),
			verbose: args.includes("--verbose"),
		});
		process.exitCode = await view.fail(
			error instanceof CommanderError ? toUsageError(error) : error,
		);
	}
}

function toUsageError({ message, code }: CommanderError) {
	if (code === "commander.help")
		return usageError("", "names no command", {
			remedy: "captune --help lists them.",
		});
	const [reason = "", remedy] = message.replace(/^error: /, "").split("\n");
	return usageError("", reason.replace(/\.$/, ""), {
		remedy: remedy?.replace(/^\((.*)\)$/, "$1") ?? "--help tells more.",
	});
}

function exitCodeTable(): string {
	const width = Math.max(...exitCodes.map(({ name }) => name.length));
	const lines = exitCodes.map(
		({ code, name, meaning }) =>
			`  ${String(code).padStart(3)}  ${name.padEnd(width)}  ${meaning}`,
	);
	return ["Exit codes:", ...lines].join("\n");
}
