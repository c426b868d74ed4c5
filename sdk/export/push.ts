// pushToHub(): an export in a repository on the hub, with a model card.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Issue, SpecError } from "../errors.js";
import { ensureEnvironment } from "../launch/environment.js";
import { askWorker } from "../run/one-shot.js";
import { repositoryIssue } from "../spec/rules.js";
import { renderCard } from "./card.js";
import {
	type ExportedModel,
	type ExportForm,
	exportFiles,
	writeExport,
} from "./export.js";
import { type ExportSource, readSource } from "./source.js";

export interface PushOptions {
	/** `owner/name`, made if need be. Default: that of the run's `output.hub`. */
	readonly repository?: string;
	/** May only you see it? One that is public is refused then. Default: as the run's `output.hub` says, else true. */
	readonly private?: boolean;
	/** Branch, made if need be. Default: that of the run's `output.hub`, else `main`. */
	readonly revision?: string | null;
	/** Default: that of the run's `output.hub`, else the adapter where there is one. */
	readonly form?: ExportForm;
	/** Hub id or folder of the model that was trained on. Default: what run or adapter name. */
	readonly baseModel?: string;
	/** A Python interpreter, as in `finetune`. */
	readonly python?: string;
	/** Another source of Python wheels, as in `finetune`. */
	readonly wheels?: string;
	/** Aborting ends it. */
	readonly signal?: AbortSignal;
}

/** Where a push went. */
export interface PushedModel {
	readonly repository: string;
	readonly url: string;
	/** Hash of the commit. */
	readonly commit: string;
}

/**
 * Pushes what was trained to the hub, in one commit: from a run folder, a checkpoint of it, or a folder with an adapter. It
 * is exported for that, and so verified, unless the run has its `merged/` already. The token is where huggingface_hub
 * looks for it: in `HF_TOKEN`, or where its login left it.
 *
 * @throws {SpecError} for options that cannot work. @throws {EnvironmentError} without a usable Python.
 * @throws {InputError} HUB_FORBIDDEN where the token does not suffice or a repository is public that must not be,
 * HUB_PUSH_FAILED for everything else on the way, and what `exportModel` throws.
 */
export async function pushToHub(
	source: string,
	options: PushOptions = {},
): Promise<PushedModel> {
	const { baseModel, python: _, wheels: __, ...given } = options;
	const found = readSource(source, baseModel);
	const hub = found.run?.spec.output.hub;
	const settings = {
		repository: hub?.repository ?? "",
		private: hub?.private ?? true,
		revision: hub?.revision ?? null,
		form: hub?.form ?? (found.isAdapter ? "adapter" : "merged"),
		...given,
	} as const;
	const issues = settingIssues(settings);
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	const { python } = await ensureEnvironment(options);
	return push(found, { ...settings, python });
}

/** How to push, everything being decided. */
export interface PushSettings {
	readonly python: string;
	readonly repository: string;
	readonly private: boolean;
	readonly revision: string | null;
	readonly form: ExportForm;
	readonly signal?: AbortSignal | undefined;
}

/** Exports where there is no export yet, and pushes. */
export async function push(
	source: ExportSource,
	settings: PushSettings,
): Promise<PushedModel> {
	const { python, repository, form, revision, signal } = settings;
	const ready = form === "merged" ? mergedOf(source) : undefined;
	const work = mkdtempSync(join(source.run?.folder ?? tmpdir(), ".hub-"));
	try {
		const exported =
			ready ??
			(await writeExport(source, {
				python,
				folder: join(work, "export"),
				form,
				dtype: "auto",
				signal,
			}));
		return await askWorker<PushedModel>({
			python,
			work: "push",
			request: {
				folder: exported.folder,
				readme: renderCard(exported, source, { place: repository }),
				repository,
				private: settings.private,
				revision,
				message: "Fine-tuned with captune",
			},
			subject: "The push",
			signal,
		});
	} finally {
		rmSync(work, { recursive: true, force: true });
	}
}

/** The merged model that the run has written of these weights, if it has. */
function mergedOf({ weights, run }: ExportSource): ExportedModel | undefined {
	if (run === null || dirname(weights) !== run.folder) return undefined;
	const folder = join(run.folder, "merged");
	const facts = join(folder, exportFiles.verification);
	return existsSync(facts)
		? { ...JSON.parse(readFileSync(facts, "utf8")), folder }
		: undefined;
}

function settingIssues({
	repository,
	form,
}: Pick<PushSettings, "repository" | "form">): Issue[] {
	const named = repositoryIssue("repository", repository);
	return [
		...(named === undefined ? [] : [named]),
		...(form === "adapter" || form === "merged"
			? []
			: [
					{
						path: "form",
						value: form,
						reason: "is neither adapter nor merged",
					},
				]),
	];
}
