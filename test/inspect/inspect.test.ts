import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EnvironmentError, inspectEnvironment } from "../../sdk/index.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

const python = testPython as string;

/** The real interpreter, but for what `shadow` does before pythonia's own Python code runs. */
function shadowed(shadow: string): string {
	const folder = temporaryFolder();
	writeFileSync(join(folder, "sitecustomize.py"), shadow);
	const file = join(folder, "python");
	// Isolated probes (-I) see the real interpreter; pythonia does not isolate.
	writeFileSync(file, `#!/bin/sh\nPYTHONPATH=${folder} exec ${python} "$@"\n`);
	chmodSync(file, 0o755);
	return file;
}

pythonTest("versions and devices, also when asked twice at once", async () => {
	const [one, two] = await Promise.all([
		inspectEnvironment({ python }),
		inspectEnvironment({ python }),
	]);
	assert.equal(one, two);
	assert.match(one.python, /^3\.1\d/);
	assert.match(one.packages["torch"] ?? "", /^2\./);
	assert.is(one.devices[0]?.kind, "cpu");
	assert.ok((one.devices[0]?.threads ?? 0) >= 1);
	assert.is(one.problem, null);
});

pythonTest("what Python prints does not get into the answer", async () => {
	const report = await inspectEnvironment({
		python: shadowed('print(\'{"python": "0"}\')'),
	});
	assert.match(report.python, /^3\.1\d/);
});

for (const [what, shadow, said] of [
	["dies", "import os; os._exit(9)", /exited with code 9/],
	["hangs", "import time; time.sleep(600)", /no answer within 4000 ms/],
] as const)
	pythonTest(`a Python that ${what} is one typed error`, async () => {
		const error = await inspectEnvironment({
			python: shadowed(shadow),
			timeoutMs: 4_000,
		}).catch((error) => error);
		assert.instance(error, EnvironmentError);
		assert.is(error.code, "INSPECTION_FAILED");
		assert.match(error.message, said);
	});

test("an interpreter that is missing is named", async () => {
	const error = await inspectEnvironment({ python: "/nowhere/python" }).catch(
		(error) => error,
	);
	assert.instance(error, EnvironmentError);
	assert.is(error.code, "PYTHON_NOT_FOUND");
	assert.match(error.message, "/nowhere/python");
});

test.run();
