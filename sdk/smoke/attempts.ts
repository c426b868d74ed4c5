// The run of a smoke run: an attempt that is stopped after its first step, and one that goes on from there.
import { CallbackError, InputError, WorkerError } from "../errors.js";
import { type FinetuneOptions, processOptions } from "../options.js";
import { resume } from "../resume.js";
import type { RunEvent } from "../run/event.generated.js";
import type { FinetuneResult } from "../run/result.js";
import { type FinetuneRun, startRun } from "../run/run.js";
import type { EventOf, EventType } from "../run/stream.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";

/** What both attempts need. */
export interface Surroundings {
	readonly python: string;
	readonly options: FinetuneOptions;
}

/** An attempt that has ended well, or whose metrics threw. */
export interface Attempt {
	readonly events: readonly RunEvent[];
	readonly result?: FinetuneResult;
	readonly failure?: CallbackError;
}

/** Makes one step, saves, evaluates, and stops. */
export async function firstAttempt(
	spec: ResolvedSpec,
	{ python, options }: Surroundings,
): Promise<Attempt> {
	const run = startRun(
		{
			...processOptions(options),
			python,
			runId: "smoke",
			spec,
			folder: spec.output.folder as string,
		},
		options.signal,
	);
	// Told once the session knows of the step, and before the decision on it, so that the worker makes no other.
	run.on("step", () => queueMicrotask(() => run.stop().catch(() => {})));
	return attemptOf(run);
}

/** Goes on to the last step. */
export const secondAttempt = (
	folder: string,
	{ python, options }: Surroundings,
): Promise<Attempt> => attemptOf(resume(folder, { ...options, python }));

async function attemptOf(run: FinetuneRun): Promise<Attempt> {
	const events: RunEvent[] = [];
	const reading = (async () => {
		for await (const event of run) events.push(event);
	})().catch(() => {}); // the run is asked itself
	try {
		const result = await run;
		await reading;
		demandFinite(events);
		return { events, result };
	} catch (error) {
		await reading;
		if (isOfMetric(error)) return { events, failure: error };
		throw error;
	}
}

const isOfMetric = (error: unknown): error is CallbackError =>
	CallbackError.isInstance(error) && error.code === "METRIC_FAILED";

/** The events of one type. */
export const eventsOf = <Type extends EventType>(
	{ events }: Attempt,
	type: Type,
): readonly EventOf<Type>[] =>
	events.filter((event): event is EventOf<Type> => event.type === type);

function demandFinite(events: readonly RunEvent[]): void {
	const bad = events.find((event) => event.type === "step" && !event.finite);
	if (bad?.type === "step")
		throw new InputError(
			"NON_FINITE",
			`Loss or gradients of step ${bad.step} are not finite, on the first rows already. Lower training.learningRate, or look at the rows.`,
			{ data: { step: bad.step } },
		);
}

/**
 * Has the second attempt gone on where the first one ended?
 *
 * @throws {WorkerError} WORKER_FAILED where it has not: a fault of captune's.
 */
export function demandContinued(first: Attempt, second: Attempt): void {
	const loaded = eventsOf(second, "checkpoint").find(
		({ state }) => state === "loaded",
	);
	const steps = eventsOf(second, "step").map(({ step }) => step);
	const reached = first.result?.steps ?? 0;
	if (loaded?.step === reached && steps[0] === reached + 1) return;
	throw new WorkerError(
		"WORKER_FAILED",
		`The run stopped after step ${reached} and went on from ${loaded?.step ?? "nothing"} with step ${steps[0] ?? "none"}.`,
	);
}
