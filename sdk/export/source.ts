// What there is to export in a folder, and all that is known of it: of a run, of one of its checkpoints, of an adapter.
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { InputError } from "../errors.js";
import { type RunRecord, readRun } from "../report/read.js";
import { readPredictions, runFiles } from "../run/folder.js";
import { folderOrHubId } from "../spec/resolve.js";

/** Weights to export, and where they come from. */
export interface ExportSource {
	/** Folder of an adapter in PEFT's format, or of a whole model. */
	readonly weights: string;
	/** Is it an adapter? */
	readonly isAdapter: boolean;
	/** Hub id or folder of the model that was trained on. */
	readonly base: string;
	readonly revision: string | null;
	/** Null: as the base model has it. */
	readonly imageCrops: number | null;
	/** The run that they are of; null where that is not known. */
	readonly run: RunRecord | null;
	/** Optimizer steps that they have seen; null where that is not known. */
	readonly step: number | null;
}

/** A row that the tuned model answered in the run. */
export interface AnsweredRow {
	readonly pictures: readonly string[];
	readonly prompt: string;
}

/**
 * Looks into a run folder, a folder inside one, or a folder with an adapter or a model alone.
 *
 * @throws {InputError} MODEL_INVALID where there are no weights, or nothing tells the model that they belong to.
 */
export function readSource(source: string, baseModel?: string): ExportSource {
	const folder = resolve(source);
	const weights = weightsIn(folder);
	const run = runAround(folder);
	if (run !== null) {
		const { nameOrPath, revision, imageCrops } = run.spec.model;
		return {
			weights,
			isAdapter: isAdapter(weights),
			base: baseModel === undefined ? nameOrPath : folderOrHubId(baseModel),
			revision: baseModel === undefined ? revision : null,
			imageCrops,
			run,
			step: stepOf(weights, run),
		};
	}
	return {
		...baseOf(weights, baseModel),
		weights,
		isAdapter: isAdapter(weights),
		run,
		imageCrops: null,
		step: null,
	};
}

/** A row to try an export on: the first that the tuned model answered and whose pictures are still there. */
export function findRow({ run }: ExportSource): AnsweredRow | null {
	if (run === null) return null;
	const evaluations = run.events
		.filter((event) => event.type === "evaluation")
		.filter(({ model, images }) => model === "tuned" && images === "own");
	for (const { evaluationId } of evaluations.reverse())
		for (const { images, prompt } of readPredictions(
			run.folder,
			evaluationId,
		)) {
			const pictures = images.map((image) => nowAt(image, run.folder));
			if (pictures.length > 0 && pictures.every((one) => existsSync(one)))
				return { pictures, prompt };
		}
	return null;
}

function weightsIn(folder: string): string {
	const places = existsSync(join(folder, runFiles.spec))
		? [join(folder, "adapter"), join(folder, "model")]
		: [folder];
	const found = places.find(
		(place) => isAdapter(place) || existsSync(join(place, "config.json")),
	);
	if (found !== undefined) return found;
	throw nothing(
		"source",
		folder,
		"holds neither a run with trained weights nor an adapter nor a model",
		"Give the folder of a run that has ended, or of an adapter.",
	);
}

const isAdapter = (folder: string) =>
	existsSync(join(folder, "adapter_config.json"));

/** The run whose folder this is, or that this lies in. */
function runAround(folder: string): RunRecord | null {
	const around = [folder, dirname(folder), dirname(dirname(folder))].find(
		(place) =>
			existsSync(join(place, runFiles.spec)) &&
			existsSync(join(place, runFiles.events)),
	);
	return around === undefined ? null : readRun(around);
}

function stepOf(weights: string, { events, result }: RunRecord): number | null {
	const [, step] = /^step-(\d+)$/.exec(basename(weights)) ?? [];
	if (step !== undefined) return Number(step);
	const end = events.findLast((event) => event.type === "end");
	return end?.keptStep ?? result?.best?.step ?? result?.steps ?? null;
}

function baseOf(
	weights: string,
	baseModel: string | undefined,
): Pick<ExportSource, "base" | "revision"> {
	if (baseModel !== undefined)
		return { base: folderOrHubId(baseModel), revision: null };
	if (!isAdapter(weights)) return { base: weights, revision: null };
	const config = JSON.parse(
		readFileSync(join(weights, "adapter_config.json"), "utf8"),
	);
	const base: unknown = config.base_model_name_or_path;
	if (typeof base === "string" && base !== "")
		return { base: folderOrHubId(base), revision: config.revision ?? null };
	throw nothing(
		"baseModel",
		undefined,
		"is needed: the adapter does not name the model that it belongs to",
		"Give its hub id or folder.",
	);
}

/** Pictures that the run keeps itself are looked for where its folder is now. */
function nowAt(picture: string, runFolder: string): string {
	const own = join(runFolder, "pictures", basename(picture));
	return existsSync(picture) ? picture : own;
}

function nothing(
	path: string,
	value: unknown,
	reason: string,
	remedy: string,
): InputError {
	return new InputError(
		"MODEL_INVALID",
		`There is nothing to export: \`${path}\` ${reason}. ${remedy}`,
		{ issues: [{ path, value, reason, remedy }] },
	);
}
