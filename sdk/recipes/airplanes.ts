// The airplane captions with every setting of the well-known recipe written out: a copy to start from.
import { defineSpec } from "../spec/resolve.js";
import type { DataSpec, DatasetSource, Spec } from "../spec/spec.generated.js";

/** What differs from one use of the recipe to the next. */
export interface AirplanesSettings {
	/** Hub id or folder; Phi-3-vision when left out. */
	readonly nameOrPath?: string;
	/** Other sources than the hub's aircraft pictures. */
	readonly data?: Pick<DataSpec, "train" | "validation" | "test" | "columns">;
	/** Run folder. */
	readonly folder?: string;
	/** Trackers; the recipe's own is `[{ kind: "wandb", project: "..." }]`. */
	readonly tracking?: NonNullable<Spec["tracking"]>;
}

/** Pictures of four Boeings, as the recipe chooses them: 108 to train on, 28 to validate, 16 to test. */
export const boeings: NonNullable<AirplanesSettings["data"]> = {
	train: pictures("train"),
	validation: { kind: "split", fraction: 0.2, seed: 42 },
	test: pictures("test"),
	columns: { answer: "clip_tags_ViT_L_14" },
};

export const airplanesSpec = ({
	nameOrPath = "microsoft/Phi-3-vision-128k-instruct",
	data = boeings,
	folder,
	tracking = [],
}: AirplanesSettings = {}): Spec =>
	defineSpec({
		name: "airplane-captions",
		model: { nameOrPath, dtype: "auto", attention: "auto" },
		data: {
			...data,
			prompt:
				"Generate a concise caption for this image, mentioning specific airplane types",
		},
		method: {
			kind: "lora",
			rank: 16,
			alpha: 32,
			dropout: 0.1,
			targetModules: "language",
			bias: "none",
		},
		training: {
			epochs: 4,
			batchSize: 1,
			gradientAccumulationSteps: 6,
			optimizer: "adamw",
			learningRate: 1e-4,
			schedule: "constant",
			warmupRatio: 0.1,
			weightDecay: 0.01,
			maxGradNorm: 1,
			loggingSteps: 10,
			// The recipe always recomputes; the gradients are the same where memory lets it be.
			gradientCheckpointing: "auto",
		},
		evaluation: {
			kind: "generate",
			everySteps: 10,
			best: { metric: "rouge1" },
		},
		checkpoints: { keep: 2 },
		tracking,
		...(folder === undefined ? {} : { output: { folder } }),
	});

function pictures(split: "train" | "test"): DatasetSource {
	return {
		kind: "dataset",
		nameOrPath: `Multimodal-Fatima/FGVC_Aircraft_${split}`,
		split,
		filters: [
			{
				column: "clip_tags_ViT_L_14",
				includesAny: ["boeing 707", "boeing 737", "boeing 777", "boeing 787"],
			},
		],
	};
}
