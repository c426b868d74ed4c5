// Ctrl-C on a terminal, SIGTERM in CI: the first stops a run and keeps what was trained, the second ends it at once.
import type { FinetuneRun, RunHandle } from "../run/run.js";
import { exitCodeOfSignal } from "./exit-codes.js";
import type { View } from "./view.js";

let lastSignal: NodeJS.Signals | undefined;

/** The exit code for the signal that ended the work; undefined where none did. */
export const lastSignalCode = (): number | undefined =>
	lastSignal === undefined ? undefined : exitCodeOfSignal(lastSignal);

/** Until the run has ended, the first signal stops it and the second ends this process. */
export function stopOnSignals(run: FinetuneRun, view: View): void {
	const forget = obeySignals(() => {
		view.note(
			"\nstopping after this step; what was trained is kept (again: at once)",
		);
		run.stop().catch(() => {}); // told to whoever awaits the run
	});
	run.then(forget, forget);
}

/** The same for a run that goes on by itself: the first signal leaves it. */
export function leaveOnSignals(run: FinetuneRun, view: View): void {
	const forget = obeySignals(() => {
		view.note("\nleaving; the run goes on");
		run.detach().catch(() => {}); // told to whoever awaits the run
	});
	run.then(forget, forget);
}

/** The same for what cannot be stopped half-way: the first signal cancels it. */
export function cancelOnSignals(run: RunHandle<unknown>): void {
	const forget = obeySignals(() => void run.cancel("interrupted"));
	run.then(forget, forget);
}

/** Aborted by the first signal; the second ends this process. For work that leaves nothing half done. */
export function abortOnSignals(): AbortSignal {
	const controller = new AbortController();
	obeySignals(() => controller.abort("interrupted"));
	return controller.signal;
}

/** Returns how to obey no more. */
function obeySignals(first: () => void): () => void {
	const obey = (signal: NodeJS.Signals) => {
		const isSecond = lastSignal !== undefined;
		lastSignal = signal;
		if (isSecond) process.exit(exitCodeOfSignal(signal));
		first();
	};
	process.on("SIGINT", obey);
	process.on("SIGTERM", obey);
	return () => {
		process.off("SIGINT", obey);
		process.off("SIGTERM", obey);
	};
}
