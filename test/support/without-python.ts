// Which tests can run before there is a Python to test with.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Does neither the file nor a file of tests that it imports, at any depth, ask for the tests' Python? */
export function isWithoutPython(
	file: string,
	seen = new Set<string>(),
): boolean {
	if (seen.has(file)) return true;
	seen.add(file);
	const text = readFileSync(file, "utf8");
	if (/CAPTUNE_TEST_PYTHON|CAPTUNE_PYTHON|python3?["'`]/.test(text))
		return false;
	const imported = [...text.matchAll(/from "(\.[^"]*)\.js"/g)]
		.map(([, path]) => join(dirname(file), `${path}.ts`))
		.filter((path) => !/\/sdk\//.test(path));
	return imported.every((path) => isWithoutPython(path, seen));
}
