// What the worker needs of Python, read from python/pyproject.toml and python/constraints.txt.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { workerCode } from "./paths.js";

export interface Requirements {
	/** Folder with pyproject.toml and constraints.txt. */
	readonly folder: string;
	/** Requirements as pip reads them, extras included. */
	readonly packages: readonly string[];
	/** Path of the file that pins every version. */
	readonly constraintsFile: string;
	/** For messages: ">=3.11,<3.15". */
	readonly pythonRange: string;
	/** Commands to look for, the everyday ones first. */
	readonly pythonCommands: readonly string[];
	fits(pythonVersion: string): "ok" | "old" | "new";
	/** Changes whenever another environment is needed. */
	key(pythonVersion: string, wheels: string | undefined): string;
}

interface PyProject {
	readonly project: {
		readonly "requires-python": string;
		readonly dependencies: readonly string[];
		readonly "optional-dependencies"?: Readonly<
			Record<string, readonly string[]>
		>;
	};
}

/** Reads the requirements; `folder` is the worker's own unless a test brings another. */
export function readRequirements(
	extras: readonly string[] = [],
	folder: string = workerCode,
): Requirements {
	const { project } = parse(
		readFileSync(join(folder, "pyproject.toml"), "utf8"),
	) as unknown as PyProject;
	const constraintsFile = join(folder, "constraints.txt");
	const optional = project["optional-dependencies"] ?? {};
	const packages = [
		...project.dependencies,
		...extras.flatMap((extra) => optional[extra] ?? []),
	];
	const pythonRange = project["requires-python"];
	const [oldest, tooNew] = minorsOf(pythonRange);
	return {
		folder,
		packages,
		constraintsFile,
		pythonRange,
		pythonCommands: [
			"python3",
			"python",
			...Array.from(
				{ length: tooNew - oldest },
				(_, index) => `python3.${tooNew - 1 - index}`,
			),
		],
		fits(version) {
			const [major = 0, minor = 0] = version.split(".").map(Number);
			if (major < 3 || (major === 3 && minor < oldest)) return "old";
			return major > 3 || minor >= tooNew ? "new" : "ok";
		},
		key(version, wheels) {
			const pins = readFileSync(constraintsFile, "utf8");
			const digest = createHash("sha256")
				.update(JSON.stringify([packages, pins, wheels ?? null]))
				.digest("hex");
			const [major, minor] = version.split(".");
			return `python${major}.${minor}-${digest.slice(0, 12)}`;
		},
	};
}

/** [11, 15] of ">=3.11,<3.15". */
function minorsOf(range: string): readonly [number, number] {
	const match = /^>=3\.(\d+),<3\.(\d+)$/.exec(range);
	if (!match)
		throw new TypeError(`requires-python must read >=3.x,<3.y, not ${range}.`);
	return [Number(match[1]), Number(match[2])];
}
