// `captune runs [folder]`: a table.
import { relative } from "node:path";
import type { Command } from "commander";
import { titleOf } from "../../report/charts.js";
import { listRuns, type RunListing } from "../../run/list.js";
import { act, makeCommand } from "../command.js";
import { exitCode } from "../exit-codes.js";
import { type Column, renderTable } from "../table.js";
import { columnsOf, paint, type View } from "../view.js";

export function runsCommand(): Command {
	return makeCommand("runs", "list the runs in a folder, the newest first", [
		"captune runs",
		"captune runs experiments --json | jq -r .folder",
	])
		.argument("[folder]", "folder of runs", "captune-runs")
		.action(act(runRuns));
}

async function runRuns(view: View, folder: string): Promise<number> {
	const runs = listRuns(folder);
	for (const run of runs) await view.emit({ type: "run", ...run });
	if (view.json) return exitCode("done");
	if (runs.length === 0) view.note(`no runs in ${folder}`);
	else view.say(renderTable(runs, columns(view), columnsOf(view.people)));
	return exitCode("done");
}

const columns = (view: View): readonly Column<RunListing>[] => [
	{ head: "id", cell: ({ id }) => id },
	{ head: "name", cell: ({ name }) => name ?? "", shrinks: true },
	{
		head: "status",
		cell: ({ status, kind }) =>
			kind === "evaluation" ? `${status} (eval)` : status,
		paint: (text, { status }) =>
			paint(view.people, styles[status] ?? "yellow", text),
	},
	{
		head: "steps",
		cell: ({ steps, totalSteps, kind }) =>
			kind === "evaluation" ? "" : `${steps}/${totalSteps ?? "?"}`,
		isNumber: true,
	},
	{
		head: "best",
		cell: ({ best }) =>
			best === null ? "" : `${titleOf(best.metric)} ${best.value.toFixed(3)}`,
	},
	{ head: "age", cell: ({ ageMs }) => ageOf(ageMs), isNumber: true },
	{ head: "size", cell: ({ bytes }) => sizeOf(bytes), isNumber: true },
	{
		head: "folder",
		cell: ({ folder }) => relative(process.cwd(), folder) || ".",
		shrinks: true,
	},
];

const styles: Partial<
	Record<RunListing["status"], Parameters<typeof paint>[1]>
> = { completed: "green", running: "bold", failed: "red" };

function ageOf(ms: number): string {
	const minutes = Math.floor(ms / 60_000);
	if (minutes < 60) return `${minutes} min`;
	if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`;
	return `${Math.floor(minutes / 1440)} d`;
}

function sizeOf(bytes: number): string {
	return bytes < 1e9
		? `${(bytes / 1e6).toFixed(1)} MB`
		: `${(bytes / 1e9).toFixed(1)} GB`;
}
