// report(): tells a run to a person, from nothing but its folder.
import { renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { runFiles } from "../run/folder.js";
import { renderPage } from "./page.js";
import { readRun } from "./read.js";

/**
 * Writes `report.html` into a run folder, also of a run that failed half-way. Returns the path of the page.
 *
 * @throws {InputError} DATA_INVALID for a folder that holds no run.
 */
export async function report(folder: string): Promise<string> {
	const record = readRun(resolve(folder));
	const page = await renderPage(record);
	const file = join(record.folder, runFiles.report);
	writeFileSync(`${file}.partial`, page);
	renameSync(`${file}.partial`, file);
	return file;
}
