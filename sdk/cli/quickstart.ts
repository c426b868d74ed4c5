// `captune quickstart`: the whole story on the embedded model and drawn airplanes, with nothing to prepare.
import { finetune } from "../finetune.js";
import { inspectEnvironment } from "../inspect/inspect.js";
import { quickstartSpec } from "../recipes/quickstart.js";
import {
	describeEnvironment,
	installPrinter,
} from "../terminal/environment.js";
import { showProgress } from "../terminal/progress.js";
import { summarize } from "../terminal/summary.js";
import { endOnSignals } from "./signals.js";

export interface QuickstartOptions {
	/** Test on pictures drawn with this seed instead of the standard ones. */
	readonly testSeed?: number;
	/** How many of them. */
	readonly testPictures?: number;
	readonly folder?: string;
	readonly python?: string;
	readonly wheels?: string;
}

/** Returns the exit code. */
export async function quickstart({
	testSeed,
	testPictures = 64,
	folder,
	...environment
}: QuickstartOptions): Promise<number> {
	const facts = await inspectEnvironment({
		...environment,
		onProgress: installPrinter(),
		onNotice: (message) => console.log(message),
	});
	console.log(describeEnvironment(facts));
	const spec = quickstartSpec({
		...(testSeed === undefined
			? {}
			: { test: { seed: testSeed, count: testPictures } }),
		...(folder === undefined ? {} : { folder }),
	});
	const run = finetune(spec, environment);
	const signals = endOnSignals(run);
	await showProgress(run);
	const result = await run;
	console.log(`\n${summarize(result)}`);
	return signals.exitCode ?? 0;
}
