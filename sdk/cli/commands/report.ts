// `captune report <run>`.
import type { Command } from "commander";
import { report } from "../../report/report.js";
import { act, makeCommand } from "../command.js";
import { exitCode } from "../exit-codes.js";
import type { View } from "../view.js";

export function reportCommand(): Command {
	return makeCommand(
		"report",
		"write report.html and the charts of a run again, also of one that failed",
		["captune report birds/run"],
	)
		.argument("<run>", "run folder")
		.action(act(runReport));
}

async function runReport(view: View, folder: string): Promise<number> {
	const file = await report(folder);
	view.say(file);
	await view.emit({ type: "result", report: file });
	return exitCode("done");
}
