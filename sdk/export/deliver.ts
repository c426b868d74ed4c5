// What a run that is complete still has to hand over: its merged model, its repository on the hub.
import { join } from "node:path";
import { CanceledError, CaptuneError } from "../errors.js";
import type { EventBody } from "../run/journal.js";
import type { FinetuneResult } from "../run/result.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import { writeExport } from "./export.js";
import { push } from "./push.js";
import { readSource } from "./source.js";

export interface DeliveryPorts {
	readonly python: string;
	readonly signal: AbortSignal;
	/** Adds an event to the run. */
	readonly say: (event: EventBody) => void;
}

/** Is there anything to hand over? */
export const isDelivered = ({ merged, hub }: ResolvedSpec["output"]): boolean =>
	merged || hub !== null;

/**
 * Writes and pushes what the spec asks for, of weights that have seen `step` steps. The run is worth having without it:
 * what fails is a warning, EXPORT_FAILED or HUB_PUSH_FAILED, that tells how to do it again.
 *
 * @throws {CanceledError} on abort.
 */
export async function deliver(
	folder: string,
	step: number | null,
	{ merged, hub }: ResolvedSpec["output"],
	{ python, signal, say }: DeliveryPorts,
): Promise<Pick<FinetuneResult, "merged" | "hub">> {
	// The end of the run, which tells the step, is not told yet.
	const source = () => ({ ...readSource(folder), step });
	const written = merged
		? await attempt(
				{
					message: "merged model",
					code: "EXPORT_FAILED",
					again: `exportModel("${folder}", { folder })`,
				},
				say,
				async () =>
					writeExport(source(), {
						python,
						folder: join(folder, "merged"),
						form: "merged",
						dtype: "auto",
						signal,
					}),
			)
		: null;
	const pushed = hub
		? await attempt(
				{
					message: `push to ${hub.repository}`,
					code: "HUB_PUSH_FAILED",
					again: `pushToHub("${folder}")`,
				},
				say,
				async () => push(source(), { ...hub, python, signal }),
			)
		: null;
	return { merged: written?.folder ?? null, hub: pushed };
}

interface Task {
	/** What is being done. */
	readonly message: string;
	/** Of the warning where it fails. */
	readonly code: string;
	/** The call that does it again. */
	readonly again: string;
}

/** Does something between the two events that tell of it; null, with a warning, where it fails. */
async function attempt<Value>(
	{ message, code, again }: Task,
	say: DeliveryPorts["say"],
	work: () => Promise<Value>,
): Promise<Value | null> {
	const tell = (state: "started" | "completed") =>
		say({
			type: "stage",
			stage: "save",
			state,
			done: null,
			total: null,
			unit: null,
			message,
		});
	tell("started");
	try {
		const value = await work();
		tell("completed");
		return value;
	} catch (error) {
		if (error instanceof CanceledError) throw error;
		const known = CaptuneError.isInstance(error) ? error : undefined;
		say({
			type: "warning",
			code,
			message: `${(error as Error).message} The run is complete all the same; ${again} does it again.`,
			data: { code: known?.code ?? null, issues: known?.issues ?? [] },
		});
		return null;
	}
}
