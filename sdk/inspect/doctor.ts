// doctor(): everything that a run would need, found out in seconds, without installing or importing anything.
import { statfs } from "node:fs/promises";
import { availableParallelism, freemem, totalmem } from "node:os";
import type { EnvironmentOptions } from "../launch/environment.js";
import { cacheFolder } from "../launch/paths.js";
import { probeGraphics } from "./graphics.js";
import { existingFolder, hubCache, probeHub } from "./hub-access.js";
import { probePythonSide } from "./python-side.js";

/** One thing that was looked at. */
export interface Finding {
	readonly name: string;
	/** `warning`: works, but not for everything; `problem`: a run would fail. */
	readonly status: "ok" | "warning" | "problem";
	/** What was found. */
	readonly value: string;
	/** What to do about it. */
	readonly remedy?: string;
}

export interface DoctorOptions
	extends Pick<EnvironmentOptions, "python" | "wheels"> {
	/** Folder that runs go to. Default: the current one. */
	readonly folder?: string;
	/** How long each look may take. Default: 4,000 ms. */
	readonly timeoutMs?: number;
}

/**
 * Looks at Python, its packages, GPU and driver, disk, memory and the hub. Answers also where nothing is installed, and
 * always in about `timeoutMs`: what gives no answer until then is a warning of its own.
 */
export async function doctor({
	folder = process.cwd(),
	timeoutMs = 4_000,
	...environment
}: DoctorOptions = {}): Promise<readonly Finding[]> {
	const signal = AbortSignal.timeout(timeoutMs);
	const inTime = (
		name: string,
		look: Promise<readonly Finding[]>,
	): Promise<readonly Finding[]> =>
		within(look, signal).catch((error: Error) => {
			const isLate = signal.aborted || error.name === "TimeoutError";
			const value = isLate
				? "no answer in time"
				: `not known: ${error.message}`;
			return [{ name, status: "warning", value }];
		});
	// Sooner, so that Python's side can be told without it.
	const sooner = AbortSignal.timeout(0.7 * timeoutMs);
	const graphics = within(probeGraphics(sooner), sooner);
	const python = probePythonSide(environment, graphics, signal);
	const interpreter = python.then(
		({ interpreter }) => interpreter,
		() => null,
	);
	const findings = await Promise.all([
		[nodeFinding()],
		inTime(
			"python",
			python.then(({ findings }) => findings),
		),
		inTime(
			"gpu",
			graphics.then(({ findings }) => findings),
		),
		[memoryFinding()],
		inTime("disk", diskFindings(folder)),
		inTime("hub", probeHub(interpreter, signal)),
	]);
	return findings.flat();
}

/** A process that was told to end may leave a child that holds its output open: that is not waited for. */
const within = <Value>(
	look: Promise<Value>,
	signal: AbortSignal,
): Promise<Value> =>
	Promise.race([
		look,
		new Promise<never>((_, reject) =>
			signal.addEventListener("abort", () => reject(signal.reason)),
		),
	]);

const nodeFinding = (): Finding => ({
	name: "node",
	status: "ok",
	value: `${process.versions.node} on ${process.platform} ${process.arch}`,
});

const gigabyte = 1e9;

/** Half-precision weights of Phi-3-vision are 8.3 GB; the embedded model trains in less than 2 GB, torch included. */
const memoryFor = { large: 12 * gigabyte, embedded: 2 * gigabyte };

function memoryFinding(): Finding {
	const limit = process.constrainedMemory();
	// Without a limit of the container, Node gives 0 or a number above all there is.
	const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
	const free = Math.min(freemem(), total);
	const value = `${inGigabytes(total)} GB, ${inGigabytes(free)} GB of it free; ${availableParallelism()} cores`;
	if (total < memoryFor.embedded)
		return {
			name: "memory",
			status: "problem",
			value,
			remedy: "Even the embedded model needs about 2 GB.",
		};
	return total < memoryFor.large
		? {
				name: "memory",
				status: "warning",
				value,
				remedy:
					"Enough for the embedded model; Phi-3-vision takes about 12 GB while it is loaded.",
			}
		: { name: "memory", status: "ok", value };
}

async function diskFindings(folder: string): Promise<readonly Finding[]> {
	const places = [
		["disk of runs", folder, 1, "Choose another output.folder."],
		[
			"disk of captune",
			cacheFolder(),
			2,
			"CAPTUNE_HOME names another folder for environments and prepared pictures.",
		],
		[
			"disk of models",
			hubCache(),
			10,
			"HF_HOME names another folder; Phi-3-vision takes 8.3 GB.",
		],
	] as const;
	return Promise.all(
		places.map(async ([name, path, wanted, remedy]): Promise<Finding> => {
			const { bavail, bsize } = await statfs(existingFolder(path));
			const free = bavail * bsize;
			const value = `${inGigabytes(free)} GB free at ${path}`;
			if (free < 0.1 * gigabyte)
				return { name, status: "problem", value, remedy };
			return free < wanted * gigabyte
				? { name, status: "warning", value, remedy }
				: { name, status: "ok", value };
		}),
	);
}

const inGigabytes = (bytes: number): string => (bytes / gigabyte).toFixed(1);
