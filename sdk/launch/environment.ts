// The Python environment of the worker: one that the user gives is checked and never changed; else captune makes its own.
import {
	existsSync,
	mkdirSync,
	rmSync,
	statfsSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CanceledError, EnvironmentError } from "../errors.js";
import {
	type EnvironmentPlaces,
	locateEnvironment,
	type PythonEnvironment,
} from "./locate.js";
import { waitForLock } from "./lock.js";
import { install, type PipOptions, pinPip, planInstall } from "./pip.js";
import type { PythonFacts } from "./python.js";
import type { Requirements } from "./requirements.js";
import { isWhole, markerName } from "./whole.js";

export interface EnvironmentOptions {
	/** An interpreter to use as it is; it must have the packages that python/pyproject.toml names. */
	readonly python?: string;
	/**
	 * Another source of wheels, asked besides the usual one: the URL of an index, or a folder. On a machine without an
	 * NVIDIA driver, an index of CPU-only builds of torch saves gigabytes.
	 */
	readonly wheels?: string;
	/** Extras of python/pyproject.toml that a given interpreter must have too. */
	readonly extras?: readonly string[];
	/** Stops waiting and installing. */
	readonly signal?: AbortSignal;
	readonly onProgress?: (progress: InstallProgress) => void;
	/** Something to know that stops nothing. */
	readonly onNotice?: (message: string) => void;
}

export interface InstallProgress {
	readonly state: "started" | "progress" | "completed";
	readonly doneBytes: number;
	/** Null while it is not known. */
	readonly totalBytes: number | null;
	readonly message: string;
}

/**
 * An environment that is whole and has what the worker needs; made, or repaired, where that must be.
 *
 * @throws {EnvironmentError} saying what was tried and what to do. @throws {CanceledError} when the signal says so.
 */
export async function ensureEnvironment(
	options: EnvironmentOptions = {},
	places: EnvironmentPlaces = {},
): Promise<PythonEnvironment> {
	try {
		return await ensure(options, places);
	} catch (error) {
		const { signal } = options;
		throw signal?.aborted
			? new CanceledError(signal.reason, undefined, "Preparing Python")
			: error;
	}
}

async function ensure(
	options: EnvironmentOptions,
	places: EnvironmentPlaces,
): Promise<PythonEnvironment> {
	const place = await locateEnvironment(options, places);
	if (place.isReady) return { python: place.python, origin: place.origin };
	const { python, folder, base, requirements } = place;
	const lock = await waitForLock(
		`${folder}.lock`,
		(pid) =>
			progress(
				options,
				"progress",
				0,
				null,
				`waiting for process ${pid}, which is installing`,
			),
		options.signal,
	);
	try {
		if (!isWhole(folder)) await make(folder, base, requirements, options);
	} catch (error) {
		rmSync(folder, { recursive: true, force: true });
		throw error;
	} finally {
		lock.release();
	}
	return { python, origin: "captune" };
}

async function make(
	folder: string,
	base: PythonFacts,
	requirements: Requirements,
	options: EnvironmentOptions,
): Promise<void> {
	checkPlatform(base);
	checkVenv(base);
	const isRepair = existsSync(folder);
	progress(
		options,
		"started",
		0,
		null,
		`${isRepair ? "repairing" : "making"} the Python environment at ${folder}`,
	);
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(dirname(folder), { recursive: true });
	checkSpace(dirname(folder), pipBytes);
	await makeVenv(folder, base);
	const pip: PipOptions = {
		python: join(folder, "bin", "python"),
		wheels: options.wheels,
		signal: options.signal,
	};
	await pinPip(requirements, pip);
	const plan = await planInstall(requirements, pip);
	const total = plan.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
	checkSpace(folder, total);
	progress(options, "progress", 0, total, `${plan.length} packages`);
	await install(requirements, plan, pip, (done, message) =>
		progress(options, "progress", Math.min(done, total), total, message),
	);
	writeFileSync(
		join(folder, markerName),
		`${JSON.stringify({ python: base.version, packages: plan.map(({ name }) => name) }, null, 2)}\n`,
	);
	progress(
		options,
		"completed",
		total,
		total,
		"the Python environment is ready",
	);
}

async function makeVenv(folder: string, base: PythonFacts): Promise<void> {
	const { execa } = await import("execa");
	const result = await execa(base.executable, ["-I", "-m", "venv", folder], {
		reject: false,
		all: true,
		stdin: "ignore",
	});
	if (!result.failed) return;
	throw new EnvironmentError(
		"INSTALL_FAILED",
		`The virtual environment ${folder} could not be made: ${result.all.trim().split("\n").at(-1) || result.shortMessage}. Check that the folder can be written, or set CAPTUNE_HOME to another.`,
		{ data: { output: result.all.split("\n").slice(-40) } },
	);
}

/** Debian's python3 comes without what makes environments. */
function checkVenv({ executable, version, hasEnsurepip }: PythonFacts): void {
	if (hasEnsurepip) return;
	throw new EnvironmentError(
		"PYTHON_NO_ENSUREPIP",
		`${executable} (Python ${version}) cannot make virtual environments: its \`venv\` or \`ensurepip\` is missing. On Debian and Ubuntu: apt install python3-venv. Or name another interpreter with CAPTUNE_PYTHON.`,
	);
}

/** torch has wheels for these; elsewhere pip would fail after minutes. */
export function checkPlatform({
	platform,
	machine,
	glibc,
	version,
}: PythonFacts) {
	const isLinux =
		platform === "linux" &&
		["x86_64", "aarch64"].includes(machine) &&
		Number(glibc.split(".")[1] ?? 0) >= 28;
	const isMac = platform === "darwin" && machine === "arm64";
	if (isLinux || isMac) return;
	throw new EnvironmentError(
		"PLATFORM_UNSUPPORTED",
		`torch has no build for ${platform} on ${machine}${glibc === "" && platform === "linux" ? " without glibc" : glibc === "" ? "" : ` with glibc ${glibc}`} (Python ${version}). Needed: Linux with glibc 2.28 or newer on x86_64 or aarch64, or macOS on arm64.`,
	);
}

/** Size of the wheels that a virtual environment begins with; venv does not say when the disk is full. */
const pipBytes = 5e6;

/** Unpacked, packages take nearly five times their wheels; measured 4.6 for the pinned set. */
function checkSpace(folder: string, totalBytes: number): void {
	const needed = totalBytes * 5;
	const { bavail, bsize } = statfsSync(folder);
	if (bavail * bsize >= needed) return;
	throw new EnvironmentError(
		"INSTALL_NO_SPACE",
		`${folder} has ${gigabytes(bavail * bsize)} free, and the Python environment needs about ${gigabytes(needed)}. Free some space, or set CAPTUNE_HOME to a folder on another disk.`,
		{ data: { freeBytes: bavail * bsize, neededBytes: needed } },
	);
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

function progress(
	{ onProgress }: EnvironmentOptions,
	state: InstallProgress["state"],
	doneBytes: number,
	totalBytes: number | null,
	message: string,
): void {
	onProgress?.({ state, doneBytes, totalBytes, message });
}
