// How a run came out: in one line, and what went wrong where something did.
import { describeIssue, type Issue } from "../errors.js";
import type { EndError, EndIssue } from "../run/event.generated.js";
import type { RunRecord } from "./read.js";
import { count, countOf, duration, moment, shown } from "./text.js";

/** Model, method, size, end and date of a run. */
export function summaryLine(record: RunRecord): string {
	const { spec, events } = record;
	const begin = events[0]?.time;
	return [
		spec.model.nameOrPath,
		describeMethod(record),
		describeEnd(record),
		...(begin === undefined ? [] : [`started ${moment(begin)}`]),
	].join(" · ");
}

/** How it was trained, and how much of the model. */
export function describeMethod({ spec, events }: RunRecord): string {
	const { method } = spec;
	const name = method.kind === "full" ? "full fine-tuning" : loraOf(method);
	const model = events.findLast((event) => event.type === "model");
	return model?.type === "model"
		? `${name}, ${count(model.trainable)} of ${count(model.parameters)} parameters trained`
		: name;
}

const loraOf = ({ kind, rank }: { kind: "lora" | "qlora"; rank: number }) =>
	`${kind === "lora" ? "LoRA" : "QLoRA"} rank ${rank}`;

function describeEnd(record: RunRecord): string {
	const { result, events } = record;
	if (result !== null)
		return `${result.status} after ${countOf(result.steps, "step")} in ${duration(result.seconds)}${result.best ? `; best at step ${count(result.best.step)}` : ""}`;
	const steps = events.findLast((event) => event.type === "step")?.step ?? 0;
	return `${endOf(record)?.status ?? "not ended"} after ${countOf(steps, "step")}`;
}

/** What stopped a run that has no result; nothing for one that ended well. */
export function troubles(record: RunRecord): string {
	if (record.result !== null) return "";
	const end = endOf(record);
	if (end === undefined)
		return `<section class="trouble"><h2>This run has not ended</h2>
<p>It is still under way, or its process was killed. <code>resume(folder)</code> goes on with one that is not.</p></section>`;
	if (end.error === null)
		return `<section class="trouble"><h2>This run was ${end.status}</h2></section>`;
	return `<section class="trouble"><h2>This run ${end.status === "canceled" ? "was canceled" : "failed"}</h2>${describeError(end.error)}</section>`;
}

function describeError({ code, message, issues, traceback }: EndError): string {
	const list = issues.map((issue) => `<li>${shown(sentence(issue))}</li>`);
	return `<p><b>${shown(code)}</b> ${lines(message)}</p>
${list.length === 0 ? "" : `<ul>${list.join("")}</ul>`}
${traceback === null ? "" : `<details><summary>Python traceback</summary><pre>${lines(traceback)}</pre></details>`}`;
}

function sentence({ path, value, reason, remedy }: EndIssue): string {
	const issue: Issue = {
		...{ path, reason },
		...(value === null ? {} : { value }),
		...(remedy === null ? {} : { remedy }),
	};
	return describeIssue(issue);
}

const lines = (text: string) => text.split("\n").map(shown).join("\n");

function endOf({ events }: RunRecord) {
	const end = events.findLast((event) => event.type === "end");
	return end?.type === "end" ? end : undefined;
}
