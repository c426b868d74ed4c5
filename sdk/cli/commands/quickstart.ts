// `captune quickstart`: the whole story on the embedded model and drawn airplanes, with nothing to prepare.
import type { Command } from "commander";
import { finetune } from "../../finetune.js";
import { inspectEnvironment } from "../../inspect/inspect.js";
import { quickstartSpec } from "../../recipes/quickstart.js";
import {
	describeEnvironment,
	installPrinter,
} from "../../terminal/environment.js";
import {
	act,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
	wholeNumber,
} from "../command.js";
import { followRun } from "../follow.js";
import type { View } from "../view.js";

interface Flags extends EnvironmentFlags {
	readonly testSeed?: number;
	readonly testPictures: number;
	readonly output?: string;
}

export function quickstartCommand(): Command {
	const command = makeCommand(
		"quickstart",
		"fine-tune the embedded model on drawn airplanes and show the result",
		[
			"captune quickstart",
			"captune quickstart --test-seed 7 --output first-run",
		],
	)
		.option(
			"--test-seed <seed>",
			"test on pictures drawn with this seed",
			wholeNumber,
		)
		.option("--test-pictures <count>", "how many of them", wholeNumber, 64)
		.option("--output <folder>", "run folder (default: captune-runs/<run id>)");
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runQuickstart));
}

async function runQuickstart(
	view: View,
	{ testSeed, testPictures, output, ...flags }: Flags,
): Promise<number> {
	const environment = environmentOf(flags);
	const facts = await inspectEnvironment({
		...environment,
		onProgress: installPrinter(view.people),
		onNotice: (message) => view.note(message),
	});
	view.say(describeEnvironment(facts));
	const spec = quickstartSpec({
		...(testSeed === undefined
			? {}
			: { test: { seed: testSeed, count: testPictures } }),
		...(output === undefined ? {} : { folder: output }),
	});
	return followRun(finetune(spec, environment), view);
}
