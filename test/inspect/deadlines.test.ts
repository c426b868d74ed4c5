// What doctor() tells, and when, of tools that hang.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { doctor } from "../../sdk/index.js";
import { captune, linesOf } from "../support/cli.js";
import { command, find, onMachine } from "../support/machines.js";
import { pythonTest } from "../support/python.js";

for (const [what, look, lost] of [
	["nvidia-smi", () => onMachine("exec sleep 30"), "gpu"],
	[
		"Python",
		() => doctor({ python: command("python", "exec sleep 30") }),
		"python",
	],
] as const)
	pythonTest(`${what} hangs: the rest is told in under 5 s`, async () => {
		const started = Date.now();
		const findings = await look();
		const seconds = (Date.now() - started) / 1000;
		assert.ok(seconds < 5, `${seconds} s`);
		const [finding] = find(findings, lost);
		assert.is(finding?.status, "warning");
		assert.match(finding?.value ?? "", "no answer in time");
		for (const name of ["node", "memory", "disk of runs", "hub"])
			assert.is(find(findings, name).length, 1, name);
		if (lost === "gpu") assert.is(find(findings, "packages")[0]?.status, "ok");
	});

pythonTest("the command ends in time, too", async () => {
	const started = Date.now();
	const { exitCode, stdout } = await captune([
		...["doctor", "--json", "--python", command("python", "exec sleep 30")],
	]);
	const seconds = (Date.now() - started) / 1000;
	assert.ok(seconds < 10, `${seconds} s, Node's own start included`);
	assert.is(exitCode, 0);
	const findings = linesOf(stdout);
	assert.ok(findings.every(({ type }) => type === "finding"));
	assert.match(
		findings.find(({ name }) => name === "python")?.["value"],
		"no answer in time",
	);
});

test.run();
