// A caller of its own: a program that trains with the puppet, in a process and a process group of its own, to be killed.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { isRunning } from "./endings.js";
import { linesOf } from "./events.js";
import { temporaryFolder } from "./folders.js";
import type { Plan, PuppetOptions } from "./puppet.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Starts it and waits for `steps` steps; `more` is code that knows `run`. */
export async function startScript(
	plan: Plan,
	{
		steps = 3,
		more = "",
		...options
	}: PuppetOptions & { readonly steps?: number; readonly more?: string } = {},
) {
	const folder = join(temporaryFolder(), "run");
	const script = join(temporaryFolder(), "script.mts");
	const puppet = join(root, "test/support/puppet.ts");
	writeFileSync(
		script,
		`import { puppetRun } from ${JSON.stringify(puppet)};
const run = puppetRun(${JSON.stringify(plan)}, ${JSON.stringify({ graceMs: 10_000, ...options, folder })});
${more}
console.log(JSON.stringify(await run));
`,
	);
	const child = execa(process.execPath, ["--import", "tsx", script], {
		cwd: root,
		reject: false,
		detached: true,
		cleanup: true,
	});
	const said = () =>
		existsSync(join(folder, "events.jsonl"))
			? linesOf(folder, "events.jsonl")
			: [];
	while (said().filter(({ type }) => type === "step").length < steps)
		await delay(30);
	const ready = said().find((event) => event.type === "ready");
	if (ready?.type !== "ready") throw new Error("It never got ready.");
	// A test that fails must not leave behind what it had stopped.
	process.on("exit", () => {
		for (const pid of [ready.pid, child.pid as number])
			if (isRunning(pid)) process.kill(pid, "SIGKILL");
	});
	return { folder, child, worker: ready.pid };
}
