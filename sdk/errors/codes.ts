// What every error code means to whoever meets it. `npm run generate` makes the page of it.
import type { ErrorCode } from "../errors.js";

/** Why something happens, and what to do about it; whole sentences, Markdown. */
export interface Explanation {
	readonly cause: string;
	readonly remedy: string;
}

export const errorCodes = {
	SPEC_INVALID: {
		cause:
			"The spec, an option or the command line is not valid. Told at once, with every problem in `issues`; nothing was started.",
		remedy:
			"Each issue names the field, what was found, why it cannot be, and the nearest valid choice. [The spec](../spec/README.md) has every field.",
	},
	SPEC_NOT_FOUND: {
		cause: "The command line was given a spec file that is not there.",
		remedy: "Check the path; `captune schema` shows what a spec file holds.",
	},
	PYTHON_NOT_FOUND: {
		cause:
			"No Python on the `PATH`, or the interpreter that was named does not start.",
		remedy:
			"Install Python 3.11 to 3.14, or name an interpreter with `CAPTUNE_PYTHON` or the option `python`.",
	},
	PYTHON_TOO_OLD: {
		cause: "Python was found, but older than 3.11.",
		remedy: "Install a newer one beside it, or name one.",
	},
	PYTHON_TOO_NEW: {
		cause: "Python was found, but newer than the pinned torch has builds for.",
		remedy: "Install Python 3.11 to 3.14 beside it, or name one.",
	},
	PYTHON_NO_ENSUREPIP: {
		cause:
			"The interpreter cannot make virtual environments: Debian's `python3` comes without `venv`.",
		remedy:
			"`apt install python3-venv`, or name another interpreter with `CAPTUNE_PYTHON`.",
	},
	PYTHON_PACKAGES_MISSING: {
		cause:
			"The interpreter that you named lacks a package, or has a version out of range; captune does not change an interpreter of yours.",
		remedy:
			"Install what `issues` names, each with its range, or let captune make an environment of its own: leave `CAPTUNE_PYTHON` and `python` out.",
	},
	PLATFORM_UNSUPPORTED: {
		cause:
			"torch has no build for this system, or the index has none for this Python.",
		remedy:
			"Use Linux with glibc 2.28 or newer on x86_64 or aarch64, or macOS on arm64; or name a source of wheels with `wheels`.",
	},
	INSTALL_NO_NETWORK: {
		cause: "The package index cannot be reached.",
		remedy:
			"Check network and proxy (`HTTPS_PROXY`), or name another index or a folder of wheels with `wheels`.",
	},
	INSTALL_NO_SPACE: {
		cause: "The disk is too small for the Python environment; checked before.",
		remedy:
			"Free some space, or set `CAPTUNE_HOME` to a folder on another disk.",
	},
	INSTALL_FAILED: {
		cause: "The Python environment could not be made for another reason.",
		remedy: "pip's last words are in `data.output`.",
	},
	INSPECTION_FAILED: {
		cause: "The Python environment gave no answer about itself in time.",
		remedy:
			"`captune doctor` looks at it from outside. If it is broken, delete captune's environment in its cache folder: it is made again.",
	},
	DATA_INVALID: {
		cause:
			"Rows or pictures cannot be used. `issues` name the first 20 rows with file, row, `code` and reason; `data` counts all.",
		remedy:
			'Mend the rows ([their codes](#rows)), or leave them out with `data.onBadRow: "drop"`.',
	},
	DATA_NOT_FOUND: {
		cause:
			"A smoke run has found nothing at a path of the spec, or could not reach the hub for a dataset.",
		remedy:
			"Point the source to a local copy, or let stand-in rows be drawn: `standInRows`, `--stand-in-rows`.",
	},
	MODEL_INVALID: {
		cause:
			"A model or an adapter cannot be used: no such model, files missing, another architecture, or an adapter of another model.",
		remedy:
			"`issues` names what is missing or does not fit. Phi-3-vision and Phi-3.5-vision in the hub's layout are what can be loaded.",
	},
	MODEL_CLOSED: {
		cause: "A model of `loadModel` was asked after it was closed.",
		remedy: "Load it again, or close it later.",
	},
	DOWNLOAD_FAILED: {
		cause: "The files of a model did not arrive from the hub.",
		remedy:
			"Check the network, `HF_TOKEN` for models that ask for it, and `HF_HUB_OFFLINE`; what has come is kept and is not fetched again.",
	},
	DEVICE_UNAVAILABLE: {
		cause:
			"The spec asks for what this machine has not: a CUDA GPU, a flash kernel, 4-bit weights.",
		remedy:
			'Use `"auto"`, or another method, optimizer or attention; the issue names the field.',
	},
	OUTPUT_UNWRITABLE: {
		cause: "A folder to write to cannot be made or written.",
		remedy: "Check its rights, or name another with `output.folder`.",
	},
	OUTPUT_EXISTS: {
		cause: "The folder to write to is not empty; nothing is overwritten.",
		remedy: "Name a new one, or go on with the run in it: `resume(folder)`.",
	},
	RUN_LOCKED: {
		cause: "Another process works in this run folder.",
		remedy: "Wait for it, or end it.",
	},
	RUN_UNKNOWN: {
		cause: "The folder holds no run, or none of the kind that is needed.",
		remedy: "Check the path; `captune runs` lists runs.",
	},
	RUN_COMPLETED: {
		cause: "The run is completed; there is nothing to go on with.",
		remedy: "Use what it made, or start a new run with more steps.",
	},
	DATA_CHANGED: {
		cause:
			"On resuming, the training rows are not those that the run began with.",
		remedy: "Bring the old ones back, or start a new run.",
	},
	OUT_OF_MEMORY: {
		cause:
			"Memory does not hold a single example, or one question to a loaded model, even in the smallest parts.",
		remedy:
			"Lower `model.imageCrops` or `data.maxTokens`, leave `training.gradientCheckpointing` at `auto`, or use the method `qlora`. `data.fits` tells what would fit.",
	},
	NON_FINITE: {
		cause:
			'Loss or gradients of a step are not finite, and `training.onNonFinite` is `"stop"`.',
		remedy:
			'Lower `training.learningRate` or `training.maxGradNorm`, look at the rows of that step, or set it to `"skip"`.',
	},
	DISK_FULL: {
		cause: "The disk is full. What was half written is removed.",
		remedy: "Free some space, or write to another disk.",
	},
	EXPORT_MISMATCH: {
		cause:
			"The exported model does not answer as the adapter does, so it was not kept.",
		remedy:
			"Check that the base model is the one that was trained on; the form `adapter` needs no merging.",
	},
	HUB_FORBIDDEN: {
		cause:
			"The hub's token is missing or does not allow it, or a repository is public that must be private.",
		remedy:
			"Set `HF_TOKEN` to a token that may write there; for a public repository say `private: false`.",
	},
	HUB_PUSH_FAILED: {
		cause: "A push to the hub failed on the way. Nothing local is lost.",
		remedy: "`pushToHub(folder)` does it again.",
	},
	METRIC_FAILED: {
		cause:
			"A metric of yours threw, or returned what is no finite number. The error of yours is its `cause`.",
		remedy: "Mend it and go on: `resume(folder, { metrics })`.",
	},
	WORKER_START_TIMEOUT: {
		cause:
			"The worker process lives but has not connected within `startTimeoutMs`.",
		remedy:
			"On a slow disk or a busy machine raise `startTimeoutMs`; `data.stderr` has its last lines.",
	},
	WORKER_CRASHED: {
		cause:
			"The worker process ended without a word: killed for memory, by somebody, or by a fault in native code.",
		remedy:
			"`data` has exit code, signal and last lines. `resume(folder)` goes on from the last checkpoint.",
	},
	WORKER_STALLED: {
		cause:
			"The worker's process lives, but its work has not moved for longer than `stallTimeoutMs` allows in that stage; it was killed. `traceback` says where it stood.",
		remedy:
			"`resume(folder)` goes on from the last checkpoint. Raise `stallTimeoutMs` for a stage that honestly takes so long.",
	},
	WORKER_FAILED: {
		cause:
			"A fault in the worker that nobody foresaw; `traceback` is Python's.",
		remedy:
			"Report it with the traceback. `resume(folder)` goes on from the last checkpoint.",
	},
	INCOMPATIBLE_PROTOCOL: {
		cause:
			"The worker speaks another version of the protocol than the SDK: two versions of captune have met.",
		remedy: "Use one version for both.",
	},
	PROTOCOL_ERROR: {
		cause: "SDK or worker got a message that the schemas do not know.",
		remedy: "Report it; `resume(folder)` goes on from the last checkpoint.",
	},
	RUN_DETACHED: {
		cause:
			"`detach()` was called: the run goes on without this process, which is not told how it ends.",
		remedy: "None needed. `attach(folder)` comes back to it, from any process.",
	},
	NOTHING_TO_ATTACH: {
		cause:
			"No detached worker trains in the folder, and none has ended there since somebody last looked: the run was never detached, or its worker was killed.",
		remedy: "`resume(folder)` goes on from the last checkpoint.",
	},
	CANCELED: {
		cause:
			"You canceled: `cancel()`, an `AbortSignal`, the end of an `await using` block, Ctrl-C.",
		remedy:
			"None needed. `stop()` ends a run with its last step saved and scored; `resume(folder)` goes on.",
	},
} as const satisfies Readonly<Record<ErrorCode, Explanation>>;
