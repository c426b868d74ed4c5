// A worker that another process has started, and that goes on without it.
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
	let stopLooking = () => {};
	const exited = new Promise<WorkerExit>((resolve) => {
		const look = setInterval(() => {
			if (isSame(id)) return;
			stopLooking();
			resolve({ exitCode: null, signal: null });
		}, lookEveryMs);
		stopLooking = () => clearInterval(look);
	});
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
		release: () => stopLooking(),
		isStopped: () => isStopped(pid),
	};
}
