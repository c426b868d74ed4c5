// `captune export <run>`.
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import {
	type ExportForm,
	type ExportOptions,
	exportModel,
} from "../../export/export.js";
import { pushToHub } from "../../export/push.js";
import {
	act,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
} from "../command.js";
import { exitCode } from "../exit-codes.js";
import { abortOnSignals } from "../signals.js";
import type { View } from "../view.js";

interface Flags extends EnvironmentFlags {
	readonly adapter?: true;
	readonly merged?: true;
	readonly output?: string;
	readonly dtype?: NonNullable<ExportOptions["dtype"]>;
	readonly baseModel?: string;
	readonly push?: string;
	readonly public?: true;
}

export function exportCommand(): Command {
	const command = makeCommand(
		"export",
		"write what was trained as a folder for others, or push it to the hub",
		[
			"captune export birds/run --merged --output birds/merged",
			"captune export birds/run/checkpoints/step-000010 --adapter",
			"captune export birds/run --push you/birds",
		],
	)
		.argument(
			"<run>",
			"folder of a run, of a checkpoint of it or of an adapter",
		)
		.addOption(
			new Option(
				"--merged",
				"a model by itself, in the hub's layout (the default)",
			).conflicts("adapter"),
		)
		.option("--adapter", "the adapter alone, in PEFT's format")
		.option(
			"--output <folder>",
			"new folder (default: <run>-merged or <run>-adapter)",
		)
		.addOption(
			new Option("--dtype <type>", "type of merged weights").choices([
				"auto",
				"float32",
				"bfloat16",
				"float16",
			]),
		)
		.option("--base-model <model>", "hub id or folder of what was trained on")
		.addOption(
			new Option(
				"--push <owner/name>",
				"push to this repository of the hub, private, and write no folder",
			).conflicts(["output", "dtype"]),
		)
		.option("--public", "with --push: to a repository that all may see");
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runExport));
}

async function runExport(
	view: View,
	source: string,
	{ adapter, merged, output, dtype, baseModel, push, ...flags }: Flags,
): Promise<number> {
	const form: ExportForm | undefined = adapter ? "adapter" : merged && "merged";
	const options = {
		...environmentOf(flags),
		...(baseModel === undefined ? {} : { baseModel }),
		signal: abortOnSignals(),
	};
	if (push !== undefined) {
		const pushed = await pushToHub(source, {
			...options,
			...(form === undefined ? {} : { form }),
			repository: push,
			private: !flags.public,
		});
		view.say(`pushed    ${pushed.url}`);
		await view.emit({ type: "result", ...pushed });
		return exitCode("done");
	}
	const exported = await exportModel(source, {
		...options,
		form: form ?? "merged",
		folder: output ?? `${resolve(source)}-${form ?? "merged"}`,
		...(dtype === undefined ? {} : { dtype }),
	});
	const { difference, tolerance, caption } = exported.verification;
	view.say(
		[
			`${exported.form.padEnd(9)} ${exported.folder}`,
			`verified  logits differ by ${difference.toPrecision(2)} at most (${tolerance.toPrecision(2)} is allowed)`,
			`answers   ${caption}`,
		].join("\n"),
	);
	await view.emit({ type: "result", ...exported });
	return exitCode("done");
}
