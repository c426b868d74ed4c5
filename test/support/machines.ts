// Machines that doctor() has not got: other commands on the PATH, other variables.
import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { doctor, type Finding } from "../../sdk/index.js";
import { temporaryFolder } from "./folders.js";
import { testPython } from "./python.js";
import { withVariables } from "./variables.js";

/** A command of that name, first on the PATH. */
export function command(name: string, script: string): string {
	const folder = temporaryFolder();
	const file = join(folder, name);
	writeFileSync(file, `#!/bin/sh\n${script}\n`);
	chmodSync(file, 0o755);
	return file;
}

/** The findings on a machine whose nvidia-smi does this. */
export function onMachine(script: string): Promise<readonly Finding[]> {
	const folder = join(command("nvidia-smi", script), "..");
	const path = `${folder}${delimiter}${process.env["PATH"]}`;
	return withVariables({ PATH: path, HF_HUB_OFFLINE: "1" }, () =>
		doctor({ python: testPython as string }),
	);
}

export const find = (findings: readonly Finding[], name: string) =>
	findings.filter((one) => one.name === name);
