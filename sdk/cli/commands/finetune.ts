// `captune finetune <spec>`.
import type { Command } from "commander";
import { finetune } from "../../finetune.js";
import {
	act,
	collect,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
} from "../command.js";
import { followRun, letGo } from "../follow.js";
import { override } from "../overrides.js";
import { loadSpecFile } from "../spec-file.js";
import type { View } from "../view.js";

interface Flags extends EnvironmentFlags {
	readonly set?: readonly string[];
	readonly output?: string;
	readonly detach?: boolean;
}

export function finetuneCommand(): Command {
	const command = makeCommand(
		"finetune",
		"fine-tune a model as a spec says; Ctrl-C stops and saves",
		[
			"captune finetune birds.ts",
			"captune finetune birds.json --set training.maxSteps=5 --output trial",
			"captune finetune birds.ts --json | jq 'select(.type == \"score\")'",
		],
	)
		.argument("<spec>", "file with the spec: .ts, .js or .json")
		.option(
			"--set <field=value>",
			"replace a field of the spec; may be given several times",
			collect,
		)
		.option("--output <folder>", "run folder, in place of output.folder")
		.option(
			"--detach",
			"after the first step, let it go on by itself; `captune attach` comes back to it",
		);
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runFinetune));
}

async function runFinetune(
	view: View,
	file: string,
	{ set = [], output, detach = false, ...flags }: Flags,
): Promise<number> {
	const { spec, options } = await loadSpecFile(file);
	const changed = override(spec, [
		...set,
		...(output === undefined
			? []
			: [`output.folder=${JSON.stringify(output)}`]),
	]);
	// Which of finetune's two forms a file asks for is known to finetune, not to the compiler.
	const all = { ...options, ...environmentOf(flags), detach } as Parameters<
		typeof finetune
	>[1];
	const run = finetune(changed, all);
	return detach ? letGo(run, view) : followRun(run, view);
}
