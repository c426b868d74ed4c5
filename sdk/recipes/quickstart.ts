// The airplane story on the embedded model, with pictures that are drawn on first use.
import { defineSpec } from "../spec/resolve.js";
import type { Spec } from "../spec/spec.generated.js";

export interface QuickstartSettings {
	/** Other test pictures than the standard sixteen. */
	readonly test?: { readonly seed: number; readonly count: number };
	/** Run folder. */
	readonly folder?: string;
}

export const quickstartSpec = ({
	test,
	folder,
}: QuickstartSettings = {}): Spec =>
	defineSpec({
		name: "quickstart",
		// The whole view shows all there is in pictures of at most 312 pixels.
		model: { nameOrPath: "captune/airplanes-tiny", imageCrops: 1 },
		data: {
			train: { kind: "airplanes", split: "train" },
			validation: { kind: "airplanes", split: "validation" },
			test: { kind: "airplanes", split: "test", ...test },
			prompt:
				"Generate a concise caption for this image, mentioning specific airplane types",
		},
		method: { kind: "lora", rank: 16, alpha: 32 },
		training: {
			epochs: 8,
			batchSize: 6,
			gradientAccumulationSteps: 1,
			learningRate: 2e-3,
			schedule: "cosine",
		},
		evaluation: { kind: "generate", everySteps: 36, shuffledImages: true },
		...(folder === undefined ? {} : { output: { folder } }),
	});
