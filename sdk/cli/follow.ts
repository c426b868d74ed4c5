// A run at the command line, from its start to its exit code.
import { DetachedError } from "../errors.js";
import type { EvaluationRun, FinetuneRun, RunHandle } from "../run/run.js";
import { showProgress } from "../terminal/progress.js";
import { summarize } from "../terminal/summary.js";
import { exitCode } from "./exit-codes.js";
import { leaveOnSignals, stopOnSignals } from "./signals.js";
import type { View } from "./view.js";

/** Shows a training run until its end; signals stop it. Returns the exit code, or throws what the run rejects with. */
export async function followRun(run: FinetuneRun, view: View): Promise<number> {
	stopOnSignals(run, view);
	return conclude(run, view);
}

async function conclude(run: FinetuneRun, view: View): Promise<number> {
	const result = await watch(run, view);
	view.say(`\n${summarize(result)}`);
	if (result.status === "completed") return exitCode("done");
	view.note(`stopped: \`captune resume ${result.folder}\` goes on`);
	return exitCode("stopped");
}

/** Shows a detached run until its end, or until a signal, which leaves it to itself. */
export async function followDetached(
	run: FinetuneRun,
	view: View,
): Promise<number> {
	leaveOnSignals(run, view);
	try {
		return await conclude(run, view);
	} catch (error) {
		if (!(error instanceof DetachedError)) throw error;
		return sayDetached(run, view);
	}
}

/** Shows a run until its first step, and lets it go. */
export async function letGo(run: FinetuneRun, view: View): Promise<number> {
	stopOnSignals(run, view);
	const shown = watch(run, view).catch((error) => {
		if (!(error instanceof DetachedError)) throw error;
	});
	await Promise.race([once(run, "step"), shown]);
	await run.detach();
	await shown;
	return sayDetached(run, view);
}

const once = (run: FinetuneRun, type: "step") =>
	new Promise<void>((resolve) => {
		run.on(type, () => resolve());
	});

async function sayDetached(
	{ id, folder, state }: FinetuneRun,
	view: View,
): Promise<number> {
	if (state === "detached") {
		await view.emit({ type: "detached", runId: id, folder });
		view.say(`\nit goes on by itself: \`captune attach ${folder}\``);
	}
	return exitCode("done");
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
