// What the page on the spec lists: every field, section by section.
import { table } from "../export/markup.js";
import type { JsonSchema } from "../schema/fields.js";
import { schedules, specSchema } from "../spec/schema.js";
import { cellsOf, fieldHeads, fieldRows, unions } from "./fields.js";

export function specPage(): string {
	const top = Object.entries(specSchema.properties ?? {});
	const sections = top.filter(([, { properties, items }]) =>
		Boolean(properties || items?.oneOf),
	);
	const told = new Set<JsonSchema>();
	return [
		"## Fields of the spec\n",
		table(
			fieldHeads,
			top.map(([key, field]) => {
				const [name = "", ...cells] = cellsOf(key, field);
				const isSection = sections.some(([section]) => section === key);
				return [isSection ? `[${name}](#${key})` : name, ...cells];
			}),
		),
		...sections.flatMap(([key, section]) => [
			`\n## \`${key}\`\n\n${section.description}\n`,
			...(section.oneOf || section.items?.oneOf
				? [printUnion(section.items ?? section, told)]
				: [
						table(
							fieldHeads,
							fieldRows(section).map(({ cells }) => cells),
						),
						...unions(section).map(
							({ path, union }) =>
								`\n### \`${key}.${path}\`\n\n${union.description}\n\n${printUnion(union, told)}`,
						),
					]),
			...(key === "training" ? [scheduleArguments()] : []),
		]),
	].join("\n");
}

/** One table of every field, with the kinds that have it; kinds that were told of before are only named. */
function printUnion(
	{ oneOf = [], discriminator }: JsonSchema,
	told: Set<JsonSchema>,
): string {
	const tag = discriminator?.propertyName ?? "kind";
	const tagOf = ({ properties }: JsonSchema) =>
		`\`${properties?.[tag]?.const}\``;
	const isTold = (branch: JsonSchema) =>
		[...told].some(({ title }) => title === branch.title);
	const fresh = oneOf.filter((branch) => !isTold(branch));
	const known = oneOf.filter(isTold);
	for (const branch of fresh) told.add(branch);

	const rows = new Map<string, { cells: readonly string[]; kinds: string[] }>();
	for (const branch of fresh)
		for (const { path: name, cells } of fieldRows(branch)) {
			if (name === tag) continue;
			const key = cells.join("|");
			const row = rows.get(key) ?? { cells, kinds: [] };
			row.kinds.push(tagOf(branch));
			rows.set(key, row);
		}
	const kindsText = (kinds: readonly string[]) =>
		kinds.length === fresh.length && kinds.length > 1
			? "all"
			: kinds.join(", ");
	return [
		...(fresh.length === 0
			? []
			: [
					table(
						[`\`${tag}\``, "what it is"],
						fresh.map((branch) => [tagOf(branch), branch.description ?? ""]),
					),
				]),
		...(known.length === 0
			? []
			: [`As above: ${known.map(tagOf).join(", ")}.\n`]),
		...(rows.size === 0
			? []
			: [
					"",
					table(
						[`\`${tag}\``, ...fieldHeads],
						[...rows.values()].map(({ cells, kinds }) => [
							kindsText(kinds),
							...cells,
						]),
					),
				]),
	].join("\n");
}

function scheduleArguments(): string {
	const rows = Object.entries(schedules).map(([name, known]) => [
		`\`${name}\``,
		known.map((argument) => `\`${argument}\``).join(", ") || "none",
	]);
	return `\n### \`training.scheduleArguments\`\n\nWhat each schedule takes.\n\n${table(["schedule", "arguments"], rows)}`;
}
