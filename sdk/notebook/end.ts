// How far a run has come, in one line that is the same whenever it is read.
import { titleOf } from "../report/charts.js";
import { countOf } from "../report/text.js";
import type { RunEvent } from "../run/event.generated.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";

/** "completed after 144 steps; best at step 108: validation ROUGE-1 0.950". */
export function describeEnd(
	events: readonly RunEvent[],
	{ evaluation }: ResolvedSpec,
): string {
	const end = events.findLast((event) => event.type === "end");
	const step = events.findLast((event) => event.type === "step");
	const steps =
		end?.type === "end" ? end.steps : step?.type === "step" ? step.step : 0;
	const status = end?.type === "end" ? end.status : "under way";
	const score = events.findLast(
		(event) => event.type === "score" && event.best !== null,
	);
	const best = score?.type === "score" ? score.best : null;
	const { metric } = evaluation.best;
	return [
		steps === 0 ? status : `${status} after ${countOf(steps, "step")}`,
		...(best === null
			? []
			: [
					`best at step ${best.step}: validation ${titleOf(metric)} ${best.value.toFixed(3)}`,
				]),
	].join("; ");
}
