// Starts the worker process and ends it. What it says over the link is not known here.
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { EnvironmentError } from "../errors.js";
import type { Tracker } from "../spec/spec.generated.js";
import { eachLine } from "./lines.js";
import { workerCode } from "./paths.js";

/** How the process ended. */
export interface WorkerExit {
	readonly exitCode: number | null;
	readonly signal: string | null;
}

export interface WorkerProcess {
	readonly pid: number;
	readonly exited: Promise<WorkerExit>;
	/** Asks, then insists: waits `graceMs` for the exit, sends SIGTERM, waits again, kills. */
	end(graceMs: number): Promise<WorkerExit>;
	/** Ends its standard input: it finishes its step, saves, and waits for nobody. */
	abandon(): void;
	/** Has it print the stack of every thread, also while it cannot run Python. Where there are no signals, nothing. */
	printStacks(): void;
	/** Has it outlive this process, which it says in its beats once it does. */
	detach(): void;
	/** Lets this process end before it does. */
	release(): void;
	/** Does somebody hold it, as with SIGSTOP? False where that cannot be told. */
	isStopped(): boolean;
}

export interface WorkerOptions {
	readonly python: string;
	/** Goes over standard input as one line of JSON; it may hold secrets. */
	readonly bootstrap: unknown;
	readonly onLine: (stream: "stdout" | "stderr", text: string) => void;
	/** Trackers whose variables, keys included, it gets. */
	readonly trackers?: readonly Tracker["kind"][];
	readonly program?: WorkerProgram;
}

/** What Python runs. */
export interface WorkerProgram {
	readonly module: string;
	/** Folder to find it in. */
	readonly code: string;
}

const captuneWorker: WorkerProgram = {
	module: "captune_worker",
	code: workerCode,
};

/** Isolated (`-I`): neither the current folder nor PYTHONPATH can put another module in the worker's place. */
const launcher =
	"import runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_module(sys.argv[2], run_name='__main__', alter_sys=True)";

export async function startWorker({
	python,
	bootstrap,
	onLine,
	trackers = [],
	program = captuneWorker,
}: WorkerOptions): Promise<WorkerProcess> {
	const { execa } = await import("execa");
	// Not detached: Ctrl-C and a notebook's interrupt reach it, and standard input ends with this process.
	const child = execa(
		python,
		["-I", "-u", "-c", launcher, program.code, program.module],
		{
			buffer: false,
			reject: false,
			stdin: "pipe",
			stdout: "pipe",
			stderr: "pipe",
			// The end of its standard input tells it to save; a signal might come to one that was let go.
			cleanup: false,
			env: workerVariables(process.env, trackers),
			extendEnv: false,
		},
	);
	const lines = [
		eachLine(child.stdout, (text) => onLine("stdout", text)),
		eachLine(child.stderr, (text) => onLine("stderr", text)),
	];
	child.stdin.on("error", () => {}); // told by the exit
	child.stdin.write(`${JSON.stringify(bootstrap)}\n`);
	const exited = child.then(async (result): Promise<WorkerExit> => {
		const patience = delay(500, undefined, { ref: false });
		await Promise.race([Promise.all(lines), patience]);
		return {
			exitCode: result.exitCode ?? null,
			signal: result.signal ?? null,
		};
	});
	if (child.pid === undefined) {
		const { shortMessage } = await child;
		throw new EnvironmentError(
			"PYTHON_NOT_FOUND",
			`The worker could not be started with ${python}: ${shortMessage}.`,
		);
	}
	const { pid } = child;
	return {
		pid,
		exited,
		end: (graceMs) =>
			endWithin(graceMs, exited, (signal) => child.kill(signal)),
		abandon() {
			child.stdin.end();
		},
		detach() {
			child.stdin.write("detach\n");
		},
		release() {
			child.stdin.destroy();
			child.stdout.destroy();
			child.stderr.destroy();
			child.unref();
		},
		printStacks() {
			if (process.platform !== "win32") child.kill("SIGUSR2");
		},
		isStopped: () => isStopped(pid),
	};
}

/** Is it held, as by SIGSTOP? */
export function isStopped(pid: number): boolean {
	try {
		return /^State:\s+[Tt]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
}

/** Waits for an exit, and helps it along: with SIGTERM after `graceMs`, with SIGKILL after as long again, 5 s at most. */
export async function endWithin(
	graceMs: number,
	exited: Promise<WorkerExit>,
	kill: (signal: NodeJS.Signals) => void,
): Promise<WorkerExit> {
	const patience = new AbortController();
	void exited.then(() => patience.abort());
	const wait = (ms: number) =>
		delay(ms, undefined, { signal: patience.signal, ref: false }).catch(
			() => {},
		);
	await wait(graceMs);
	if (!patience.signal.aborted) kill("SIGTERM");
	await wait(Math.min(graceMs, 5_000));
	if (!patience.signal.aborted) kill("SIGKILL");
	return exited;
}

/** What a training process may need to know of its surroundings; secrets of other programs stay out of it. */
const passed =
	/^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|TERM|LD_LIBRARY_PATH|DYLD_.*|XDG_CACHE_HOME|SSL_CERT_.*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(HTTPS?|NO|ALL)_PROXY|(https?|no|all)_proxy|CUDA_.*|NVIDIA_.*|NCCL_.*|OMP_.*|MKL_.*|KMP_.*|OPENBLAS_.*|TORCH.*|PYTORCH_.*|TRITON_.*|HF_.*|HUGGINGFACE_.*|TRANSFORMERS_.*|TOKENIZERS_.*|SLURM_.*)$/;

/** What a tracker goes by: its own variables, and where its library looks for keys. */
const passedTo: Readonly<Record<Tracker["kind"], RegExp>> = {
	wandb: /^(WANDB_.*|NETRC|XDG_CONFIG_HOME|XDG_DATA_HOME)$/,
	mlflow: /^(MLFLOW_.*|DATABRICKS_.*|DO_NOT_TRACK)$/,
	tensorboard: /^TENSORBOARD_.*$/,
	trackio: /^TRACKIO_.*$/,
};

function workerVariables(
	all: NodeJS.ProcessEnv,
	trackers: readonly Tracker["kind"][],
): NodeJS.ProcessEnv {
	const patterns = [passed, ...trackers.map((kind) => passedTo[kind])];
	return Object.fromEntries(
		Object.entries(all).filter(([name]) =>
			patterns.some((pattern) => pattern.test(name)),
		),
	);
}
