// The `captune` command as a user types it, in a process of its own.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa, type Options } from "execa";
import { temporaryFolder } from "./folders.js";
import { installedFolder } from "./installed.js";
import { testPython } from "./python.js";

/** The command, for a shell or another program. */
export const captuneCommand = [
	process.execPath,
	join(installedFolder, "dist/cli/main.js"),
] as const;

/** Starts it in a folder of its own, as the leader of a process group. */
export function startCaptune(
	args: readonly string[],
	{ cwd = temporaryFolder(), env = {}, ...options }: Options = {},
) {
	const [node, ...rest] = captuneCommand;
	return execa(node, [...rest, ...args], {
		cwd,
		reject: false,
		detached: true,
		stdin: "ignore",
		env: {
			...(testPython === undefined ? {} : { CAPTUNE_PYTHON: testPython }),
			NO_COLOR: "1",
			...env,
		},
		...options,
	});
}

export interface Ended {
	readonly exitCode: number | undefined;
	readonly stdout: string;
	readonly stderr: string;
}

/** Runs it to its end. */
export async function captune(
	args: readonly string[],
	options: Options = {},
): Promise<Ended> {
	const { exitCode, stdout, stderr } = await startCaptune(args, options);
	return { exitCode, stdout: String(stdout), stderr: String(stderr) };
}

// biome-ignore lint/suspicious/noExplicitAny: lines of many kinds, judged by the tests
export type Line = Record<string, any>;

/** What `--json` printed: every line must be an object with a type. */
export function linesOf(stdout: string): Line[] {
	return stdout
		.split("\n")
		.filter(Boolean)
		.map((text) => {
			const line: Line = JSON.parse(text);
			if (typeof line["type"] !== "string")
				throw new Error(`A line has no type: ${text.slice(0, 200)}`);
			return line;
		});
}

/** A spec file of that name in a new folder. */
export function specFile(name: string, text: string): string {
	const file = join(temporaryFolder(), name);
	writeFileSync(file, text);
	return file;
}
