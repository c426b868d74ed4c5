// `captune doctor`.
import type { Command } from "commander";
import { doctor, type Finding } from "../../inspect/doctor.js";
import {
	act,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
} from "../command.js";
import { exitCode } from "../exit-codes.js";
import { columnsOf, fold, paint, type View } from "../view.js";

export function doctorCommand(): Command {
	const command = makeCommand(
		"doctor",
		"look at Python, packages, GPU, disk, memory and the hub; changes nothing",
		[
			"captune doctor",
			"captune doctor --json | jq 'select(.status != \"ok\")'",
		],
	);
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runDoctor));
}

/** 69 where there is a problem: a run would fail. */
async function runDoctor(view: View, flags: EnvironmentFlags): Promise<never> {
	const findings = await doctor(environmentOf(flags));
	const width = Math.max(...findings.map(({ name }) => name.length));
	for (const finding of findings) {
		await view.emit({ type: "finding", ...finding });
		view.say(describe(finding, width, view));
	}
	// What gave no answer may hang on, and is not waited for.
	process.exit(
		exitCode(
			findings.some(({ status }) => status === "problem")
				? "unavailable"
				: "done",
		),
	);
}

const marks = {
	ok: ["green", "ok"],
	warning: ["yellow", "warning"],
	problem: ["red", "problem"],
} as const;

/** Status, name and value; what to do stands below. */
function describe(
	{ name, status, value, remedy }: Finding,
	width: number,
	{ people }: View,
): string {
	const [style, word] = marks[status];
	const indent = " ".repeat(7 + 2 + width + 2);
	const told = [value, ...(remedy === undefined ? [] : [`→ ${remedy}`])]
		.map((text) => fold(indent + text, columnsOf(people)))
		.join("\n");
	const head = `${paint(people, style, word.padEnd(7))}  ${name.padEnd(width)}  `;
	return head + told.slice(indent.length);
}
