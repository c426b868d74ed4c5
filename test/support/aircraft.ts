// The airplane recipe with its hub datasets as local Parquet files: the same columns, types and numbers of rows.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { type AirplanesSettings, boeings } from "../../sdk/index.js";
import { temporaryFolder } from "./folders.js";
import { testPython } from "./python.js";

type Boeings = NonNullable<AirplanesSettings["data"]>;

/** Writes the files, and gives the recipe's data pointed at them. */
export async function localBoeings(): Promise<Boeings> {
	const folder = temporaryFolder();
	const tests = fileURLToPath(new URL("../python", import.meta.url));
	const code =
		"import sys, pathlib; from rows.aircraft import write_aircraft; write_aircraft(pathlib.Path(sys.argv[1]))";
	await execa(testPython as string, ["-c", code, folder], {
		env: { PYTHONPATH: tests },
	});
	return {
		...boeings,
		train: pointedAt(boeings.train, join(folder, "train.parquet")),
		test: pointedAt(boeings.test, join(folder, "test.parquet")),
	};
}

/** The same choice of rows, out of a file. */
function pointedAt(
	source: Boeings["train"] | Boeings["test"],
	path: string,
): Boeings["train"] {
	if (source?.kind !== "dataset") throw new Error("The recipe has changed.");
	return { kind: "parquet", path, filters: source.filters ?? [] };
}
