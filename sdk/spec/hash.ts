// The identity of what is trained: equal on every machine, whatever folder things lie in.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { canonicalJson } from "./plain.js";
import type { ResolvedDataSpec, ResolvedSpec } from "./spec.generated.js";

/**
 * SHA-256 (hex) of the canonical JSON of a resolved spec without machine paths: the run folder is left out, and of the
 * paths of data files and local models only the last part counts. Where the result is exported to and who is told of a
 * run change nothing in what is trained, so they do not count either.
 */
export function hashSpec(spec: ResolvedSpec): string {
	const { model, data, output, tracking: _, ...rest } = spec;
	const { merged: __, hub: ___, ...trained } = output;
	const portable = {
		...rest,
		model: { ...model, nameOrPath: portableName(model.nameOrPath) },
		data: {
			...data,
			train: withoutFolder(data.train),
			validation: withoutFolder(data.validation),
			test: withoutFolder(data.test),
			pictures: { ...data.pictures, roots: [] },
		},
		output: { ...trained, folder: null },
	};
	return createHash("sha256").update(canonicalJson(portable)).digest("hex");
}

/** A hub id is `name` or `owner/name`; anything else is a path. */
export const isHubId = (nameOrPath: string) =>
	/^(?!\.{1,2}\/)[\w.-]+(\/[\w.-]+)?$/.test(nameOrPath) &&
	!/^\.{1,2}$/.test(nameOrPath);

const portableName = (nameOrPath: string) =>
	isHubId(nameOrPath) ? nameOrPath : basename(nameOrPath);

function withoutFolder<Source extends ResolvedDataSpec["test"]>(
	source: Source,
): Source {
	if ("path" in source) return { ...source, path: basename(source.path) };
	if ("nameOrPath" in source)
		return { ...source, nameOrPath: portableName(source.nameOrPath) };
	return source;
}
