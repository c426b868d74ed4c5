// What the tests' own workers owe to them: they end as real ones do, and none outlives the process that was started.
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	canFork,
	type ForkServer,
	forkedVariables,
	startForkServer,
} from "../support/fork-server.js";
import { testPython } from "../support/python.js";

if (!canFork) console.log("skipped: workers are forked on Linux only");
const forkTest = testPython && canFork ? test : test.skip;
let server: ForkServer;

/** As captune starts a worker; `code` tells first whether it has been forked. */
const start = (code: string, env: Readonly<Record<string, string>> = {}) =>
	execa(
		server.python,
		[
			...["-I", "-u", "-c"],
			`import sys; print("peft" in sys.modules)\n${code}`,
			...["folder", "captune_worker"],
		],
		{ reject: false, env: { ...forkedVariables, ...env } },
	);

function isThere(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}

test.before(async () => {
	if (testPython && canFork) server = await startForkServer(testPython);
});

test.after(async () => {
	await server?.close();
});

forkTest("exit codes and signals are the worker's", async () => {
	const { exitCode, stdout } = await start("sys.exit(7)");
	assert.is(stdout, "True");
	assert.is(exitCode, 7);
	const { signal } = await start("import os; os.kill(os.getpid(), 9)");
	assert.is(signal, "SIGKILL");
});

forkTest("a worker gets the signals, the folder and the pipes", async () => {
	const worker = start(`
import os, signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print(os.getcwd(), sys.stdin.readline().strip(), flush=True)
signal.pause()`);
	worker.stdin.write("hello\n");
	for await (const line of worker.iterable({ from: "stdout" }))
		if (line.endsWith("hello")) {
			assert.is(line, `${process.cwd()} hello`);
			worker.kill("SIGTERM");
		}
	assert.is((await worker.catch((error) => error)).exitCode, 3);
});

forkTest(
	"a client that is killed at any time takes its worker along",
	async () => {
		const pids: number[] = [];
		for (let wait = 0; wait < 800; wait += 50) {
			const worker = start(
				`import os, time; print(os.getpid()); time.sleep(60)`,
			);
			await delay(wait);
			worker.kill("SIGKILL");
			const { stdout } = await worker;
			pids.push(...stdout.split("\n").slice(1).map(Number));
		}
		assert.ok(pids.length > 0, "some had begun");
		// Asked for, too: no zombie is left to the server.
		for (
			const deadline = Date.now() + 10_000;
			pids.some(isThere);
			await delay(20)
		)
			assert.ok(Date.now() < deadline, "a worker is left");
		assert.is((await start("sys.exit(5)")).exitCode, 5, "the server is there");
	},
);

forkTest(
	"where libraries would read something else, Python itself runs it",
	async () => {
		const { stdout } = await start("", { HF_HUB_OFFLINE: "0" });
		assert.is(stdout, "False");
	},
);

test.run();
