// Finds the Python environment of the worker: one that the user gives, that of the project, or captune's own.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { EnvironmentError, type Issue } from "../errors.js";
import type { EnvironmentOptions } from "./environment.js";
import { cacheFolder, workerCode } from "./paths.js";
import {
	findPython,
	type GivenPython,
	givenPythons,
	type PythonFacts,
	probePython,
} from "./python.js";
import { type Requirements, readRequirements } from "./requirements.js";
import { isWhole } from "./whole.js";

export interface PythonEnvironment {
	/** Path of the interpreter. */
	readonly python: string;
	readonly origin: "given" | "project" | "captune";
}

/** Test seams: other requirements, another cache, another project folder. */
export interface EnvironmentPlaces {
	readonly requirementsFolder?: string;
	readonly cache?: string;
	readonly cwd?: string;
}

/** Extras that captune's own environment always has: small beside torch, and a run may need them any time. */
const ownExtras = ["datasets"];

/** Where an environment is, or what is needed to make it. */
export type EnvironmentPlace =
	| (PythonEnvironment & { readonly isReady: true })
	| {
			readonly isReady: false;
			/** Path that the interpreter will have. */
			readonly python: string;
			readonly folder: string;
			/** The interpreter that makes it. */
			readonly base: PythonFacts;
			readonly requirements: Requirements;
	  };

/**
 * Finds the environment that `ensureEnvironment` would use or make, and changes nothing.
 *
 * @throws {EnvironmentError} for an interpreter that was named and cannot be used, and where there is none.
 */
export async function locateEnvironment(
	options: EnvironmentOptions = {},
	{
		requirementsFolder,
		cache = cacheFolder(),
		cwd = process.cwd(),
	}: EnvironmentPlaces = {},
): Promise<EnvironmentPlace> {
	const { extras = [] } = options;
	const needed = readRequirements(extras, requirementsFolder);
	for (const given of givenPythons(options.python, cwd)) {
		const usable = await useGiven(given, needed, options);
		if (usable) return { ...usable, isReady: true };
	}
	const requirements = readRequirements(
		[...new Set([...ownExtras, ...extras])],
		requirementsFolder,
	);
	const base = await findPython(requirements, options.signal);
	const folder = join(cache, requirements.key(base.version, options.wheels));
	const python = join(folder, "bin", "python");
	return isWhole(folder)
		? { python, origin: "captune", isReady: true }
		: { python, folder, base, requirements, isReady: false };
}

async function useGiven(
	given: GivenPython,
	requirements: Requirements,
	{ onNotice, signal }: EnvironmentOptions,
): Promise<PythonEnvironment | undefined> {
	if (!given.isExplicit && !existsSync(given.command)) return undefined;
	const problem = await objectionTo(given, requirements, signal);
	if (problem === undefined)
		return {
			python: given.command,
			origin: given.isExplicit ? "given" : "project",
		};
	if (given.isExplicit) throw problem;
	onNotice?.(`${problem.message} captune uses an environment of its own.`);
	return undefined;
}

async function objectionTo(
	{ command, by }: GivenPython,
	requirements: Requirements,
	signal: AbortSignal | undefined,
): Promise<EnvironmentError | undefined> {
	const facts = await probePython(command, signal);
	const range = requirements.pythonRange;
	if ("failure" in facts)
		return new EnvironmentError(
			"PYTHON_NOT_FOUND",
			`${command}, given by ${by}, cannot be used: ${facts.failure}. Needed: Python ${range}.`,
			{ issues: [{ path: command, reason: facts.failure }] },
		);
	const fit = requirements.fits(facts.version);
	if (fit !== "ok")
		return new EnvironmentError(
			fit === "old" ? "PYTHON_TOO_OLD" : "PYTHON_TOO_NEW",
			`${command}, given by ${by}, is Python ${facts.version}. Needed: Python ${range}.`,
		);
	const issues = await unmetIn(command, requirements.packages, signal);
	return issues.length === 0
		? undefined
		: new EnvironmentError(
				"PYTHON_PACKAGES_MISSING",
				`${command}, given by ${by}, lacks ${issues.map(({ path, reason }) => `${path} (${reason})`).join(", ")}. Install them there, or leave the interpreter to captune.`,
				{ issues },
			);
}

async function unmetIn(
	python: string,
	packages: readonly string[],
	signal: AbortSignal | undefined,
): Promise<Issue[]> {
	const { execa } = await import("execa");
	const { stdout } = await execa(
		python,
		["-I", join(workerCode, "captune_worker", "inspection.py"), "missing"],
		{
			input: JSON.stringify(packages),
			timeout: 30_000,
			...(signal === undefined ? {} : { cancelSignal: signal }),
		},
	);
	const unmet = JSON.parse(stdout) as readonly {
		readonly requirement: string;
		readonly installed: string | null;
	}[];
	return unmet.map(({ requirement, installed }) => ({
		path: requirement,
		reason: installed === null ? "not installed" : `${installed} is installed`,
	}));
}
