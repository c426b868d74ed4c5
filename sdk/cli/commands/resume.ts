// `captune resume <folder>`.
import type { Command } from "commander";
import { resume } from "../../resume.js";
import {
	act,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
} from "../command.js";
import { followRun } from "../follow.js";
import { loadMetrics } from "../spec-file.js";
import type { View } from "../view.js";

interface Flags extends EnvironmentFlags {
	readonly spec?: string;
}

export function resumeCommand(): Command {
	const command = makeCommand(
		"resume",
		"go on with a run that was stopped, was killed or failed",
		["captune resume birds/run", "captune resume birds/run --spec birds.ts"],
	)
		.argument("<folder>", "run folder")
		.option("--spec <file>", "spec file with the run's own metrics");
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runResume));
}

async function runResume(
	view: View,
	folder: string,
	{ spec, ...flags }: Flags,
): Promise<number> {
	const metrics = await loadMetrics(spec);
	return followRun(
		resume(folder, { ...metrics, ...environmentOf(flags) }),
		view,
	);
}
