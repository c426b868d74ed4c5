// Workers that need not import anything: forked by a Python that has, for tests of what a worker computes. How one is
// started and ended is tested with those that captune starts.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { workerCode } from "../../sdk/launch/paths.js";

const script = fileURLToPath(new URL("fork_server.py", import.meta.url));

export interface ForkServer {
	/** To be run as an interpreter: a worker is forked, the rest is run by Python. */
	readonly python: string;
	close(): Promise<void>;
}

/** Elsewhere a process that has loaded such libraries cannot be forked, or not safely. */
export const canFork = process.platform === "linux";

/** Libraries read them while they are imported: a worker that is to be forked has the same. */
export const forkedVariables = { OMP_NUM_THREADS: "1", HF_HUB_OFFLINE: "1" };

export async function startForkServer(python: string): Promise<ForkServer> {
	const folder = mkdtempSync(join(tmpdir(), "captune-fork-server-"));
	const address = join(folder, "socket");
	const client = join(folder, "python");
	const asked = [python, "-IS", script, "ask", address, python].map(quoted);
	writeFileSync(client, `#!/bin/sh\nexec ${asked.join(" ")} "$@"\n`, {
		mode: 0o755,
	});
	const server = execa(
		python,
		["-I", "-u", script, "serve", address, workerCode],
		{ stdin: "pipe", stderr: "inherit", buffer: false, env: forkedVariables },
	);
	await Promise.race([once(server.stdout, "data"), server]);
	return {
		python: client,
		async close() {
			server.stdin.end();
			await server;
			rmSync(folder, { recursive: true });
		},
	};
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
