// What a spec needs of Python beyond the packages that every run needs.
import type { ResolvedSpec } from "./spec.generated.js";

/**
 * Extras of python/pyproject.toml: Parquet and hub datasets are read by Hugging Face `datasets`; weights in 4 bits and
 * optimizers in 8 are of bitsandbytes; every tracker is its own library's matter.
 */
export function extrasOf({
	data,
	method,
	training,
	tracking,
}: ResolvedSpec): readonly string[] {
	const kinds = [data.train.kind, data.validation.kind, data.test.kind];
	return [
		...(kinds.includes("parquet") || kinds.includes("dataset")
			? ["datasets"]
			: []),
		...(method.kind === "qlora" || isOfBitsandbytes(training.optimizer)
			? ["bitsandbytes"]
			: []),
		...tracking.map(({ kind }) => kind),
	];
}

/** Is an optimizer one that needs bitsandbytes, and with it a CUDA GPU? */
export const isOfBitsandbytes = (optimizer: string): boolean =>
	/_(8|32)bit$/.test(optimizer);
