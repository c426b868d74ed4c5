// smoke(): a spec's whole way in a minute, on a machine without GPU and network.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RowsOfSplits } from "./data/splits.js";
import { type Issue, SpecError } from "./errors.js";
import type { SpecOfRows } from "./finetune.js";
import type { FinetuneOptions } from "./options.js";
import type { NotChecked } from "./smoke/not-checked.js";
import {
	CheckFailed,
	Checklist,
	type SmokeCheck,
	type SmokeCheckName,
	type SmokeResult,
} from "./smoke/result.js";
import { conduct, type Story } from "./smoke/story.js";
import type { Spec } from "./spec/spec.generated.js";

export type { NotChecked, SmokeCheck, SmokeCheckName, SmokeResult };

/** How a smoke run is carried out. */
export interface SmokeOptions extends FinetuneOptions {
	/** Rows of this program in place of sources of the spec, as in `finetune`. */
	readonly data?: RowsOfSplits;
	/** So many drawn rows of the declared columns in place of each source that reads files or the hub. */
	readonly standInRows?: number;
	/** Told of each check as it ends. */
	readonly onCheck?: (check: SmokeCheck) => void;
}

/**
 * Takes a spec through everything that a run does, with the embedded model in place of its own, on the CPU: reads and
 * checks the first 1,000 rows of each source, makes two optimizer steps on 12 of them, predicts, scores with the spec's
 * metrics, saves, resumes, loads the result, generates, exports. Trackers are off and nothing is pushed. What it writes
 * lies in a temporary folder, which is removed; captune's cache keeps what it keeps of any run.
 *
 * A spec or data that a run would refuse is a check that failed, with the error it holds; so is a metric that throws.
 *
 * @throws {SpecError} for options that cannot work. @throws {CanceledError} when the signal says so.
 */
export async function smoke(
	spec: Spec | SpecOfRows,
	{ data = {}, standInRows, onCheck = () => {}, ...options }: SmokeOptions = {},
): Promise<SmokeResult> {
	const issues = optionIssues(standInRows);
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	const start = performance.now();
	const list = new Checklist(onCheck);
	const story: Story = { name: "captune", notChecked: [] };
	const folder = mkdtempSync(join(tmpdir(), "captune-smoke-"));
	try {
		await conduct(list, story, folder, { spec, data, standInRows, options });
	} catch (error) {
		if (!(error instanceof CheckFailed)) throw error;
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
	const checks = list.close();
	return {
		passed: checks.every(({ status }) => status !== "failed"),
		...story,
		checks,
		seconds: (performance.now() - start) / 1000,
	};
}

const optionIssues = (standInRows: unknown): readonly Issue[] =>
	standInRows === undefined ||
	(Number.isInteger(standInRows) && Number(standInRows) > 0)
		? []
		: [
				{
					path: "standInRows",
					value: standInRows,
					reason: "must be a whole number above 0",
				},
			];
