// A worker that another process has started, and that goes on without it.
import { setTimeout as delay } from "node:timers/promises";
import { isSame, type ProcessId } from "./lock.js";
import {
	endWithin,
	isStopped,
	type WorkerExit,
	type WorkerProcess,
} from "./worker.js";

/** Between two looks whether it is there; nobody but its parent is told. */
const lookEveryMs = 200;

/** Takes charge of a process; how it ends is not known to whoever is not its parent. */
export function adoptWorker(id: ProcessId): WorkerProcess {
	const { pid } = id;
	const exited = (async (): Promise<WorkerExit> => {
		while (isSame(id)) await delay(lookEveryMs);
		return { exitCode: null, signal: null };
	})();
	const kill = (signal: NodeJS.Signals) => {
		// Its number may be another's by now.
		if (isSame(id)) process.kill(pid, signal);
	};
	return {
		pid,
		exited,
		end: (graceMs) => endWithin(graceMs, exited, kill),
		abandon() {},
		printStacks() {},
		detach() {},
		release() {},
		isStopped: () => isStopped(pid),
	};
}
