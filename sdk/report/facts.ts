// What a run was made of: data, warnings, settings, versions.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunEvent, SplitFacts } from "../run/event.generated.js";
import { runFiles } from "../run/folder.js";
import type { RunRecord } from "./read.js";
import { count, countOf, nothing, shown, table } from "./text.js";

/** Kinds of warnings shown; the rest is counted. */
const maxWarnings = 20;

/** Rows in use and left out, and how long they are. */
export function dataFacts(events: readonly RunEvent[]): string {
	const data = events.findLast((event) => event.type === "data");
	if (data?.type !== "data" || data.splits.length === 0) return "";
	return `<section>
<h2>Data</h2>
${table(
	[
		"split",
		"rows",
		"left out",
		"prompt tokens",
		"picture tokens",
		"answer tokens",
	],
	data.splits.map((facts) => [
		facts.split,
		count(facts.rows),
		dropped(facts),
		spread(facts.promptTokens),
		spread(facts.visualTokens),
		spread(facts.answerTokens),
	]),
)}
<p>Tokens of a row: the mean, and the largest in brackets.${
		data.splits.some((facts) => Object.keys(facts.dropped).length > 0)
			? " <code>dropped.jsonl</code> in the run folder lists the rows that were left out."
			: ""
	}</p>
</section>`;
}

function dropped({ dropped }: SplitFacts): string {
	const reasons = Object.entries(dropped);
	return reasons.length === 0
		? "0"
		: reasons
				.map(([code, rows]) => `${count(rows)} ${shown(code)}`)
				.join("<br>");
}

const spread = ({ mean, max }: SplitFacts["promptTokens"]) =>
	`${count(Number(mean.toFixed(1)))} (${count(max)})`;

/** The warnings of a run; those of one text are told once. */
export function warnings(events: readonly RunEvent[]): string {
	const told = new Map<string, { code: string; times: number }>();
	for (const event of events) {
		if (event.type !== "warning") continue;
		const { code, message } = event;
		const times = (told.get(message)?.times ?? 0) + 1;
		told.set(message, { code, times });
	}
	if (told.size === 0) return "";
	const items = [...told].slice(0, maxWarnings).map(([message, one]) => {
		const times = one.times === 1 ? "" : ` <small>${one.times} times</small>`;
		return `<li><b>${shown(one.code)}</b> ${shown(message)}${times}</li>`;
	});
	const rest = told.size - items.length;
	return `<section class="warnings">
<h2>${countOf(told.size, "warning")}</h2>
<ul>${items.join("\n")}</ul>
${rest === 0 ? "" : `<p>And ${count(rest)} more in <code>events.jsonl</code>.</p>`}
</section>`;
}

/** Every setting, and what those left to captune came out as. */
export function settings({ spec, events }: RunRecord): string {
	const resolved = events.findLast((event) => event.type === "resolved");
	const { type, runId, attempt, seq, time, ...outcome } = { ...resolved };
	const measured =
		resolved === undefined ? "" : `<h2>Measured</h2>${facts(outcome)}`;
	return `<section>
<h2>Settings</h2>
${facts(spec)}
${measured}
</section>`;
}

/** What computed it. */
export function versions({ folder, events }: RunRecord): string {
	const file = join(folder, runFiles.environment);
	const ready = events.findLast((event) => event.type === "ready");
	const environment: unknown = existsSync(file)
		? JSON.parse(readFileSync(file, "utf8"))
		: ready?.type === "ready"
			? { ...ready.versions, device: ready.device }
			: {};
	return `<section>
<h2>Versions</h2>
${facts(environment)}
</section>`;
}

const facts = (value: unknown) =>
	`<dl class="facts">${flatten(value)
		.map(
			([path, text]) =>
				`<div><dt>${shown(path)}</dt><dd>${shown(text)}</dd></div>`,
		)
		.join("\n")}</dl>`;

/** Every field, by its dotted path. */
function flatten(value: unknown, path = ""): [string, string][] {
	if (Array.isArray(value))
		return [[path, value.length === 0 ? nothing : value.map(item).join(", ")]];
	if (typeof value === "object" && value !== null)
		return Object.entries(value).flatMap(([key, inner]) =>
			flatten(inner, path === "" ? key : `${path}.${key}`),
		);
	return [[path, item(value)]];
}

function item(value: unknown): string {
	if (value === null) return nothing;
	if (typeof value === "object") return JSON.stringify(value);
	const text = String(value);
	return text.trim() === text ? text : JSON.stringify(text);
}
