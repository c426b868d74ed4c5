// The worker's environment with pytest, ruff and the oracles on top, in an environment of their own beside it.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { readRequirements } from "../../sdk/launch/requirements.js";
import { isWhole } from "../../sdk/launch/whole.js";

/** Path of an interpreter that has all packages of `python` and the test extras; made once, then reused. */
export async function ensureTestTools(python: string): Promise<string> {
	const environment = dirname(dirname(python));
	const folder = `${environment}-test`;
	const testPython = join(folder, "bin", "python");
	if (isWhole(folder)) return testPython;
	console.log("adding the test tools");
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(dirname(folder), { recursive: true });
	await execa(python, ["-m", "venv", "--without-pip", folder]);
	writeFileSync(
		join(sitePackages(folder), "environment.pth"),
		sitePackages(environment),
	);
	const { packages: all, constraintsFile } = readRequirements([
		...["test", "wandb", "mlflow", "tensorboard", "trackio"],
	]);
	const known = new Set(readRequirements().packages);
	await installInto(
		testPython,
		python,
		...["--constraint", constraintsFile],
		...all.filter((one) => !known.has(one)),
	);
	writeFileSync(join(folder, "captune.json"), "{}\n");
	return testPython;
}

/** Installs for `target`, which has no pip of its own, with that of `python`. */
export async function installInto(
	target: string,
	python: string,
	...what: readonly string[]
): Promise<void> {
	const args = [
		...["-m", "pip", "--python", target, "install", "--quiet"],
		...["--disable-pip-version-check", "--no-input", "--no-compile", ...what],
	];
	await execa(python, args, { stdio: "inherit" });
}

function sitePackages(folder: string): string {
	const lib = join(folder, "lib");
	const python = readdirSync(lib).find((name) => name.startsWith("python3"));
	if (python === undefined)
		throw new Error(`${folder} is no Python environment.`);
	return join(lib, python, "site-packages");
}
