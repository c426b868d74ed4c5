// The exit codes of the `captune` command: those of sysexits.h where it has one, 128 + signal where a signal ended it.
import { constants } from "node:os";
import { CaptuneError, type ErrorCode } from "../errors.js";

export interface ExitCode {
	readonly code: number;
	readonly name: string;
	readonly meaning: string;
}

/** Every exit code, the one of success first. */
export const exitCodes = [
	{ code: 0, name: "done", meaning: "Everything asked for is done." },
	{
		code: 64,
		name: "usage",
		meaning: "The spec or the command line is not valid.",
	},
	{
		code: 65,
		name: "data",
		meaning: "Data, a model or a metric of yours cannot be used.",
	},
	{
		code: 66,
		name: "no-input",
		meaning: "A spec file, a run folder or data is not there.",
	},
	{
		code: 69,
		name: "unavailable",
		meaning: "Python, a package, worker, device or the hub is not there.",
	},
	{
		code: 70,
		name: "internal",
		meaning: "A fault of captune or of its installation.",
	},
	{
		code: 73,
		name: "no-output",
		meaning: "The output cannot be written, or is there already.",
	},
	{
		code: 75,
		name: "stopped",
		meaning: "Stopped, or in use: `captune resume <folder>` goes on.",
	},
	{
		code: 77,
		name: "forbidden",
		meaning: "The hub's token does not allow it.",
	},
	{
		code: 130,
		name: "interrupted",
		meaning: "Ended at once by Ctrl-C.",
	},
	{ code: 143, name: "terminated", meaning: "Ended at once by SIGTERM." },
] as const satisfies readonly ExitCode[];

type ExitName = (typeof exitCodes)[number]["name"];

/** How a command ends that failed; by every code that an error can carry. */
const endings: Readonly<Record<ErrorCode, ExitName>> = {
	SPEC_INVALID: "usage",
	RUN_COMPLETED: "usage",
	DATA_INVALID: "data",
	DATA_CHANGED: "data",
	MODEL_INVALID: "data",
	METRIC_FAILED: "data",
	NON_FINITE: "data",
	SPEC_NOT_FOUND: "no-input",
	RUN_UNKNOWN: "no-input",
	DATA_NOT_FOUND: "no-input",
	PYTHON_NOT_FOUND: "unavailable",
	PYTHON_TOO_OLD: "unavailable",
	PYTHON_TOO_NEW: "unavailable",
	PYTHON_NO_ENSUREPIP: "unavailable",
	PYTHON_PACKAGES_MISSING: "unavailable",
	PLATFORM_UNSUPPORTED: "unavailable",
	INSTALL_NO_NETWORK: "unavailable",
	INSTALL_FAILED: "unavailable",
	INSPECTION_FAILED: "unavailable",
	DOWNLOAD_FAILED: "unavailable",
	DEVICE_UNAVAILABLE: "unavailable",
	OUT_OF_MEMORY: "unavailable",
	WORKER_START_TIMEOUT: "unavailable",
	WORKER_CRASHED: "unavailable",
	WORKER_STALLED: "unavailable",
	HUB_PUSH_FAILED: "unavailable",
	WORKER_FAILED: "internal",
	PROTOCOL_ERROR: "internal",
	INCOMPATIBLE_PROTOCOL: "internal",
	EXPORT_MISMATCH: "internal",
	MODEL_CLOSED: "internal",
	OUTPUT_UNWRITABLE: "no-output",
	OUTPUT_EXISTS: "no-output",
	DISK_FULL: "no-output",
	INSTALL_NO_SPACE: "no-output",
	RUN_LOCKED: "stopped",
	HUB_FORBIDDEN: "forbidden",
	RUN_DETACHED: "done",
	NOTHING_TO_ATTACH: "stopped",
	CANCELED: "interrupted",
};

/** The code of an ending by its name. */
export const exitCode = (name: ExitName): number =>
	exitCodes.find((one) => one.name === name)?.code as number;

/** How a command ends that failed with an error of this code. */
export const exitCodeOfError = (code: ErrorCode): number =>
	exitCode(endings[code]);

/** How a command ends that failed with this error; what is no error of captune's is a fault of captune. */
export const exitCodeOf = (error: unknown): number =>
	exitCode(
		(CaptuneError.isInstance(error) && endings[error.code]) || "internal",
	);

/** How a command ends that a signal ended. */
export const exitCodeOfSignal = (signal: NodeJS.Signals): number =>
	128 + constants.signals[signal];
