// `captune completion <shell>`.
import { Argument, Command } from "commander";
import { completionScript, type Shell, shells } from "../completion.js";
import { exitCode } from "../exit-codes.js";

export function completionCommand(): Command {
	const command = new Command("completion");
	return command
		.description("print a script that completes command lines")
		.addArgument(new Argument("<shell>", "which shell").choices([...shells]))
		.addHelpText(
			"after",
			`
Examples:
  eval "$(captune completion bash)"          in ~/.bashrc
  eval "$(captune completion zsh)"           in ~/.zshrc, after compinit
  captune completion fish | source           in ~/.config/fish/config.fish`,
		)
		.action((shell: Shell) => {
			const program = command.parent as Command;
			process.stdout.write(completionScript(program, shell));
			process.exitCode = exitCode("done");
		});
}
