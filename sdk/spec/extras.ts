// What a spec needs of Python beyond the packages that every run needs.
import type { ResolvedSpec } from "./spec.generated.js";

/** Extras of python/pyproject.toml: Parquet and hub datasets are read by Hugging Face `datasets`. */
export function extrasOf({ data }: ResolvedSpec): readonly string[] {
	const kinds = [data.train.kind, data.validation.kind, data.test.kind];
	return kinds.includes("parquet") || kinds.includes("dataset")
		? ["datasets"]
		: [];
}
