// A resolved spec cut down to what a small machine does in seconds: the embedded model, the first rows, two steps.
import { isOfBitsandbytes } from "../spec/extras.js";
import type { ResolvedSpec } from "../spec/spec.generated.js";

/** Has the architecture of every model that can be trained, and comes with the package. */
export const smokeModel = "captune/airplanes-tiny";

/** Rows of each source that are read and checked, pictures included. */
export const checkedRows = 1_000;

/** Rows that are trained on, and that each evaluation takes. */
export const usedRows = { train: 12, evaluation: 4 } as const;

/** Examples of an optimizer step, at most: two steps see all rows that are trained on. */
const stepExamples = 6;

/** Crops that fit into what the embedded model takes at once. */
export const mostCrops = 16;

/** The data as it is, up to `checkedRows` of each source, for the embedded model on the CPU. */
export function cutToData(spec: ResolvedSpec): ResolvedSpec {
	return {
		...spec,
		model: {
			...spec.model,
			nameOrPath: smokeModel,
			revision: null,
			attention:
				spec.model.attention === "flash" ? "auto" : spec.model.attention,
			imageCrops: Math.min(spec.model.imageCrops, mostCrops),
		},
		data: {
			...limited(spec.data, checkedRows, checkedRows),
			// Its tokenizer is another, so a limit in tokens would hit other rows.
			maxTokens: null,
		},
		method: cutMethod(spec.method),
		tracking: [],
		compute: { ...spec.compute, device: "cpu" },
	};
}

/** Two optimizer steps on the first rows, an evaluation after each, into `folder`; of a spec that `cutToData` gave. */
export function cutToSteps(spec: ResolvedSpec, folder: string): ResolvedSpec {
	const { data, training, evaluation } = spec;
	const gradientAccumulationSteps = Math.min(
		training.gradientAccumulationSteps,
		stepExamples,
	);
	return {
		...spec,
		data: limited(data, trainRows(data), usedRows.evaluation),
		training: {
			...training,
			maxSteps: 2,
			epochs: 2,
			batchSize: Math.min(
				training.batchSize,
				Math.floor(stepExamples / gradientAccumulationSteps),
			),
			gradientAccumulationSteps,
			optimizer: isOfBitsandbytes(training.optimizer)
				? "adamw"
				: training.optimizer,
			scheduleArguments: cutArguments(training.scheduleArguments),
			warmupSteps:
				training.warmupSteps === null
					? null
					: Math.min(training.warmupSteps, 1),
		},
		evaluation: {
			...evaluation,
			...(evaluation.kind === "generate"
				? { maxNewTokens: Math.min(evaluation.maxNewTokens, 16) }
				: {}),
			everySteps: 1,
			maxExamples: Math.min(
				evaluation.maxExamples ?? usedRows.evaluation,
				usedRows.evaluation,
			),
			scoreTimeoutMs: 60_000,
		} as ResolvedSpec["evaluation"],
		output: { ...spec.output, folder, merged: false, hub: null },
	};
}

/** Enough that `usedRows.train` are left when others have been split off. */
function trainRows({ validation, test }: ResolvedSpec["data"]): number {
	const taken = [validation, test].reduce(
		(sum, source) => sum + (source.kind === "split" ? source.fraction : 0),
		0,
	);
	return Math.ceil(usedRows.train / (1 - taken));
}

function limited(
	data: ResolvedSpec["data"],
	train: number,
	others: number,
): ResolvedSpec["data"] {
	return {
		...data,
		train: firstRows(data.train, train),
		validation: firstRows(data.validation, others),
		test: firstRows(data.test, others),
	};
}

function firstRows<Source extends ResolvedSpec["data"]["test"]>(
	source: Source,
	rows: number,
): Source {
	if (!("limit" in source)) return source;
	const limit = Math.min(source.limit ?? rows, rows);
	return source.kind === "airplanes" && source.filters.length === 0
		? // Fewer are drawn, not only fewer used.
			{ ...source, limit, count: Math.min(source.count ?? rows, rows) }
		: { ...source, limit };
}

/** Without what needs a GPU, or a layer that the embedded model has not. */
function cutMethod(method: ResolvedSpec["method"]): ResolvedSpec["method"] {
	if (method.kind === "full") return method;
	const targetModules = namesLayer(method.targetModules)
		? "language"
		: method.targetModules;
	const modulesToSave = method.modulesToSave.filter((one) => !namesLayer(one));
	const adapters = { ...method, targetModules, modulesToSave };
	if (adapters.kind === "lora") return adapters;
	const { quantType: _, doubleQuant: __, ...rest } = adapters;
	return { ...rest, kind: "lora" };
}

/** Does a module name, or a pattern for one, name a layer by its number? */
export const namesLayer = (modules: string | readonly string[]): boolean =>
	[modules].flat().some((one) => /layers\W+\d/.test(one));

/** Phases that are counted in steps become one step long. */
function cutArguments(
	given: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
	return Object.fromEntries(
		Object.entries(given).map(([name, value]) => [
			name,
			/^num_(decay|stable)_steps$/.test(name) ? Math.min(value, 1) : value,
		]),
	);
}
