// Completion scripts from commander's own tree: they are plain shell, and start no process at every Tab.
import type { Argument, Command, Option } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;

export type Shell = (typeof shells)[number];

/** The script that completes the program's command line in this shell. */
export const completionScript = (program: Command, shell: Shell): string =>
	renderers[shell](program);

/** What a word may be: one of these, or a file. */
interface Words {
	readonly choices: readonly string[];
	readonly isFile: boolean;
}

const wordsOf = (one: Option | Argument | undefined): Words => ({
	choices: one?.argChoices ?? [],
	isFile: one !== undefined && (one.argChoices ?? []).length === 0,
});

const optionsOf = (command: Command): readonly Option[] =>
	command.createHelp().visibleOptions(command);

const flagsOf = ({ short, long }: Option): string[] =>
	[short, long].filter((flag) => typeof flag === "string");

const takesValue = ({ required, optional }: Option) => required || optional;

/** Single-quoted for bash, zsh and fish alike, but for fish's backslash. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function bash(program: Command): string {
	const name = program.name();
	const all = program.commands;
	const cases = all.map((command) => {
		const values = optionsOf(command).filter(takesValue);
		const flags = optionsOf(command).flatMap(flagsOf);
		const argument = wordsOf(command.registeredArguments[0]);
		return [
			`\t${command.name()})`,
			"\t\tcase $previous in",
			...values.map(
				(option) =>
					`\t\t${flagsOf(option).join("|")}) ${bashWords(wordsOf(option))} ;;`,
			),
			"\t\t*)",
			`\t\t\tif [[ $current == -* ]]; then COMPREPLY=($(compgen -W ${quoted(flags.join(" "))} -- "$current"))`,
			`\t\t\telse ${bashWords(argument)}; fi ;;`,
			"\t\tesac ;;",
		].join("\n");
	});
	const top = [
		...all.map((command) => command.name()),
		"help",
		...optionsOf(program).flatMap(flagsOf),
	];
	return `# bash completion for ${name}: eval "$(${name} completion bash)"
_${name}() {
	local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W ${quoted(top.join(" "))} -- "$current"))
		return
	fi
	case \${COMP_WORDS[1]} in
	help) ((COMP_CWORD == 2)) && COMPREPLY=($(compgen -W ${quoted(all.map((command) => command.name()).join(" "))} -- "$current")) ;;
${cases.join("\n")}
	esac
}
complete -o filenames -o bashdefault -F _${name} ${name}
`;
}

const bashWords = ({ choices, isFile }: Words): string => {
	if (isFile) return 'mapfile -t COMPREPLY < <(compgen -f -- "$current")';
	return choices.length === 0
		? ":"
		: `COMPREPLY=($(compgen -W ${quoted(choices.join(" "))} -- "$current"))`;
};

function zsh(program: Command): string {
	const name = program.name();
	const described = program.commands.map((command) =>
		quoted(`${command.name()}:${command.description().replaceAll(":", "\\:")}`),
	);
	const cases = program.commands.map((command) => {
		const options = optionsOf(command).flatMap((option) =>
			flagsOf(option).map((flag) =>
				quoted(
					`*${flag}[${zshText(option.description)}]${takesValue(option) ? `:value:${zshWords(wordsOf(option))}` : ""}`,
				),
			),
		);
		const [first] = command.registeredArguments;
		const argument =
			first === undefined
				? []
				: [quoted(`1:${first.name()}:${zshWords(wordsOf(first))}`)];
		return `\t${command.name()}) _arguments ${[...options, ...argument].join(" \\\n\t\t")} ;;`;
	});
	return `#compdef ${name}
# zsh completion for ${name}: eval "$(${name} completion zsh)", after compinit
_${name}() {
	if ((CURRENT == 2)); then
		local -a commands=(${described.join(" \\\n\t\t")})
		_describe command commands
		return
	fi
	shift words
	((CURRENT--))
	case $words[1] in
${cases.join("\n")}
	esac
}
if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

const zshText = (text: string) => text.replace(/[[\]:\\]/g, "\\$&");

const zshWords = ({ choices, isFile }: Words): string =>
	isFile ? "_files" : `(${choices.join(" ")})`;

function fish(program: Command): string {
	const name = program.name();
	const isFirst = "-n __fish_use_subcommand";
	const top = program.commands.map(
		(command) =>
			`complete -c ${name} -f ${isFirst} -a ${command.name()} -d ${fishQuoted(command.description())}`,
	);
	const inner = program.commands.flatMap((command) => {
		const within = `-n '__fish_seen_subcommand_from ${command.name()}'`;
		const argument = wordsOf(command.registeredArguments[0]);
		return [
			...optionsOf(command).map((option) => {
				const flags = [
					...(option.short ? [`-s ${option.short.slice(1)}`] : []),
					...(option.long ? [`-l ${option.long.slice(2)}`] : []),
				];
				const { choices, isFile } = wordsOf(option);
				const value = !takesValue(option)
					? ""
					: isFile
						? " -r -F"
						: ` -x -a ${fishQuoted(choices.join(" "))}`;
				return `complete -c ${name} ${within} ${flags.join(" ")}${value} -d ${fishQuoted(option.description)}`;
			}),
			...(argument.choices.length > 0
				? [
						`complete -c ${name} -f ${within} -a ${fishQuoted(argument.choices.join(" "))}`,
					]
				: argument.isFile
					? []
					: [`complete -c ${name} -f ${within}`]),
		];
	});
	return `# fish completion for ${name}: ${name} completion fish | source
${[...top, ...inner].join("\n")}
`;
}

const fishQuoted = (text: string) =>
	`'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

const renderers: Readonly<Record<Shell, (program: Command) => string>> = {
	bash,
	zsh,
	fish,
};
