// Jupyter in an environment of its own, and notebooks executed in it.
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { waitForLock } from "../../sdk/launch/lock.js";
import { cacheFolder } from "../../sdk/launch/paths.js";
import { isWhole } from "../../sdk/launch/whole.js";
import { installInto } from "./tools.js";

const fixtures = fileURLToPath(
	new URL("../fixtures/notebooks", import.meta.url),
);
const requirements = join(fixtures, "requirements.txt");

/** Path of an interpreter that has Jupyter; made once from the pinned packages, then reused. */
export async function ensureJupyter(python: string): Promise<string> {
	const key = createHash("sha256")
		.update(readFileSync(requirements))
		.digest("hex")
		.slice(0, 12);
	const folder = join(cacheFolder(), `jupyter-${key}`);
	const jupyter = join(folder, "bin", "python");
	if (isWhole(folder)) return jupyter;
	const lock = await waitForLock(`${folder}.lock`, () => {});
	try {
		if (isWhole(folder)) return jupyter;
		console.log("making an environment for Jupyter");
		rmSync(folder, { recursive: true, force: true });
		await execa(python, ["-m", "venv", "--without-pip", folder]);
		await installInto(jupyter, python, "--requirement", requirements);
		writeFileSync(join(folder, "captune.json"), "{}\n");
	} finally {
		lock.release();
	}
	return jupyter;
}

/** What a cell put out, by its media types; text of the same stream is one. */
export type Output =
	| {
			readonly output_type: "stream";
			readonly name: "stdout" | "stderr";
			readonly text: readonly string[] | string;
	  }
	| {
			readonly output_type: "display_data" | "execute_result";
			readonly data: Readonly<Record<string, unknown>>;
	  }
	| { readonly output_type: "error"; readonly ename: string };

export interface Cell {
	readonly cell_type: "code" | "markdown";
	readonly source: readonly string[] | string;
	readonly outputs?: readonly Output[];
	readonly execution_count?: number | null;
}

export interface Notebook {
	readonly cells: readonly Cell[];
	readonly metadata: Readonly<Record<string, unknown>>;
}

export const readNotebook = (file: string): Notebook =>
	JSON.parse(readFileSync(file, "utf8"));

/** Lines or a text, as Jupyter writes either. */
export const textOf = (lines: unknown): string =>
	Array.isArray(lines) ? lines.join("") : String(lines);

/** Says which cells the outputs of a notebook came from. */
export const sourcesOf = ({ cells }: Notebook): string =>
	createHash("sha256")
		.update(JSON.stringify(cells.map(({ source }) => textOf(source))))
		.digest("hex");

/** Executes a notebook in its folder and writes it, with its outputs and what they came from, to `target`. */
export async function executeNotebook(
	jupyter: string,
	source: string,
	target: string,
	env: Readonly<Record<string, string>> = {},
): Promise<Notebook> {
	await execa(jupyter, [join(fixtures, "execute.py"), source, target], { env });
	const { metadata, ...rest } = readNotebook(target);
	const executed = {
		...rest,
		metadata: {
			...metadata,
			captune: { sources: sourcesOf(rest as Notebook) },
		},
	};
	writeFileSync(target, `${JSON.stringify(executed, null, 1)}\n`);
	return executed;
}
