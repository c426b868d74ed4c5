// The kernel's own end of a process for want of memory. Only its count is made up here: to provoke it would take
// the memory of everybody on the machine.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { countOomKills } from "../../sdk/launch/oom.js";
import { crashed } from "../../sdk/run/failure.js";
import { LastLines } from "../../sdk/run/last-lines.js";
import { temporaryFolder } from "../support/folders.js";

test("a kill for want of memory is told from another", () => {
	const file = join(temporaryFolder(), "vmstat");
	writeFileSync(file, "pgfault 1\noom_kill 3\noom_kill_other 9\n");
	assert.is(countOomKills(file), 3);
	assert.is(countOomKills(join(file, "gone")), 0);
	const ended = (signal: string, kills: number) =>
		crashed(
			{ exitCode: null, signal },
			...([7, 12, new LastLines(), kills, "run"] as const),
		);
	const error = ended("SIGKILL", 1);
	assert.is(error.code, "OUT_OF_MEMORY");
	assert.match(error.message, /after step 12.*kernel ran out of memory/);
	assert.is(ended("SIGKILL", 0).code, "WORKER_CRASHED");
	assert.is(ended("SIGSEGV", 1).code, "WORKER_CRASHED");
});

test.run();
