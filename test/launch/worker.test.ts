// What a worker is started with, and what cannot get in its way.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../../sdk/launch/worker.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

/** Runs a module that prints what it sees. */
async function linesOf(program: string): Promise<string> {
	const code = temporaryFolder();
	mkdirSync(join(code, "seen"));
	writeFileSync(join(code, "seen", "__main__.py"), program);
	const lines: string[] = [];
	const worker = await startWorker({
		python: testPython as string,
		bootstrap: { secret: "of the test" },
		program: { module: "seen", code },
		onLine: (_, text) => lines.push(text),
	});
	assert.is((await worker.exited).exitCode, 0);
	return lines.join("\n");
}

pythonTest(
	"no module of the current folder or of PYTHONPATH gets in",
	async () => {
		const strangers = temporaryFolder();
		for (const name of ["runpy", "json", "sitecustomize", "usercustomize"])
			writeFileSync(join(strangers, `${name}.py`), 'print("a stranger")');
		const { cwd, env } = { cwd: process.cwd(), env: process.env };
		const before = env["PYTHONPATH"];
		process.chdir(strangers);
		env["PYTHONPATH"] = strangers;
		try {
			const seen = await linesOf("import json; print(json.dumps('own'))");
			assert.is(seen, '"own"');
		} finally {
			process.chdir(cwd);
			if (before === undefined) delete env["PYTHONPATH"];
			else env["PYTHONPATH"] = before;
		}
	},
);

pythonTest("variables that are not of the list stay here", async () => {
	process.env["SOMEBODYS_SECRET"] = "of the test";
	process.env["WANDB_API_KEY"] = "of the test";
	try {
		const seen = await linesOf("import os; print(*sorted(os.environ))");
		assert.match(seen, /\bPATH\b/);
		assert.not.match(seen, /SOMEBODYS_SECRET|WANDB_API_KEY/);
	} finally {
		delete process.env["SOMEBODYS_SECRET"];
		delete process.env["WANDB_API_KEY"];
	}
});

test.run();
