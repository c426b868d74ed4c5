import {
	chmodSync,
	existsSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EnvironmentError, inspectEnvironment } from "../../sdk/index.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

const python = testPython as string;
const root = fileURLToPath(new URL("../..", import.meta.url));

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

/** Python code that makes the question itself go wrong. */
const inQuestion = (body: string) =>
	`import platform, sys, os, time\ndef platform_(): ${body}\nplatform.platform = platform_`;

for (const [what, shadow, said] of [
	["dies", "import os; os._exit(9)", /exited with code 9/],
	["hangs", "import time; time.sleep(600)", /no answer within 4000 ms/],
	["dies at the question", inQuestion("os._exit(9)"), /exited with code 9/],
	["calls sys.exit", inQuestion("sys.exit(3)"), /exited with code|no answer/],
	["hangs at the question", inQuestion("time.sleep(600)"), /no answer within/],
	["finds NaN", inQuestion("return float('nan')"), /JSON|float/],
	[
		"answers NaN",
		"import json; dumps = json.dumps; json.dumps = lambda value, allow_nan=True, **how: dumps(value, **how) if allow_nan else float('nan')",
		/JSON/,
	],
	["raises", inQuestion("raise OSError('no disk')"), /no disk/],
] as const)
	pythonTest(`a Python that ${what} is one typed error`, async () => {
		const error = await inspectEnvironment({
			python: shadowed(shadow),
			// Whoever does not hang is not to be cut off on a busy machine.
			timeoutMs: /no answer/.test(said.source) ? 4_000 : 60_000,
		}).catch((error) => error);
		assert.instance(error, EnvironmentError);
		assert.is(error.code, "INSPECTION_FAILED");
		assert.match(`${error.message} ${error.data.stderr}`, said);
		assert.is(await pythonsOf(error.message), 0);
	});

pythonTest(
	"what the question prints does not get into the answer",
	async () => {
		const report = await inspectEnvironment({
			python: shadowed(inQuestion("print('{}', flush=True); return 'here'")),
		});
		assert.is(report.platform, "here");
	},
);

pythonTest(
	"two callers at once do not wait for the one that hangs",
	async () => {
		const hanging = inspectEnvironment({
			python: shadowed(inQuestion("time.sleep(600)")),
			timeoutMs: 20_000,
		}).catch((error) => error);
		const report = await inspectEnvironment({ python });
		const first = await Promise.race([hanging, "it hangs"]);
		assert.is(first, "it hangs");
		assert.match(report.python, /^3\.1\d/);
		assert.is((await hanging).code, "INSPECTION_FAILED");
	},
);

for (const [how, code] of [
	["exits", "process.exit(0)"],
	["is killed", "process.kill(process.pid, 'SIGKILL')"],
] as const)
	pythonTest(`a caller that ${how} right after leaves nothing`, async () => {
		const hanging = shadowed(inQuestion("time.sleep(600)"));
		await program(`
			import { inspectEnvironment } from "./sdk/index.ts";
			void inspectEnvironment({ python: ${JSON.stringify(hanging)} });
			setTimeout(() => ${code}, 3_000);
		`);
		for (let waited = 0; await pythonsOf(hanging); waited += 100) {
			assert.ok(waited < 5_000, "its Python still runs");
			await delay(100);
		}
	});

pythonTest(
	"a caller that uses pythonia itself keeps its own Python",
	async () => {
		const { stdout } = await program(`
		process.env.PYTHON_BIN = ${JSON.stringify(python)};
		const { python } = await import("pythonia");
		const { inspectEnvironment } = await import("./sdk/index.ts");
		const own = await python("math");
		const before = await own.sqrt(16);
		const report = await inspectEnvironment({ python: ${JSON.stringify(python)} });
		const after = await own.sqrt(25);
		console.log(before, after, report.problem);
		python.exit();
	`);
		assert.is(stdout, "4 5 null");
	},
);

/** Runs a program of its own to its end. */
const program = (code: string) =>
	execa(
		process.execPath,
		["--import", "tsx", "--input-type=module", "-e", code],
		{ reject: false, timeout: 60_000, cwd: root },
	);

/** How many processes were started with this interpreter, or with the one that a message names. */
async function pythonsOf(text: string): Promise<number> {
	const folder = /\S*captune-test-\w+/.exec(text)?.[0] ?? text;
	// Where there is no /proc, nobody can tell.
	const pids = existsSync("/proc") ? readdirSync("/proc") : [];
	const environments = pids.flatMap((pid) => {
		try {
			return [readFileSync(`/proc/${pid}/environ`, "utf8")];
		} catch {
			return [];
		}
	});
	return environments.filter((one) => one.includes(`PYTHONPATH=${folder}`))
		.length;
}

test("an interpreter that is missing is named", async () => {
	const error = await inspectEnvironment({ python: "/nowhere/python" }).catch(
		(error) => error,
	);
	assert.instance(error, EnvironmentError);
	assert.is(error.code, "PYTHON_NOT_FOUND");
	assert.match(error.message, "/nowhere/python");
});

test.run();
