// exportModel(): what was trained as a folder that others load; measured and tried before it gets its name.
import {
	mkdirSync,
	readdirSync,
	renameSync,
	rmdirSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { InputError, type Issue, SpecError } from "../errors.js";
import { ensureEnvironment } from "../launch/environment.js";
import { cacheFolder } from "../launch/paths.js";
import { askWorker } from "../run/one-shot.js";
import { renderCard } from "./card.js";
import { type ExportSource, findRow, readSource } from "./source.js";

/** `adapter`: in PEFT's format, for the base model; `merged`: a model by itself, in the hub's layout. */
export type ExportForm = "adapter" | "merged";

export interface ExportOptions {
	/** Where to: a folder that does not exist, or is empty. */
	readonly folder: string;
	/** Default: `merged`. */
	readonly form?: ExportForm;
	/** Type of merged weights. Default: `auto`, that of the base model's files. */
	readonly dtype?: "auto" | "float32" | "bfloat16" | "float16";
	/** Hub id or folder of the model that was trained on. Default: what run or adapter name. */
	readonly baseModel?: string;
	/** A Python interpreter, as in `finetune`. */
	readonly python?: string;
	/** Another source of Python wheels, as in `finetune`. */
	readonly wheels?: string;
	/** Aborting ends it, with nothing left behind. */
	readonly signal?: AbortSignal;
}

/** What an adapter is, which decides who can load it. */
export interface AdapterFacts {
	readonly rank: number;
	readonly alpha: number;
	readonly dora: boolean;
	readonly rslora: boolean;
	readonly bias: string;
	readonly targetModules: string | readonly string[];
	readonly modulesToSave: readonly string[];
	/** Parts of the model that it changes. */
	readonly towers: readonly ("language" | "projector" | "vision")[];
}

/** How an export was found to answer as what it was made from. */
export interface ExportVerification {
	/** Type of the weights, and of what was computed. */
	readonly dtype: string;
	readonly device: string;
	/** At which logits were compared, each over the whole vocabulary. */
	readonly positions: number;
	/** Largest absolute difference of a logit between the adapter on its base and the merged model. */
	readonly difference: number;
	/** What it may be. */
	readonly tolerance: number;
	/** Share of positions at which both find the same token likeliest. */
	readonly agreement: number;
	/** Largest absolute change of a logit by the adapter; null where it cannot be taken off again. */
	readonly effect: number | null;
	/** What was asked about the picture. */
	readonly prompt: string;
	/** Was the picture drawn, because none of the run's was at hand? */
	readonly isDrawn: boolean;
	/** What the export answered. */
	readonly caption: string;
	/** Did the answer end by itself? */
	readonly stopped: boolean;
}

export interface ExportedModel {
	readonly folder: string;
	readonly form: ExportForm;
	/** The base model's id on the hub; null when it has no place there. */
	readonly base: string | null;
	readonly parameters: number;
	/** What was merged, or is; null where every weight was trained. */
	readonly adapter: AdapterFacts | null;
	readonly verification: ExportVerification;
}

/** Files of an export besides its weights and their settings. */
export const exportFiles = {
	readme: "README.md",
	verification: "verification.json",
} as const;

/**
 * Exports what was trained: from a run folder, a checkpoint of it, or a folder with an adapter in PEFT's format.
 *
 * The logits of adapter and merged model are compared, and one picture is captioned, before the folder gets its name; its
 * README.md says how to load and where to serve it. It takes memory for one copy of the model and of one of its files; a
 * GPU is used where there is one with room, and not needed.
 *
 * @throws {SpecError} for options that cannot work. @throws {EnvironmentError} without a usable Python.
 * @throws {InputError} OUTPUT_EXISTS, MODEL_INVALID, DOWNLOAD_FAILED, DISK_FULL, and EXPORT_MISMATCH when the two forms do
 * not answer alike. Nothing is then left behind.
 */
export async function exportModel(
	source: string,
	{
		folder,
		form = "merged",
		dtype = "auto",
		baseModel,
		...options
	}: ExportOptions,
): Promise<ExportedModel> {
	const issues = optionIssues({ form, dtype });
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	const target = resolve(folder);
	demandRoom(target);
	const found = readSource(source, baseModel);
	if (form === "adapter" && !found.isAdapter) throw noAdapter(found.weights);
	const { python } = await ensureEnvironment(options);
	return writeExport(found, {
		...options,
		python,
		folder: target,
		form,
		dtype,
	});
}

/** How to write an export, everything being decided. */
export interface WriteOptions {
	readonly python: string;
	readonly folder: string;
	readonly form: ExportForm;
	readonly dtype: NonNullable<ExportOptions["dtype"]>;
	readonly signal?: AbortSignal | undefined;
}

/** Writes an export in place of what is in the folder; whole, or not at all. */
export async function writeExport(
	source: ExportSource,
	{ python, folder, form, dtype, signal }: WriteOptions,
): Promise<ExportedModel> {
	const partial = join(dirname(folder), `.${basename(folder)}.partial`);
	const evaluation = source.run?.spec.evaluation;
	try {
		const written = await askWorker<Omit<ExportedModel, "folder" | "form">>({
			python,
			work: "export",
			request: {
				form,
				weights: source.weights,
				base: source.base,
				revision: source.revision,
				imageCrops: source.imageCrops,
				dtype,
				device: source.run?.spec.compute.device ?? "auto",
				row: findRow(source),
				maxNewTokens:
					evaluation?.kind === "generate" ? evaluation.maxNewTokens : 64,
				folder: partial,
				cacheFolder: cacheFolder(),
			},
			subject: "The export",
			signal,
		});
		const exported: ExportedModel = { ...written, folder, form };
		const facts = `${JSON.stringify({ ...written, form }, null, 2)}\n`;
		writeFileSync(join(partial, exportFiles.verification), facts);
		writeFileSync(
			join(partial, exportFiles.readme),
			renderCard(exported, source, { place: "." }),
		);
		rmSync(folder, { recursive: true, force: true });
		renameSync(partial, folder);
		return exported;
	} finally {
		rmSync(partial, { recursive: true, force: true });
	}
}

function optionIssues(given: Record<"form" | "dtype", string>): Issue[] {
	const known = {
		form: ["adapter", "merged"],
		dtype: ["auto", "float32", "bfloat16", "float16"],
	};
	return (["form", "dtype"] as const).flatMap((path) =>
		known[path].includes(given[path])
			? []
			: {
					path,
					value: given[path],
					reason: `is none of ${known[path].join(", ")}`,
				},
	);
}

function demandRoom(folder: string): void {
	try {
		mkdirSync(folder, { recursive: true });
	} catch (error) {
		throw new InputError(
			"OUTPUT_UNWRITABLE",
			`The folder ${folder} cannot be made: ${(error as Error).message}. Choose another.`,
			{ cause: error, data: { folder } },
		);
	}
	const isEmpty = readdirSync(folder).length === 0;
	if (isEmpty) rmdirSync(folder);
	else
		throw new InputError(
			"OUTPUT_EXISTS",
			`The folder ${folder} is not empty. Choose another, or remove it first.`,
			{ data: { folder } },
		);
}

function noAdapter(weights: string): InputError {
	const reason = "holds no adapter: every weight was trained";
	const remedy = 'Use the form "merged".';
	return new InputError(
		"MODEL_INVALID",
		`There is nothing to export: ${weights} ${reason}. ${remedy}`,
		{ issues: [{ path: "form", value: "adapter", reason, remedy }] },
	);
}
