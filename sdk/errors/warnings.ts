// What every warning means: something to know that does not stop the run. The event schema names their codes from here.
import type { Explanation } from "./codes.js";

export const warnings = {
	PROJECT_PYTHON_UNUSED: {
		cause:
			"The project's `.venv` lacks what a run needs, so captune used an environment of its own.",
		remedy:
			"None needed. To use yours, install what the message names, or name it with `CAPTUNE_PYTHON`.",
	},
	STRANGER_REFUSED: {
		cause:
			"Another process knocked at the run's port without its key. It learnt nothing.",
		remedy: "None needed; a port scanner does it.",
	},
	LOG_FLOODED: {
		cause:
			"The worker printed faster than lines can be kept; `data.lines` counts those that were left out.",
		remedy: "None needed; look for what prints in a loop.",
	},
	PICTURES_SHARED: {
		cause: "Two splits have pictures in common, so scores will tell too much.",
		remedy: "Take them out of one of the two.",
	},
	ROW_DROPPED: {
		cause:
			'A picture proved damaged when its turn came; under `onBadRow: "drop"` its row is left out from then on.',
		remedy: "Mend it; `dropped.jsonl` in the run folder lists all.",
	},
	OUT_OF_MEMORY: {
		cause:
			"Memory did not hold a step; it is computed in smaller parts, with the same result.",
		remedy:
			"None needed. A new `resolved` event tells what is computed at once.",
	},
	NON_FINITE: {
		cause: "Loss or gradients of a step were not finite; it changed nothing.",
		remedy:
			"If it happens often, lower `training.learningRate` or `training.maxGradNorm`.",
	},
	GRADIENT_MISSING: {
		cause:
			"Trainable parameters got no gradient in the first step: they will not learn.",
		remedy: "Look at `method.targetModules` and `method.modulesToSave`.",
	},
	GRADIENT_NOT_FINITE: {
		cause: "Gradients of the first step are not finite; `data` names them.",
		remedy:
			'Use `model.dtype: "bfloat16"` or `"float32"`, or look at the rows.',
	},
	ATTENTION_CHANGED: {
		cause:
			"torch chose another attention kernel than before, as it does for other shapes or types.",
		remedy: "None needed; times before and after are not comparable.",
	},
	SCORE_LATE: {
		cause:
			"An evaluation was not scored within `evaluation.scoreTimeoutMs`; training went on and its checkpoint is kept.",
		remedy: "None needed. A slow metric of yours is worth a look.",
	},
	BEST_DECIDED_LATE: {
		cause:
			"A score came after the end and another checkpoint proved best; its weights have taken the place of those that were kept, and the test split is evaluated with them; the message says where that failed.",
		remedy:
			"None needed; where it failed, `evaluate(folder)` scores them on the test split.",
	},
	BEST_NOT_KEPT: {
		cause: "The same, but the weights could not be put there.",
		remedy: "They are in the checkpoint that the message names.",
	},
	NO_CHECKPOINT: {
		cause:
			"There is no whole checkpoint to go on from; training begins anew, with the same seed.",
		remedy: "None needed.",
	},
	CHECKPOINT_DAMAGED: {
		cause: "A checkpoint is not as it was written; the one before it is used.",
		remedy: "Check the disk.",
	},
	TRACKER_FAILED: {
		cause: "A tracker failed, hung or lacks a network, and was dropped.",
		remedy: "Mend it; `resume` tells it what it missed.",
	},
	SCORE_UNTRACKED: {
		cause: "Scores came too late for the trackers.",
		remedy: "They are in the run folder; `resume` of a run tells them later.",
	},
	EXPORT_FAILED: {
		cause: "The run is complete, but `merged/` could not be written.",
		remedy: "`exportModel(folder, { folder: ... })` does it again.",
	},
	HUB_PUSH_FAILED: {
		cause: "The run is complete, but the push to the hub failed.",
		remedy: "`pushToHub(folder)` does it again.",
	},
} as const satisfies Readonly<Record<string, Explanation>>;

export type WarningCode = keyof typeof warnings;

export const warningCodes = Object.keys(warnings) as readonly WarningCode[];
