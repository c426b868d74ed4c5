// Runs a Python script of this folder and returns what it prints.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";

const { CAPTUNE_TEST_PYTHON: python } = process.env;

/** A test against Python packages; without an interpreter that has them it is skipped, aloud. */
export function oracleTest(name: string, run: () => void): void {
	if (python !== undefined) {
		test(name, run);
		return;
	}
	console.log(
		`skipped: ${name}: set CAPTUNE_TEST_PYTHON to a Python that has rouge-score 0.1.2`,
	);
	test.skip(name, run);
}

export function askOracle(script: string, request: unknown): unknown {
	const path = fileURLToPath(new URL(script, import.meta.url));
	const child = spawnSync(python as string, [path], {
		input: JSON.stringify(request),
		encoding: "utf8",
		maxBuffer: 2 ** 28,
	});
	if (child.error !== undefined) throw child.error;
	if (child.status !== 0) throw new Error(`${script}: ${child.stderr}`);
	return JSON.parse(child.stdout);
}
