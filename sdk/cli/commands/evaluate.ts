// `captune evaluate <spec or folder>`.
import { statSync } from "node:fs";
import type { Command } from "commander";
import {
	type EvaluateOptions,
	type EvaluationSettings,
	type EvaluationSpec,
	evaluate,
} from "../../evaluate.js";
import type { EvaluationRun } from "../../run/run.js";
import { summarizeEvaluation } from "../../terminal/summary.js";
import {
	act,
	collect,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
} from "../command.js";
import { exitCode } from "../exit-codes.js";
import { watch } from "../follow.js";
import { override } from "../overrides.js";
import { cancelOnSignals } from "../signals.js";
import { loadMetrics, loadSpecFile, type SpecFile } from "../spec-file.js";
import type { View } from "../view.js";

interface Flags extends EnvironmentFlags {
	readonly spec?: string;
	readonly set?: readonly string[];
	readonly output?: string;
}

export function evaluateCommand(): Command {
	const command = makeCommand(
		"evaluate",
		"score a model: the base model of a spec, or the weights of a run or an adapter",
		[
			"captune evaluate birds.ts",
			"captune evaluate birds/run --set evaluation.maxNewTokens=24",
			"captune evaluate birds/run/adapter --spec birds.ts --output birds/scores",
		],
	)
		.argument("<subject>", "spec file, or folder of a run, adapter or model")
		.option(
			"--set <field=value>",
			"replace a field of the spec; may be given several times",
			collect,
		)
		.option("--spec <file>", "with a folder: spec file with its own metrics")
		.option("--output <folder>", "folder of the evaluation");
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runEvaluate));
}

async function runEvaluate(
	view: View,
	subject: string,
	{ spec, set = [], output, ...flags }: Flags,
): Promise<number> {
	const options = {
		...(output === undefined ? {} : { folder: output }),
		...environmentOf(flags),
	};
	const run = statSync(subject, { throwIfNoEntry: false })?.isDirectory()
		? evaluate(subject, {
				...(await loadMetrics(spec)),
				...options,
				spec: override({}, set) as EvaluationSettings,
			})
		: evaluateSpec(await loadSpecFile(subject), set, options);
	cancelOnSignals(run);
	const result = await watch(run, view);
	view.say(`\n${summarizeEvaluation(result)}`);
	return exitCode("done");
}

function evaluateSpec(
	{ spec, options }: SpecFile,
	set: readonly string[],
	given: EvaluateOptions,
): EvaluationRun {
	const { data: { train: _, ...data } = {}, ...others } = options;
	return evaluate(override(spec, set) as EvaluationSpec, {
		...others,
		data,
		...given,
	});
}
