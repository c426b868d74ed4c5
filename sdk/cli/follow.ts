// A run at the command line, from its start to its exit code.
import type { EvaluationRun, FinetuneRun, RunHandle } from "../run/run.js";
import { showProgress } from "../terminal/progress.js";
import { summarize } from "../terminal/summary.js";
import { exitCode } from "./exit-codes.js";
import { stopOnSignals } from "./signals.js";
import type { View } from "./view.js";

/** Shows a training run until its end; signals stop it. Returns the exit code, or throws what the run rejects with. */
export async function followRun(run: FinetuneRun, view: View): Promise<number> {
	stopOnSignals(run, view);
	const result = await watch(run, view);
	view.say(`\n${summarize(result)}`);
	if (result.status === "completed") return exitCode("done");
	view.note(`stopped: \`captune resume ${result.folder}\` goes on`);
	return exitCode("stopped");
}

/** Shows a run, or an evaluation, until its end, and emits its events and its result. */
export async function watch<
	Run extends RunHandle<object> & (FinetuneRun | EvaluationRun),
>(run: Run, view: View): Promise<Awaited<Run>> {
	const shown = showProgress(run, view.people);
	const emitted = emitEvents(run, view);
	try {
		const result = await run;
		await Promise.all([shown, emitted]);
		await view.emit({ type: "result", ...result });
		return result as Awaited<Run>;
	} finally {
		await Promise.allSettled([shown, emitted]);
	}
}

async function emitEvents(run: RunHandle<unknown>, view: View): Promise<void> {
	if (!view.json) return;
	try {
		for await (const event of run) await view.emit(event);
	} catch {
		// told to whoever awaits the run
	}
}
