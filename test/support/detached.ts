// Detached puppets: started and attached to in this process, or by SDK processes that a test may kill.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import type { RunEvent } from "../../sdk/index.js";
import { linesOf } from "./events.js";
import type { Plan } from "./puppet.js";

/** An SDK process of its own group, and what its reader has got so far. */
export interface SdkProcess {
	readonly child: ChildProcess;
	/** Number and type of each event, in the order of reading. */
	readonly seen: { readonly seq: number; readonly type: string }[];
	/** How the run ended there: a status, or the code of an error. */
	readonly outcome: Promise<string | undefined>;
	/** The first event has been read. */
	readonly begun: Promise<unknown>;
}

/** Starts a detached puppet in a process of its own. */
export const startElsewhere = (folder: string, plan: Plan): SdkProcess =>
	begin("start", folder, JSON.stringify(plan));

/** Attaches to one there. */
export const attachElsewhere = (folder: string): SdkProcess =>
	begin("attach", folder);

/** Attaches to one there, and lets it go after its first step. */
export const visitElsewhere = (folder: string): SdkProcess =>
	begin("visit", folder);

function begin(...words: readonly string[]): SdkProcess {
	const script = fileURLToPath(
		new URL("../fixtures/detached/sdk.ts", import.meta.url),
	);
	const child = spawn(
		process.execPath,
		["--import", "tsx", script, ...words],
		// Its own group: a terminal's signals go to all of one.
		{ stdio: ["ignore", "pipe", "inherit"], detached: true },
	);
	const seen: SdkProcess["seen"] = [];
	let told: string | undefined;
	const lines = createInterface({
		input: child.stdout as NodeJS.ReadableStream,
	});
	const begun = new Promise((resolve) => lines.once("line", resolve));
	lines.on("line", (line) => {
		const said = JSON.parse(line);
		if (typeof said === "string") told = said;
		else seen.push(said);
	});
	const closed = new Promise((resolve) => lines.once("close", resolve));
	const outcome = closed.then(() => told);
	return { child, seen, outcome, begun };
}

/** Kills an SDK process so that it can do nothing more. */
export async function killHard({ child, outcome }: SdkProcess): Promise<void> {
	child.kill("SIGKILL");
	await outcome;
}

/** The worker that the lock of a run folder names, once it does. */
export async function workerIn(folder: string): Promise<number> {
	for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
		try {
			const { worker } = JSON.parse(
				readFileSync(join(folder, "run.lock"), "utf8"),
			);
			if (typeof worker === "number") return worker;
		} catch {} // not there yet
		await delay(2);
	}
	return assert.unreachable("No worker was started.") as never;
}

/** What the worker has said is in the run's own log once, in its order. */
export function assertDelivered(folder: string): void {
	const own = linesOf(folder, "worker.jsonl");
	const key = ({ type, attempt, time }: RunEvent) =>
		`${type} ${attempt} ${time}`;
	const written = new Set(own.map(key));
	const events = linesOf(folder, "events.jsonl");
	assert.equal(
		events.map(({ seq }) => seq),
		events.map((_, at) => at + 1),
	);
	assert.equal(
		events.map(key).filter((one) => written.has(one)),
		own.map(key),
	);
}
