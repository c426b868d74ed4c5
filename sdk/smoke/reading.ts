// What a smoke run reads before it trains: the interpreter, rows of the program, the first rows of every source.
import { join } from "node:path";
import { materialize } from "../data/materialize.js";
import type { RowsOfSplits } from "../data/splits.js";
import type { SpecOfRows } from "../finetune.js";
import { ensureEnvironment } from "../launch/environment.js";
import type { FinetuneOptions } from "../options.js";
import { previewResolved } from "../preview/preview.js";
import type { PreviewData } from "../preview/types.js";
import { extrasOf } from "../spec/extras.js";
import type { ResolvedSpec, Spec } from "../spec/spec.generated.js";
import { cutToData } from "./cut.js";
import { demandFiles, explained, isTooLong } from "./data-trouble.js";
import type { Finding } from "./result.js";
import { withStandIns } from "./stand-in.js";

/** @throws {EnvironmentError} */
export async function findPython(
	spec: ResolvedSpec,
	{ python, wheels, signal }: FinetuneOptions,
): Promise<Finding<string>> {
	const environment = await ensureEnvironment({
		...(python === undefined ? {} : { python }),
		...(wheels === undefined ? {} : { wheels }),
		...(signal === undefined ? {} : { signal }),
		extras: extrasOf(cutToData(spec)),
	});
	return { value: environment.python, detail: environment.python };
}

/** Reads and checks the first rows of every source; the spec by which it could. */
export async function readData(
	spec: ResolvedSpec,
	standInRows: number | undefined,
	{
		folder,
		python,
		signal,
	}: {
		readonly folder: string;
		readonly python: string;
		readonly signal: AbortSignal | undefined;
	},
): Promise<
	Finding<{ readonly seen: PreviewData; readonly spec: ResolvedSpec }>
> {
	const source =
		standInRows === undefined
			? spec
			: withStandIns(spec, standInRows, join(folder, "stand-ins"));
	demandFiles(source);
	const look = (one: ResolvedSpec) =>
		previewResolved(one, {
			python,
			rows: 1,
			folder: join(folder, "preview"),
			signal,
		});
	let readable = cutToData(source);
	const seen = await look(readable)
		.catch((error) => {
			if (!isTooLong(error)) throw error;
			const { model, data } = readable;
			readable = {
				...readable,
				model: { ...model, imageCrops: 1 },
				data: { ...data, onBadRow: "drop" },
			};
			return look(readable);
		})
		.catch((error) => {
			throw explained(error, source);
		});
	const counts = seen.splits.map(({ split, rows }) => `${split} ${rows}`);
	return {
		value: { seen, spec: readable },
		detail: `rows read and checked: ${counts.join(", ")}${standInRows === undefined ? "" : " (drawn stand-ins)"}`,
	};
}

/** The spec with rows of the program as files. */
export async function withOwnRows(
	spec: Spec | SpecOfRows,
	data: RowsOfSplits,
	folder: string,
	signal: AbortSignal | undefined,
): Promise<Spec> {
	const sources: Record<string, unknown> = {};
	for (const [split, rows] of Object.entries(data))
		sources[split] = await materialize(rows, join(folder, split), {
			...(signal === undefined ? {} : { signal }),
		});
	return Object.keys(sources).length === 0
		? (spec as Spec)
		: ({ ...spec, data: { ...spec.data, ...sources } } as Spec);
}
