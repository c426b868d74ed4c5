// README.md of an export, which is a model card where it goes to the hub.
import { readFileSync } from "node:fs";
import type { ExportedModel } from "./export.js";
import {
	type CardScore,
	dataSection,
	datasetOf,
	scoresOf,
	scoresSection,
	settingsSection,
} from "./facts.js";
import { plain, yaml } from "./markup.js";
import { type Place, serveSection, useSection } from "./serving.js";
import type { ExportSource } from "./source.js";

/** The page: what it is, how to load it, where it can be served, how good it is, and what it was made of. */
export function renderCard(
	exported: ExportedModel,
	source: ExportSource,
	place: Place,
): string {
	const { run, step } = source;
	const scores = run === null ? [] : scoresOf(run, step);
	const sections = [
		`# ${plain(titleOfCard(exported, source))}\n\n${introduction(exported)}`,
		useSection(exported, source, place),
		serveSection(exported, place),
		...(run === null
			? []
			: [
					scoresSection(scores, run),
					dataSection(run),
					settingsSection(run, step),
				]),
		checkedSection(exported),
		`Made with captune ${version()}.\n`,
	];
	const head = yaml(frontMatter(exported, source, scores));
	return `---\n${head}---\n\n${sections.filter((one) => one !== "").join("\n")}`;
}

function frontMatter(
	exported: ExportedModel,
	source: ExportSource,
	scores: readonly CardScore[],
): Record<string, unknown> {
	const { form, base, adapter } = exported;
	const dataset = source.run && datasetOf(source.run.spec.data.train);
	return {
		...(base === null
			? {}
			: {
					base_model: base,
					base_model_relation: form === "adapter" ? "adapter" : "finetune",
				}),
		library_name: form === "adapter" ? "peft" : "transformers",
		pipeline_tag: "image-text-to-text",
		tags: [
			"captune",
			"phi3_v",
			...(adapter === null ? ["full-finetuning"] : ["lora"]),
			...(adapter?.dora ? ["dora"] : []),
		],
		...(dataset ? { datasets: [dataset] } : {}),
		...(scores.length === 0
			? {}
			: {
					"model-index": [
						{
							name: titleOfCard(exported, source),
							results: scores.map((score) => resultOf(score, source)),
						},
					],
				}),
	};
}

/** Scores as the hub shows them. */
const resultOf = ({ split, tuned }: CardScore, { run }: ExportSource) => ({
	task: { type: "image-text-to-text" },
	dataset: {
		name: `${split} split`,
		type: (run && datasetOf(run.spec.data[split])) ?? "custom",
		split,
	},
	metrics: Object.entries(tuned.values)
		.filter(([, value]) => value !== null)
		.map(([type, value]) => ({ type, name: type, value })),
});

function titleOfCard(
	{ base, form }: ExportedModel,
	{ run }: ExportSource,
): string {
	const own = base?.split("/").at(-1) ?? "Phi-3-vision";
	return (
		run?.spec.name ??
		`${own}, fine-tuned${form === "adapter" ? " (adapter)" : ""}`
	);
}

function introduction({
	form,
	base,
	adapter,
	parameters,
}: ExportedModel): string {
	const model =
		base === null
			? "Phi-3-vision"
			: `[${plain(base)}](https://huggingface.co/${base})`;
	if (adapter === null)
		return `${model}, of which every weight was trained further.\n`;
	const { dora, rank, towers } = adapter;
	const own = `a ${dora ? "DoRA" : "LoRA"} adapter of rank ${rank}`;
	if (form === "adapter")
		return `For ${model}: ${own} in PEFT's format. It changes these parts of the model: ${towers.join(", ")}.\n`;
	return `${model} with ${own} added to its weights: ${parameters.toLocaleString("en")} parameters, and nothing else to load.\n`;
}

function checkedSection({
	form,
	adapter,
	verification,
}: ExportedModel): string {
	const { dtype, device, positions, difference, tolerance, agreement, effect } =
		verification;
	const other =
		adapter === null ? "what was trained" : "the adapter on its base";
	const number = (value: number) => value.toPrecision(3);
	const picture = verification.isDrawn
		? "a drawn picture"
		: "a picture of the run";
	const lines = [
		`Computed in ${dtype} on ${device}, logits of the merged model differ from those of ${other} by ${number(difference)} at most (${number(tolerance)} was allowed), over ${positions} positions; at ${(100 * agreement).toFixed(1)} % of them the likeliest token is the same.`,
		...(effect === null
			? []
			: [`The adapter itself changes logits by up to ${number(effect)}.`]),
		`Asked about ${picture}, this ${form === "adapter" ? "adapter" : "model"} answered: ${plain(verification.caption) || "nothing"}`,
	];
	return `## Checked when it was exported\n\n${lines.join("\n\n")}\n`;
}

function version(): string {
	const file = new URL("../../package.json", import.meta.url);
	return JSON.parse(readFileSync(file, "utf8")).version;
}
