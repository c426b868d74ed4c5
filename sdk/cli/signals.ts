// Ctrl-C on a terminal, SIGTERM in CI: the first stops the run and keeps what was trained, the second ends it at once.
import type { FinetuneRun } from "../run/run.js";

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

type EndSignal = keyof typeof exitCodes;

/** Obeys signals until the run has ended; `exitCode` is set once one has come. */
export function endOnSignals(run: FinetuneRun): { readonly exitCode?: number } {
	const outcome: { exitCode?: number } = {};
	const obey = (signal: EndSignal) => {
		const isSecond = outcome.exitCode !== undefined;
		outcome.exitCode = exitCodes[signal];
		if (isSecond) process.exit(outcome.exitCode);
		console.log(
			"\nstopping after this step; what was trained is kept (again: at once)",
		);
		run.stop().catch(() => {}); // told to whoever awaits the run
	};
	process.on("SIGINT", obey);
	process.on("SIGTERM", obey);
	const forget = () => {
		process.off("SIGINT", obey);
		process.off("SIGTERM", obey);
	};
	run.then(forget, forget);
	return outcome;
}
