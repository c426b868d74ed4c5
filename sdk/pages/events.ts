// What the page on events lists: every type, when it comes, its fields, an example that the schema's test holds valid.
import { readFileSync } from "node:fs";
import { table } from "../export/markup.js";
import type { RunEvent } from "../run/event.generated.js";
import { envelope, eventSchema } from "../run/event-schema.js";
import { fieldRows } from "./fields.js";
import { printJson } from "./json.js";

const when: Readonly<Record<RunEvent["type"], string>> = {
	stage:
		"One may lie within another; `done` and `total` are null where nothing can be counted.",
	ready: "Once in an attempt, first of the worker's.",
	data: "Once in an attempt. A run whose rows cannot be used fails before it.",
	resolved: "After the model was loaded and measured.",
	model:
		"Once in an attempt, after loading, when a first batch has shown which attention kernel runs.",
	tensors:
		"`trainable` once after loading, `batch` with the first micro-batch, `statistics` after `run.tensorStatistics()`.",
	step: "After every optimizer step, in order. With `training.loggingSteps` above 1 they come in groups.",
	checkpoint:
		"`saved` before the evaluation of its step, `pruned` when a newer or better one takes its place, `loaded` when a resumed run goes on from it.",
	predictions:
		"During an evaluation of kind `generate`, one event for some rows, before the `evaluation` they belong to.",
	evaluation:
		"At the end of every evaluation: of the base model on the test split before the first step, of the validation split at every checkpoint, and, when the run completes, of the test split and of shuffled pictures where asked for.",
	score:
		"After its `evaluation`, once TypeScript has scored it. It may come after later steps.",
	warning:
		"Whenever there is something to know. [Every code](../errors/README.md#warnings) has its cause and remedy.",
	log: "When the worker, or a library in it, prints a line.",
	gap: "To a reader that was too slow, where the lost events would have stood.",
	end: "Last. A run that failed tells its error here too.",
};

export function eventsPage(): string {
	const { valid } = JSON.parse(
		readFileSync(
			new URL("../../schemas/examples/event.json", import.meta.url),
			"utf8",
		),
	) as { readonly valid: readonly RunEvent[] };
	const branches = new Map(
		eventSchema.oneOf?.map((one) => [one.properties?.["type"]?.const, one]),
	);
	const ofEvery = new Set(["type", ...Object.keys(envelope)]);
	const heads = ["field", "type", "meaning"];
	const fieldTable = (rows: ReturnType<typeof fieldRows>) =>
		table(
			heads,
			rows.map(({ cells: [name = "", type = "", , meaning = ""] }) => [
				name,
				type,
				meaning,
			]),
		);
	return [
		"## Every event\n",
		fieldTable([
			...fieldRows({
				properties: {
					type: { type: "string", description: "What it tells." },
					...envelope,
				},
			}),
		]),
		...Object.entries(when).flatMap(([type, text]) => {
			const event = branches.get(type);
			if (event === undefined)
				throw new TypeError(`No event is called ${type}.`);
			const example = valid.find((one) => one.type === type);
			return [
				`\n## \`${type}\`\n`,
				`${event.description} ${text}\n`,
				fieldTable(fieldRows(event).filter(({ path }) => !ofEvery.has(path))),
				`\n\`\`\`json\n${printJson(example)}\n\`\`\``,
			];
		}),
	].join("\n");
}
