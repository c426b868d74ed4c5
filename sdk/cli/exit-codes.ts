// The exit codes of the `captune` command: sysexits.h where it has one, 128 + signal where a signal ended it.
import { constants } from "node:os";
import { CaptuneError, type ErrorCode } from "../errors.js";

export interface ExitCode {
	readonly code: number;
	readonly name: string;
	readonly meaning: string;
	/** Errors that end so. */
	readonly errors: readonly ErrorCode[];
}

/** Every exit code, the one of success first. */
export const exitCodes: readonly ExitCode[] = [
	{
		code: 0,
		name: "done",
		meaning: "Everything asked for is done.",
		errors: [],
	},
	{
		code: 64,
		name: "usage",
		meaning: "The spec or the command line is not valid.",
		errors: ["SPEC_INVALID", "RUN_COMPLETED"],
	},
	{
		code: 65,
		name: "data",
		meaning: "Data, a model or a metric of yours cannot be used.",
		errors: [
			"DATA_INVALID",
			"DATA_CHANGED",
			"MODEL_INVALID",
			"METRIC_FAILED",
			"NON_FINITE",
		],
	},
	{
		code: 66,
		name: "no input",
		meaning: "A spec file or a run folder is not there.",
		errors: ["SPEC_NOT_FOUND", "RUN_UNKNOWN"],
	},
	{
		code: 69,
		name: "unavailable",
		meaning: "Python, a package, the worker, a device or the hub is not there.",
		errors: [
			"PYTHON_NOT_FOUND",
			"PYTHON_TOO_OLD",
			"PYTHON_TOO_NEW",
			"PYTHON_NO_ENSUREPIP",
			"PYTHON_PACKAGES_MISSING",
			"PLATFORM_UNSUPPORTED",
			"INSTALL_NO_NETWORK",
			"INSTALL_FAILED",
			"INSPECTION_FAILED",
			"DOWNLOAD_FAILED",
			"DEVICE_UNAVAILABLE",
			"OUT_OF_MEMORY",
			"WORKER_START_TIMEOUT",
			"WORKER_CRASHED",
			"HUB_PUSH_FAILED",
		],
	},
	{
		code: 70,
		name: "internal",
		meaning: "A fault of captune itself; --verbose shows where.",
		errors: [
			"WORKER_FAILED",
			"PROTOCOL_ERROR",
			"INCOMPATIBLE_PROTOCOL",
			"EXPORT_MISMATCH",
			"MODEL_CLOSED",
		],
	},
	{
		code: 73,
		name: "no output",
		meaning: "What is to be written cannot be: no right, no space, or there.",
		errors: [
			"OUTPUT_UNWRITABLE",
			"OUTPUT_EXISTS",
			"DISK_FULL",
			"INSTALL_NO_SPACE",
		],
	},
	{
		code: 75,
		name: "stopped",
		meaning: "Stopped, or in use: `captune resume <folder>` goes on.",
		errors: ["RUN_LOCKED"],
	},
	{
		code: 77,
		name: "forbidden",
		meaning: "The hub's token does not allow it.",
		errors: ["HUB_FORBIDDEN"],
	},
	{
		code: 130,
		name: "interrupted",
		meaning: "Ended at once by Ctrl-C, with nothing more saved.",
		errors: ["CANCELED"],
	},
	{
		code: 143,
		name: "terminated",
		meaning: "The same, by SIGTERM.",
		errors: [],
	},
];

export const exitDone = 0;
export const exitUnavailable = 69;
export const exitInternal = 70;
export const exitStopped = 75;

/** How a command ends that failed with this error; what is no error of captune's is a fault of captune. */
export function exitCodeOf(error: unknown): number {
	if (!CaptuneError.isInstance(error)) return exitInternal;
	const found = exitCodes.find(({ errors }) => errors.includes(error.code));
	return found?.code ?? exitInternal;
}

/** How a command ends that a signal ended. */
export const exitCodeOfSignal = (signal: NodeJS.Signals): number =>
	128 + constants.signals[signal];
