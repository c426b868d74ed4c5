// Finds a Python interpreter and learns what it can do, without changing it.
import { join } from "node:path";
import { EnvironmentError, type Issue } from "../errors.js";
import type { Requirements } from "./requirements.js";

/** What an interpreter says about itself. */
export interface PythonFacts {
	readonly executable: string;
	readonly version: string;
	readonly platform: string;
	readonly machine: string;
	/** Version of glibc; "" where the C library is another. */
	readonly glibc: string;
	readonly hasEnsurepip: boolean;
}

const probe = `
import json, platform, sys, sysconfig
from importlib.util import find_spec
print(json.dumps({
    "executable": sys.executable,
    "version": platform.python_version(),
    "platform": sys.platform,
    "machine": platform.machine().lower(),
    "glibc": platform.libc_ver()[1] if platform.libc_ver()[0] == "glibc" else "",
    "hasEnsurepip": bool(find_spec("ensurepip") and find_spec("venv")),
}))`;

/** What the interpreter at `command` says, or why it says nothing. */
export async function probePython(
	command: string,
	signal?: AbortSignal,
): Promise<PythonFacts | { readonly failure: string }> {
	const { execa } = await import("execa");
	const result = await execa(command, ["-I", "-c", probe], {
		reject: false,
		timeout: 20_000,
		stdin: "ignore",
		...(signal === undefined ? {} : { cancelSignal: signal }),
	});
	signal?.throwIfAborted();
	if (result.failed) {
		const failure =
			result.code === "ENOENT" ? "not found" : lastLine(result.stderr);
		return { failure: failure ?? result.shortMessage ?? "failed" };
	}
	try {
		return JSON.parse(result.stdout) as PythonFacts;
	} catch {
		return { failure: "does not answer like Python" };
	}
}

/**
 * The first interpreter on the PATH that the pinned packages support.
 *
 * @throws {EnvironmentError} PYTHON_NOT_FOUND, PYTHON_TOO_OLD or PYTHON_TOO_NEW, saying what was tried.
 */
export async function findPython(
	requirements: Requirements,
	signal?: AbortSignal,
): Promise<PythonFacts> {
	const tried: Issue[] = [];
	const misfits = new Set<"old" | "new">();
	for (const command of requirements.pythonCommands) {
		const facts = await probePython(command, signal);
		if ("failure" in facts) {
			tried.push({ path: command, reason: facts.failure });
			continue;
		}
		const fit = requirements.fits(facts.version);
		if (fit === "ok") return facts;
		misfits.add(fit);
		tried.push({
			path: command,
			reason: `is Python ${facts.version} at ${facts.executable}, too ${fit}`,
		});
	}
	const range = requirements.pythonRange;
	const code = misfits.has("old")
		? "PYTHON_TOO_OLD"
		: misfits.has("new")
			? "PYTHON_TOO_NEW"
			: "PYTHON_NOT_FOUND";
	const found = {
		PYTHON_TOO_OLD: "Python was found, but only too old a version",
		PYTHON_TOO_NEW:
			"Python was found, but too new a version for the pinned torch",
		PYTHON_NOT_FOUND: "Python was not found",
	}[code];
	throw new EnvironmentError(
		code,
		`${found}. Needed: Python ${range}. Tried: ${tried.map(({ path, reason }) => `${path} (${reason})`).join(", ")}. Install one of these versions, or name an interpreter with CAPTUNE_PYTHON or the option \`python\`.`,
		{ issues: tried },
	);
}

/** An interpreter that the user, or the project, brings along. */
export interface GivenPython {
	readonly command: string;
	/** How it was given, for messages. */
	readonly by: string;
	/** Named on purpose; a project's `.venv` may have another purpose. */
	readonly isExplicit: boolean;
}

/** The option, `CAPTUNE_PYTHON`, or the `.venv` of the project, in this order. */
export function givenPythons(
	option: string | undefined,
	cwd: string,
): readonly GivenPython[] {
	const fromEnvironment = process.env["CAPTUNE_PYTHON"];
	if (option)
		return [{ command: option, by: "the option `python`", isExplicit: true }];
	if (fromEnvironment)
		return [
			{ command: fromEnvironment, by: "CAPTUNE_PYTHON", isExplicit: true },
		];
	return [
		{
			command: join(cwd, ".venv", "bin", "python"),
			by: "the project's .venv",
			isExplicit: false,
		},
	];
}

const lastLine = (text: string) => text.trim().split("\n").at(-1) || undefined;
