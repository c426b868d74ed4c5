// Short runs of the embedded model on drawn airplanes, with the real worker.
import { join } from "node:path";
import type { Spec } from "../../sdk/index.js";
import { temporaryFolder } from "./folders.js";

const drawn = (split: "train" | "validation" | "test", count: number) =>
	({ kind: "airplanes", split, seed: 11, count }) as const;

/** Four steps on twelve pictures, seen whole, evaluated twice, without a page; parts of it may be replaced. */
export function shortSpec(changes: Partial<Spec> = {}): Spec {
	return {
		model: { nameOrPath: "captune/airplanes-tiny", imageCrops: 1 },
		data: {
			train: drawn("train", 12),
			validation: drawn("validation", 4),
			test: drawn("test", 4),
		},
		training: {
			maxSteps: 4,
			batchSize: 3,
			gradientAccumulationSteps: 1,
			learningRate: 1e-3,
		},
		evaluation: { kind: "generate", everySteps: 2, maxNewTokens: 32 },
		output: { folder: join(temporaryFolder(), "run"), report: false },
		...changes,
	};
}
