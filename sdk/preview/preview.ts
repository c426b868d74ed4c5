// preview(): rows as the model will see them, checked as a run checks them, before anything is trained.
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { inspect } from "node:util";
import { type Issue, SpecError } from "../errors.js";
import { ensureEnvironment } from "../launch/environment.js";

import { cacheFolder } from "../launch/paths.js";
import type { OwnMetric } from "../metrics/index.js";
import { askWorker } from "../run/one-shot.js";
import { extrasOf } from "../spec/extras.js";
import { resolveSpec } from "../spec/resolve.js";
import type { ResolvedSpec, Spec } from "../spec/spec.generated.js";
import { renderHtml } from "./html.js";
import { renderText } from "./text.js";
import type { PreviewData, PreviewRow } from "./types.js";

export interface PreviewOptions {
	/** Rows of each split to show. Default: 3. */
	readonly rows?: number;
	/** Folder for the pictures' crops, made if need be; a new one in captune's cache when left out. */
	readonly folder?: string;
	/** A Python interpreter, as in `finetune`. */
	readonly python?: string;
	/** Another source of Python wheels, as in `finetune`. */
	readonly wheels?: string;
	/** Metrics of your own that the spec names, as in `finetune`; they are not called. */
	readonly metrics?: Readonly<Record<string, OwnMetric>>;
	/** Aborting ends it. */
	readonly signal?: AbortSignal;
}

/** A preview as data; as text where it is printed, as HTML for a notebook or a page. */
export class Preview implements PreviewData {
	readonly rows: readonly PreviewRow[];
	readonly tensors: PreviewData["tensors"];
	readonly splits: PreviewData["splits"];

	constructor({ rows, tensors, splits }: PreviewData) {
		this.rows = rows;
		this.tensors = tensors;
		this.splits = splits;
	}

	/** For a terminal of 80 columns, without colour. */
	toString(): string {
		return renderText(this);
	}

	/** A piece of HTML that needs nothing else: spans in colour, crops as the model sees them. */
	toHtml(): string {
		return renderHtml(this);
	}

	/** What `console.log` shows. */
	[inspect.custom](): string {
		const { columns = 80, isTTY = false } = process.stdout;
		const color = isTTY && process.env["NO_COLOR"] === undefined;
		return renderText(this, { color, width: columns });
	}
}

/**
 * What the model will see of the first rows: their tokens by kind, what of them is learnt, the pictures' crops, and the
 * tensors of a batch. Reads and checks all data as a run does, and loads no weights.
 *
 * @throws {SpecError} listing everything that is wrong with the spec.
 * @throws {InputError} for data that a run would refuse. @throws {EnvironmentError} without a usable Python.
 */
export async function preview(
	spec: Spec,
	{
		rows = 3,
		folder,
		python,
		wheels,
		metrics = {},
		signal,
	}: PreviewOptions = {},
): Promise<Preview> {
	const issues: Issue[] =
		Number.isInteger(rows) && rows > 0
			? []
			: [
					{
						path: "rows",
						value: rows,
						reason: "must be a whole number above 0",
					},
				];
	if (issues.length > 0) throw new SpecError(issues, "The options are");
	const resolved = resolveSpec(spec, { metrics: Object.keys(metrics) });
	const target = resolve(
		folder ?? join(cacheFolder(), "previews", randomBytes(6).toString("hex")),
	);
	const environment = await ensureEnvironment({
		...(python === undefined ? {} : { python }),
		...(wheels === undefined ? {} : { wheels }),
		...(signal === undefined ? {} : { signal }),
		extras: extrasOf(resolved),
	});
	return new Preview(
		await previewResolved(resolved, {
			python: environment.python,
			rows,
			folder: target,
			signal,
		}),
	);
}

/** The same of a spec that is resolved, with an interpreter that has what is needed. */
export function previewResolved(
	spec: ResolvedSpec,
	{
		python,
		rows,
		folder,
		signal,
	}: {
		readonly python: string;
		readonly rows: number;
		readonly folder: string;
		readonly signal: AbortSignal | undefined;
	},
): Promise<PreviewData> {
	mkdirSync(folder, { recursive: true });
	return askWorker<PreviewData>({
		python,
		work: "preview",
		request: { spec, rows, folder, cacheFolder: cacheFolder() },
		subject: "The preview",
		signal,
	});
}
