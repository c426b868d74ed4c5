// listRuns(): what lies in a folder of runs, by its files alone.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { livingHolder } from "../launch/lock.js";
import { readEvents } from "../report/read.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import type { RunEvent } from "./event.generated.js";
import { runFiles } from "./folder.js";

/** A run, or an evaluation by itself, as its folder tells it. */
export interface RunListing {
	readonly id: string;
	/** Its spec's; null where that has none. */
	readonly name: string | null;
	readonly kind: "run" | "evaluation";
	/**
	 * `interrupted`: its process is gone and it has no end; like one that is stopped, canceled or failed, it can be
	 * resumed.
	 */
	readonly status:
		| "running"
		| "completed"
		| "stopped"
		| "canceled"
		| "failed"
		| "interrupted";
	/** Optimizer steps made. */
	readonly steps: number;
	/** Of how many; null where it never came so far. */
	readonly totalSteps: number | null;
	/** The best checkpoint so far, by the spec's own metric; null where none is scored. */
	readonly best: {
		readonly metric: string;
		readonly value: number;
		readonly step: number;
	} | null;
	/** Absolute path. */
	readonly folder: string;
	/** When it began, in milliseconds since 1970-01-01 UTC. */
	readonly startedAt: number;
	/** Milliseconds since it began. */
	readonly ageMs: number;
	/** Size of its folder, in bytes. */
	readonly bytes: number;
}

/**
 * The runs in a folder, the newest first: in `captune-runs` of the current folder unless another is given, which may be
 * a run's own. A folder that is none, or cannot be read, is left out.
 */
export function listRuns(folder = "captune-runs"): readonly RunListing[] {
	const root = resolve(folder);
	if (!existsSync(root)) return [];
	const names = readdirSync(root, { withFileTypes: true })
		.filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
		.map(({ name }) => join(root, name));
	return [root, ...names]
		.flatMap((path) => listing(path) ?? [])
		.sort((a, b) => b.startedAt - a.startedAt);
}

function listing(folder: string): RunListing | undefined {
	try {
		const spec: ResolvedSpec = JSON.parse(
			readFileSync(join(folder, runFiles.spec), "utf8"),
		);
		const events = readEvents(folder);
		const [first] = events;
		if (first === undefined) return undefined;
		return {
			id: first.runId,
			name: spec.name,
			kind: existsSync(join(folder, runFiles.evaluation))
				? "evaluation"
				: "run",
			status: statusOf(folder, events),
			steps: stepsOf(events),
			totalSteps: last(events, "resolved")?.totalSteps ?? null,
			best: bestOf(spec, events),
			folder,
			startedAt: first.time,
			ageMs: Math.max(0, Date.now() - first.time),
			bytes: bytesIn(folder),
		};
	} catch {
		return undefined; // no run, or one that is just going away
	}
}

function statusOf(
	folder: string,
	events: readonly RunEvent[],
): RunListing["status"] {
	if (livingHolder(join(folder, runFiles.lock)) !== undefined) return "running";
	return last(events, "end")?.status ?? "interrupted";
}

const stepsOf = (events: readonly RunEvent[]) =>
	events.reduce(
		(most, event) =>
			event.type === "step" ? Math.max(most, event.step) : most,
		0,
	);

function bestOf(
	{ evaluation }: ResolvedSpec,
	events: readonly RunEvent[],
): RunListing["best"] {
	const best = events.findLast(
		(event): event is Extract<RunEvent, { type: "score" }> =>
			event.type === "score" && event.best !== null,
	)?.best;
	return best ? { metric: evaluation.best.metric, ...best } : null;
}

const last = <Type extends RunEvent["type"]>(
	events: readonly RunEvent[],
	type: Type,
) =>
	events.findLast(
		(event): event is Extract<RunEvent, { type: Type }> => event.type === type,
	);

function bytesIn(folder: string): number {
	return readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.reduce(
			(sum, { parentPath, name }) =>
				sum +
				(statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ??
					0),
			0,
		);
}
