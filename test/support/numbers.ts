// What a run came to, without what may differ between two runs that are the same.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunEvent } from "../../sdk/index.js";
import { readJsonLines } from "../../sdk/run/folder.js";
import { currentEvents } from "../../sdk/run/history.js";

/** The numbers of a run that must not depend on what happened to it. */
export function numbersOf(folder: string) {
	const events = currentEvents(
		readJsonLines<RunEvent>(join(folder, "events.jsonl")),
	);
	return {
		steps: events.flatMap((event) =>
			event.type === "step"
				? [[event.step, event.loss, event.gradNorm, event.learningRate]]
				: [],
		),
		scores: events.flatMap((event) =>
			event.type === "score"
				? [[event.evaluationId, event.values, event.best, event.isBest]]
				: [],
		),
		adapter: readFileSync(
			join(folder, "adapter", "adapter_model.safetensors"),
		).toString("base64"),
	};
}
