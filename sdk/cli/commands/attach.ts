// `captune attach <folder>`.
import type { Command } from "commander";
import { attach } from "../../attach.js";
import {
	act,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
	wholeNumber,
} from "../command.js";
import { followDetached } from "../follow.js";
import { loadMetrics } from "../spec-file.js";
import type { View } from "../view.js";

interface Flags extends EnvironmentFlags {
	readonly spec?: string;
	readonly from?: number;
	readonly stop?: boolean;
}

export function attachCommand(): Command {
	const command = makeCommand(
		"attach",
		"come back to a detached run; Ctrl-C leaves it again, and it goes on",
		[
			"captune attach captune-runs/20261128-184200-heron",
			"captune attach trial --stop",
			"captune attach trial --json --from 200",
		],
	)
		.argument("<folder>", "run folder")
		.option("--spec <file>", "spec file with the run's own metrics")
		.option("--from <number>", "first event to show (default: 1)", wholeNumber)
		.option("--stop", "stop the run: it finishes its step, saves and scores");
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runAttach));
}

async function runAttach(
	view: View,
	folder: string,
	{ spec, from, stop = false, ...flags }: Flags,
): Promise<number> {
	const metrics = await loadMetrics(spec);
	const run = attach(folder, {
		...metrics,
		...environmentOf(flags),
		...(from === undefined ? {} : { from }),
	});
	if (stop) run.on("step", () => void run.stop().catch(() => {}));
	return followDetached(run, view);
}
