// The identity of what is trained: equal on every machine, whatever folder things lie in.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { canonicalJson } from "./plain.js";
import type { ResolvedSpec } from "./spec.generated.js";

/**
 * SHA-256 (hex) of the canonical JSON of a resolved spec without machine paths: the run folder is left out, and of
 * the paths of data files and local models only the last part counts.
 */
export function hashSpec(spec: ResolvedSpec): string {
	const { model, data, output, ...rest } = spec;
	const portable = {
		...rest,
		model: {
			...model,
			nameOrPath: isHubId(model.nameOrPath)
				? model.nameOrPath
				: basename(model.nameOrPath),
		},
		data: {
			...data,
			train: withoutFolder(data.train),
			validation: withoutFolder(data.validation),
			test: withoutFolder(data.test),
		},
		output: { ...output, folder: null },
	};
	return createHash("sha256").update(canonicalJson(portable)).digest("hex");
}

/** A hub id is `name` or `owner/name`; anything else is a path. */
export const isHubId = (nameOrPath: string) =>
	/^(?!\.{1,2}\/)[\w.-]+(\/[\w.-]+)?$/.test(nameOrPath) &&
	!/^\.{1,2}$/.test(nameOrPath);

const withoutFolder = <Source extends { readonly kind: string }>(
	source: Source,
) =>
	"path" in source
		? { ...source, path: basename(String(source.path)) }
		: source;
