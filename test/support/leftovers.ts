// What a test file leaves behind: processes that still live, files in its temporary folder. Each file has a temporary
// folder of its own, by which its processes, those of a worker included, are told from everybody else's.
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Time for a process to end by itself after the one that it worked for. */
const patienceMs = 5_000;
/** What its owner never removes: caches, and folders of wandb. */
const caches =
	/^(tsx-|node-compile-cache|torchinductor_)|wandb-(artifacts|media)$/;

export class Surroundings {
	/** What the tests get as `TMPDIR`. */
	readonly folder = mkdtempSync(join(tmpdir(), "captune-tests-"));

	/** Of the environment of what runs in them. */
	readonly variables: Readonly<Record<string, string>> = {
		TMPDIR: this.folder,
		// Lanes share the processor; threads that wait for one another would take it from both.
		OMP_NUM_THREADS: "1",
		// What is imported again and again is compiled once.
		PYTHONDONTWRITEBYTECODE: "",
		NO_COLOR: "1",
		FORCE_COLOR: "0",
	};

	constructor() {
		// One cache of compiled modules for all: compiling them anew takes a second per process.
		const cache = `tsx-${process.getuid?.() ?? ""}`;
		mkdirSync(join(tmpdir(), cache), { recursive: true });
		symlinkSync(join(tmpdir(), cache), join(this.folder, cache));
	}

	/** Ends and removes what is left, and names it. */
	async clear(): Promise<string[]> {
		const deadline = Date.now() + patienceMs;
		while (this.#processes().length > 0 && Date.now() < deadline)
			await delay(100);
		const processes = this.#processes();
		for (const { pid } of processes) kill(pid);
		const files = readdirSync(this.folder).filter((name) => !caches.test(name));
		rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
		return [
			...processes.map(({ pid, command }) => `process ${pid}: ${command}`),
			...files.map((name) => `file ${name}`),
		];
	}

	/** Empty where there is no /proc to read. */
	#processes(): { pid: number; command: string }[] {
		if (!existsSync("/proc")) return [];
		const wanted = `TMPDIR=${this.folder}`;
		return readdirSync("/proc")
			.filter((name) => /^\d+$/.test(name))
			.flatMap((pid) => {
				if (!read(pid, "environ").includes(wanted)) return [];
				const command = read(pid, "cmdline").join(" ").trim();
				return [{ pid: Number(pid), command: command.slice(0, 200) }];
			});
	}
}

/** Empty when the process has ended meanwhile, or is somebody else's. */
function read(pid: string, file: string): string[] {
	try {
		return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
	} catch {
		return [];
	}
}

function kill(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch {} // it was faster
}
