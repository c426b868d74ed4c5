// What a smoke run cannot know: each with the field it is about, and why.
import { isOfBitsandbytes } from "../spec/extras.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";
import { checkedRows, mostCrops, namesLayer, smokeModel } from "./cut.js";

/** Something that only the real run will show. */
export interface NotChecked {
	/** A field of the spec with its value, or a matter in a few words. */
	readonly what: string;
	readonly why: string;
}

/** Everything about a spec that the embedded model on a CPU, without a network, leaves open. */
export function notCheckedOf(spec: ResolvedSpec): readonly NotChecked[] {
	return [
		...ofModel(spec),
		...ofDevice(spec),
		...ofOutside(spec),
		{
			what: "quality and speed",
			why: "two steps of a tiny model say nothing of them",
		},
	];
}

/** What drawn rows leave open. */
export const standInsNotChecked: NotChecked = {
	what: "data",
	why: "drawn rows stood in for it: columns, filters, texts and pictures of the real one were not read",
};

/** What the rows that were read leave open; `rows` by split. */
export function unreadRows(
	rows: Readonly<Record<string, number>>,
): readonly NotChecked[] {
	return Object.entries(rows).flatMap(([split, count]) =>
		count < checkedRows
			? []
			: {
					what: `data.${split}`,
					why: `only the first ${checkedRows} rows were read`,
				},
	);
}

function ofModel({ model, data }: ResolvedSpec): NotChecked[] {
	if (model.nameOrPath === smokeModel) return [];
	const what = `model.nameOrPath ${JSON.stringify(model.nameOrPath)}`;
	return [
		{
			what,
			why: `${smokeModel} stood in for it: whether it exists, may be fetched with your token and is licensed for your use was not asked`,
		},
		{
			what: "memory",
			why: "what the real model takes on your device was not measured",
		},
		{
			what:
				data.maxTokens === null
					? "lengths of rows"
					: `data.maxTokens ${data.maxTokens}`,
			why: "the real model's tokenizer counts otherwise",
		},
	];
}

function ofDevice({
	model,
	method,
	training,
	compute,
}: ResolvedSpec): NotChecked[] {
	const needsGpu = "needs a GPU; a smoke run uses the CPU";
	const isNamed =
		method.kind !== "full" &&
		namesLayer([method.targetModules, ...method.modulesToSave].flat());
	return [
		...(compute.device === "cuda"
			? [{ what: 'compute.device "cuda"', why: needsGpu }]
			: []),
		...(model.attention === "flash"
			? [{ what: 'model.attention "flash"', why: needsGpu }]
			: []),
		...(model.imageCrops > mostCrops
			? [
					{
						what: `model.imageCrops ${model.imageCrops}`,
						why: `the embedded model has room for ${mostCrops}`,
					},
				]
			: []),
		...(method.kind === "qlora"
			? [{ what: 'method.kind "qlora"', why: `${needsGpu}, with "lora"` }]
			: []),
		...(isOfBitsandbytes(training.optimizer)
			? [
					{
						what: `training.optimizer "${training.optimizer}"`,
						why: `${needsGpu}, with "adamw"`,
					},
				]
			: []),
		...(isNamed
			? [
					{
						what: "method.targetModules and modulesToSave",
						why: "they name layers by number, and the embedded model has fewer",
					},
				]
			: []),
	];
}

function ofOutside({ tracking, output }: ResolvedSpec): NotChecked[] {
	return [
		...tracking.map(({ kind }, index) => ({
			what: `tracking[${index}] "${kind}"`,
			why: "trackers are off in a smoke run: neither package nor key was looked for",
		})),
		...(output.hub === null
			? []
			: [
					{
						what: `output.hub.repository "${output.hub.repository}"`,
						why: "a smoke run pushes nothing",
					},
				]),
	];
}
