// What a folder that somebody names holds: a run, an adapter or a whole model.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { InputError } from "../errors.js";
import type { KnownSpec } from "../spec/evaluation.js";
import type { EndEvent } from "./event.generated.js";
import { readJsonLines, runFiles } from "./folder.js";
import { currentEvents } from "./history.js";
import { readRunSpec } from "./unfinished.js";

/** Weights on disk, and what is known of how to use them. */
export interface Weights {
	/** Folder of an adapter in PEFT's format, or of a whole model. */
	readonly folder: string;
	/** Optimizer step that made them; 0 where that is not known. */
	readonly step: number;
	readonly known: KnownSpec;
}

const adapterFile = "adapter_config.json";
const modelFile = "config.json";

/**
 * Finds the weights in a folder: those that a run has kept, an adapter, or a model.
 *
 * @throws {InputError} RUN_UNKNOWN for a folder of another kind, MODEL_INVALID for an adapter that cannot be read.
 * @throws {SpecError} for a run whose spec this version does not know.
 */
export function findWeights(path: string): Weights {
	const folder = resolve(path);
	const has = (name: string) => existsSync(join(folder, name));
	if (has(runFiles.spec)) return weightsOfRun(folder);
	if (has(adapterFile))
		return { folder, step: 0, known: readAdapter(folder).known };
	if (has(modelFile))
		return { folder, step: 0, known: { model: { nameOrPath: folder } } };
	throw new InputError(
		"RUN_UNKNOWN",
		`${folder} ${existsSync(folder) ? "holds neither a run nor weights" : "does not exist"}. Give the folder of a run, of an adapter or of a model; a model of the hub is evaluated by a spec.`,
		{ data: { folder } },
	);
}

/**
 * What an adapter says of itself.
 *
 * @throws {InputError} MODEL_INVALID.
 */
export function readAdapter(folder: string): {
	/** The model it was made for, as far as it says. */
	readonly model: { readonly nameOrPath?: string; readonly revision?: string };
	readonly known: KnownSpec;
} {
	const config = readConfig(folder);
	const name = config["base_model_name_or_path"];
	const revision = config["revision"];
	const isNamed = typeof name === "string" && name !== "";
	const model = {
		...(isNamed ? { nameOrPath: name } : {}),
		...(isNamed && typeof revision === "string" ? { revision } : {}),
	};
	return { model, known: { model, method: methodOf(config) } };
}

function weightsOfRun(folder: string): Weights {
	const spec = readRunSpec(folder);
	const weights = ["adapter", "model"]
		.map((name) => join(folder, name))
		.find((one) => existsSync(one));
	const end = currentEvents(
		readJsonLines(join(folder, runFiles.events)),
	).findLast((event): event is EndEvent => event.type === "end");
	if (weights === undefined || typeof end?.keptStep !== "number")
		throw new InputError(
			"RUN_UNKNOWN",
			`The run in ${folder} has kept no weights: it has not ended well. Go on with it, resume(folder), or give the folder of one of its checkpoints.`,
			{ data: { folder } },
		);
	return { folder: weights, step: end.keptStep, known: { ...spec } };
}

function readConfig(folder: string): Readonly<Record<string, unknown>> {
	const file = join(folder, adapterFile);
	const unreadable = (reason: string, cause?: unknown) =>
		new InputError("MODEL_INVALID", `The adapter ${file} ${reason}.`, {
			issues: [
				{
					path: "weights",
					value: folder,
					reason: `holds an ${adapterFile} that ${reason}`,
				},
			],
			cause,
		});
	let config: unknown;
	try {
		config = JSON.parse(readFileSync(file, "utf8"));
	} catch (error) {
		throw unreadable(`cannot be read: ${(error as Error).message}`, error);
	}
	if (typeof config !== "object" || config === null)
		throw unreadable("is no object");
	const { peft_type: kind } = config as Record<string, unknown>;
	if (kind !== "LORA")
		throw unreadable(`is of the type ${JSON.stringify(kind)}, not "LORA"`);
	return config as Record<string, unknown>;
}

/** The method that makes such an adapter, for the record; the worker goes by the adapter itself. */
function methodOf(config: Readonly<Record<string, unknown>>): object {
	const { target_modules: targets } = config;
	const isList =
		Array.isArray(targets) && targets.every((one) => typeof one === "string");
	return {
		kind: "lora",
		...taken("rank", config["r"], "number"),
		...taken("alpha", config["lora_alpha"], "number"),
		...taken("dropout", config["lora_dropout"], "number"),
		...taken("dora", config["use_dora"], "boolean"),
		...taken("rslora", config["use_rslora"], "boolean"),
		...taken("bias", config["bias"], "string"),
		...(isList ? { targetModules: [...targets].sort() } : {}),
	};
}

const taken = (field: string, value: unknown, type: string) =>
	typeof value === type ? { [field]: value } : {};
