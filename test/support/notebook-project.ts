// The repository as somebody who has just cloned it, with the notebooks' kernel installed by the documented command.
import { cpSync, readdirSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { temporaryFolder } from "./folders.js";
import { ensureJupyter } from "./jupyter.js";
import { jupyterVariables } from "./lab.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const parts = [
	...["package.json", "package-lock.json", "tsconfig.json", ".npmrc"],
	...["sdk", "python", "schemas", "notebooks"],
];
const made =
	/^(node_modules|__pycache__|captune-runs|\.\w+_(cache|checkpoints))$/;

export interface NotebookProject {
	/** Of the notebooks. */
	readonly folder: string;
	/** Interpreter that has Jupyter. */
	readonly jupyter: string;
	/** What Jupyter keeps of its own. */
	readonly home: string;
	readonly env: Readonly<Record<string, string>>;
}

/** A copy, so that nothing else that builds the package is disturbed. */
export async function notebookProject(
	python: string,
): Promise<NotebookProject> {
	// Were they not in order, the command would install others through the link below.
	await execa("npm", ["ls", "--all", "--silent"], { cwd: root });
	const [project, home] = [temporaryFolder(), temporaryFolder()];
	for (const part of parts)
		cpSync(join(root, part), join(project, part), {
			recursive: true,
			filter: (path) => !made.test(basename(path)),
		});
	symlinkSync(join(root, "node_modules"), join(project, "node_modules"));
	const env = { ...jupyterVariables(home), CAPTUNE_PYTHON: python };
	await execa("npm", ["run", "notebooks"], { cwd: project, env });
	return {
		folder: join(project, "notebooks"),
		jupyter: await ensureJupyter(python),
		home,
		env,
	};
}

export const notebookNames: readonly string[] = readdirSync(
	join(root, "notebooks"),
).filter((name) => name.endsWith(".ipynb"));

export const committed = (name: string): string =>
	join(root, "notebooks", name);
