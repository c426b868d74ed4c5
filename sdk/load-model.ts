// loadModel(): a model in a process of its own, to be asked as often as one likes.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { CanceledError, InputError, type Issue, SpecError } from "./errors.js";
import {
	ensureEnvironment,
	type InstallProgress,
} from "./launch/environment.js";
import { type FinetuneOptions, processOptions } from "./options.js";
import { readAdapter } from "./run/weights.js";
import { compileJudge } from "./schema/judge.js";
import { LoadedModel } from "./serving/loaded-model.js";
import type {
	LoadMessage,
	LoadSettings,
} from "./serving/messages.generated.js";
import { ModelWorker } from "./serving/model-worker.js";
import { loadSettingsSchema } from "./serving/schema.js";
import { folderOrHubId } from "./spec/resolve.js";
import type { ModelSpec } from "./spec/spec.generated.js";

/** What is loaded. */
export interface ModelToLoad
	extends Pick<LoadSettings, "device" | "maxPixels"> {
	/**
	 * Hub id, path of a folder in hub layout, or the `model` of a spec, which says crops, dtype and attention too. What
	 * the adapter says it was made for, when left out.
	 */
	readonly model?: string | ModelSpec;
	/** Folder of an adapter in PEFT's format, that answers unless a call says otherwise; it is called `default`. */
	readonly adapter?: string;
	/** Folders of further adapters, by names of your own. */
	readonly adapters?: Readonly<Record<string, string>>;
}

/** Work that takes long before a model can be asked; bytes. */
export interface LoadProgress {
	readonly stage: "install" | "download";
	readonly done: number;
	/** Null while it is not known. */
	readonly total: number | null;
}

export interface LoadModelOptions
	extends Pick<
		FinetuneOptions,
		"python" | "wheels" | "startTimeoutMs" | "graceMs"
	> {
	/** Aborting ends the loading; once it is done, it has no effect. */
	readonly signal?: AbortSignal;
	/** Told while Python packages or the model's files arrive. */
	readonly onProgress?: (progress: LoadProgress) => void;
}

/**
 * Loads a model, once, and adapters beside it that are switched by name; nothing is merged. The process ends with
 * `close()`, with an `await using` block, or with this process. Close it: an open one keeps this process alive.
 *
 * @throws {SpecError} listing everything that is wrong with what is to be loaded.
 * @throws {InputError} MODEL_INVALID for a model or an adapter that cannot be used, also for an adapter of another model
 * or one that changes biases of the model itself; DOWNLOAD_FAILED, DISK_FULL, DEVICE_UNAVAILABLE.
 * @throws {EnvironmentError} without a usable Python. @throws {WorkerError} where the process does not start.
 * @throws {CanceledError} when the signal says so.
 */
export async function loadModel(
	wanted: ModelToLoad,
	{ onProgress = () => {}, signal, ...options }: LoadModelOptions = {},
): Promise<LoadedModel> {
	const message = toMessage(wanted);
	const { python, wheels, startTimeoutMs, graceMs } = processOptions(options);
	const environment = await ensureEnvironment({
		...(python === undefined ? {} : { python }),
		...(wheels === undefined ? {} : { wheels }),
		...(signal === undefined ? {} : { signal }),
		onProgress: ({ doneBytes, totalBytes }: InstallProgress) =>
			onProgress({ stage: "install", done: doneBytes, total: totalBytes }),
	}).catch((error) => {
		throw signal?.aborted
			? new CanceledError(signal.reason, undefined, "Loading the model")
			: error;
	});
	const { worker, ready } = await ModelWorker.start(message, {
		python: environment.python,
		startTimeoutMs,
		graceMs,
		signal,
		onDownload: (done, total) => onProgress({ stage: "download", done, total }),
	});
	const adapter = wanted.adapter === undefined ? null : defaultName;
	return new LoadedModel(worker, ready, Object.keys(message.adapters), adapter);
}

const defaultName = "default";

/** Checked, with defaults and absolute paths. */
function toMessage(wanted: ModelToLoad): LoadMessage {
	const { model, adapter, adapters = {}, ...rest } = wanted;
	const all = {
		...(adapter === undefined ? {} : { [defaultName]: adapter }),
		...adapters,
	};
	const draft = structuredClone({
		...rest,
		...modelOf(model, Object.values(all)),
		adapters: all,
	}) as Mutable;
	const issues = [
		...compileJudge(loadSettingsSchema)(draft),
		...adapterIssues(adapter, adapters),
	];
	if (issues.length > 0) throw new SpecError(issues, "What is to be loaded is");
	draft.model.nameOrPath = folderOrHubId(draft.model.nameOrPath, process.cwd());
	for (const [name, path] of Object.entries(draft.adapters)) {
		const folder = resolve(path);
		if (!existsSync(folder)) throw noAdapter(name, folder);
		readAdapter(folder);
		draft.adapters[name] = folder;
	}
	return { type: "load", ...draft };
}

type Mutable = {
	model: {
		-readonly [Key in keyof LoadMessage["model"]]: LoadMessage["model"][Key];
	};
	adapters: Record<string, string>;
} & Pick<LoadMessage, "device" | "maxPixels">;

/** The model that is named, or else the one that the first adapter was made for. */
function modelOf(
	model: string | ModelSpec | undefined,
	adapters: readonly unknown[],
): { readonly model?: object } {
	if (typeof model === "string") return { model: { nameOrPath: model } };
	if (model !== undefined) return { model };
	const [first] = adapters;
	if (typeof first !== "string" || !existsSync(first)) return {};
	const { nameOrPath, revision } = readAdapter(resolve(first)).model;
	return nameOrPath === undefined
		? {}
		: {
				model: { nameOrPath, ...(revision === undefined ? {} : { revision }) },
			};
}

/** PEFT makes names of modules of these names. */
function adapterIssues(
	adapter: string | undefined,
	adapters: Readonly<Record<string, string>>,
): Issue[] {
	return Object.keys(adapters).flatMap((name) => {
		const path = `adapters.${name}`;
		if (name === defaultName && adapter !== undefined)
			return {
				path,
				reason: "is the name of `adapter`",
				remedy: "Choose another.",
			};
		return /^[A-Za-z][\w-]*$/.test(name)
			? []
			: {
					path,
					reason: "must be called by letters, digits, - and _, a letter first",
				};
	});
}

function noAdapter(name: string, folder: string): InputError {
	const reason = "does not exist";
	return new InputError(
		"MODEL_INVALID",
		`The adapter "${name}" ${reason}: ${folder}.`,
		{ issues: [{ path: `adapters.${name}`, value: folder, reason }] },
	);
}
