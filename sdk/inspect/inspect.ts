// Short, read-only questions to a Python environment. The only way to pythonia, which is kept in a process of its own:
// inside the caller's it holds the event loop, shares one interpreter with everyone else, and may hang on a dead child.
import { fileURLToPath } from "node:url";
import { EnvironmentError } from "../errors.js";
import {
	type EnvironmentOptions,
	ensureEnvironment,
} from "../launch/environment.js";

/** What an environment is made of. */
export interface EnvironmentReport {
	/** Version of Python. */
	readonly python: string;
	/** Path of the interpreter. */
	readonly executable: string;
	/** Operating system, as Python tells it. */
	readonly platform: string;
	/** Versions of the packages that decide the numbers; null for one that is missing. */
	readonly packages: Readonly<Record<string, string | null>>;
	/** What torch can compute on, the CPU first. */
	readonly devices: readonly DeviceReport[];
	/** Why torch cannot be used; null when it can. */
	readonly problem: string | null;
}

export interface DeviceReport {
	readonly kind: "cpu" | "cuda";
	readonly name: string;
	/** Threads that torch uses; null for a GPU. */
	readonly threads: number | null;
	/** Memory in bytes; null for the CPU. */
	readonly memoryBytes: number | null;
}

export interface InspectOptions extends EnvironmentOptions {
	/** How long the answer may take once the environment is there. Default: 60,000 ms. */
	readonly timeoutMs?: number;
}

/**
 * Versions and devices of the Python environment that a run would use; makes the environment if there is none.
 *
 * @throws {EnvironmentError} when there is no environment, or it gives no answer in time (INSPECTION_FAILED).
 */
export async function inspectEnvironment({
	timeoutMs = 60_000,
	...options
}: InspectOptions = {}): Promise<EnvironmentReport> {
	const { python } = await ensureEnvironment(options);
	return ask(python, "environment", timeoutMs) as Promise<EnvironmentReport>;
}

/** Calls a function of inspection.py that returns JSON text. */
async function ask(
	python: string,
	question: string,
	timeoutMs: number,
): Promise<unknown> {
	const { execa } = await import("execa");
	const isSource = import.meta.url.endsWith(".ts");
	const child = fileURLToPath(
		new URL(isSource ? "child.ts" : "child.js", import.meta.url),
	);
	// The answer has a channel of its own: whatever Python prints goes to the child's standard output.
	const result = await execa(
		process.execPath,
		[
			...(isSource ? ["--import", import.meta.resolve("tsx")] : []),
			child,
			question,
			String(timeoutMs),
		],
		{
			env: { PYTHON_BIN: python, REQ_TIMEOUT: "0" },
			stdio: ["pipe", "pipe", "pipe", "pipe"],
			reject: false,
		},
	);
	try {
		return JSON.parse(String(result.stdio[3]));
	} catch (cause) {
		const stderr = String(result.stderr).trim().split("\n");
		const why = stderr.at(-1) || result.shortMessage;
		throw new EnvironmentError(
			"INSPECTION_FAILED",
			`${python} was asked for its ${question} and gave no answer: ${why}.`,
			{ cause, data: { stderr: stderr.slice(-20) } },
		);
	}
}
