// A score that comes late may choose another checkpoint than the worker kept: its weights take the place of those.
import {
	copyFileSync,
	mkdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** Of what a checkpoint holds beside weights; python/captune_worker/checkpoint.py writes both. */
const stateFiles = ["state.json", "state.safetensors"];
const manifestFile = "manifest.json";

interface Manifest {
	readonly version: number;
	/** Size and SHA-256 by name. */
	readonly files: Readonly<Record<string, unknown>>;
}

/** The folder of the checkpoint of a step. */
export const checkpointFolder = (runFolder: string, step: number): string =>
	join(runFolder, "checkpoints", `step-${String(step).padStart(6, "0")}`);

/** Replaces the folder `weights` by the weights of a checkpoint; it is never half of both. */
export function promote(checkpoint: string, weights: string): void {
	const partial = join(dirname(weights), ".promoted.partial");
	rmSync(partial, { recursive: true, force: true });
	mkdirSync(partial);
	const manifest: Manifest = JSON.parse(
		readFileSync(join(checkpoint, manifestFile), "utf8"),
	);
	const files = Object.fromEntries(
		Object.entries(manifest.files).filter(
			([name]) => !stateFiles.includes(name),
		),
	);
	for (const name of Object.keys(files)) {
		const target = join(partial, name);
		mkdirSync(dirname(target), { recursive: true });
		copyFileSync(join(checkpoint, name), target);
	}
	writeFileSync(
		join(partial, manifestFile),
		JSON.stringify({ ...manifest, files }, null, 1),
	);
	rmSync(weights, { recursive: true, force: true });
	renameSync(partial, weights);
}
