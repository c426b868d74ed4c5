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
 * Writes and pushes what the spec asks for, of weights that have seen `step` steps. The run is worth having without it: what fails is a warning, with what to call
 * to do it again.
 *
 * @throws {CanceledError} on abort.
 */
export async function deliver(
	folder: string,
	step: number | null,
	{ merged, hub }: ResolvedSpec["output"],
	{ python, signal, say }: DeliveryPorts,
): Promise<Pick<FinetuneResult, "merged" | "hub">> {
	const attempt = async <Value>(
		message: string,
		code: string,
		remedy: string,
		work: () => Promise<Value>,
	): Promise<Value | null> => {
		const stage = { type: "stage", stage: "save", message } as const;
		const amounts = { done: null, total: null, unit: null };
		say({ ...stage, ...amounts, state: "started" });
		try {
			const value = await work();
			say({ ...stage, ...amounts, state: "completed" });
			return value;
		} catch (error) {
			if (error instanceof CanceledError) throw error;
			const known = CaptuneError.isInstance(error) ? error : undefined;
			say({
				type: "warning",
				code,
				message: `${(error as Error).message} The run is complete all the same. ${remedy}`,
				data: { code: known?.code ?? null, issues: known?.issues ?? [] },
			});
			return null;
		}
	};
	// The end of the run, which tells the step, is not told yet.
	const source = () => ({ ...readSource(folder), step });
	return {
		merged: merged
			? await attempt(
					"merged model",
					"EXPORT_FAILED",
					`exportModel("${folder}", { folder }) does it again.`,
					async () => {
						const written = await writeExport(source(), {
							python,
							folder: join(folder, "merged"),
							form: "merged",
							dtype: "auto",
							signal,
						});
						return written.folder;
					},
				)
			: null,
		hub: hub
			? await attempt(
					`push to ${hub.repository}`,
					"HUB_PUSH_FAILED",
					`pushToHub("${folder}") does it again.`,
					() => push(source(), { ...hub, python, signal }),
				)
			: null,
	};
}
