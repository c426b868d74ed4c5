// The airplane recipe on the machine at hand: three steps, an evaluation, a kill, a resume, one more step; then other
// methods. `npx tsx test/bench/recipe.ts MODEL FOLDER`: MODEL is a hub id or folder, FOLDER gets runs and results.json.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
	airplanesSpec,
	CaptuneError,
	type FinetuneRun,
	finetune,
	type RunEvent,
	resume,
	type Spec,
} from "../../sdk/index.js";

const [model, folder] = process.argv.slice(2);
if (model === undefined || folder === undefined)
	throw new Error("usage: recipe.ts MODEL FOLDER");
mkdirSync(folder, { recursive: true });

/** The recipe with nothing changed but model and data, and cut short. */
function recipe(name: string, steps: number): Spec {
	const spec = airplanesSpec({
		nameOrPath: model as string,
		data: {
			train: { kind: "airplanes", split: "train" },
			validation: { kind: "airplanes", split: "validation" },
			test: { kind: "airplanes", split: "test" },
		},
		folder: join(folder as string, name),
	});
	return {
		...spec,
		training: { ...spec.training, maxSteps: steps },
		evaluation: { kind: "generate", ...spec.evaluation, everySteps: 3 },
	};
}

/** The numbers of an attempt. */
interface Facts {
	readonly resolved: unknown[];
	readonly kernels: string[];
	readonly steps: unknown[];
	readonly scores: unknown[];
	readonly warnings: string[];
	readonly seconds: Record<string, number>;
	end: string;
}

/** Follows a run to its end; `onEvent` may interfere. */
async function follow(
	run: FinetuneRun,
	onEvent: (event: RunEvent) => void = () => {},
): Promise<Facts> {
	const facts: Facts = {
		resolved: [],
		kernels: [],
		steps: [],
		scores: [],
		warnings: [],
		seconds: {},
		end: "",
	};
	const started = Date.now();
	try {
		for await (const event of run) {
			onEvent(event);
			note(event, facts, started);
		}
		facts.end = (await run).status;
	} catch (error) {
		if (!CaptuneError.isInstance(error)) throw error;
		facts.end = `${error.code}: ${error.message}`;
	}
	return facts;
}

function note(event: RunEvent, facts: Facts, started: number): void {
	const { runId, attempt, seq, time, ...rest } = event;
	if (event.type === "resolved") facts.resolved.push(rest);
	if (event.type === "model")
		facts.kernels.push(event.attention, event.evaluationAttention ?? "none");
	if (event.type === "step") facts.steps.push(rest);
	if (event.type === "score")
		facts.scores.push([event.evaluationId, event.values]);
	if (event.type === "warning")
		facts.warnings.push(`${event.code}: ${event.message}`);
	if (event.type === "stage" && event.state === "completed")
		facts.seconds[event.stage] = (time - started) / 1000;
}

const results: Record<string, unknown> = {};

async function record(name: string, work: () => Promise<unknown>) {
	results[name] = await work();
	writeFileSync(
		join(folder as string, "results.json"),
		`${JSON.stringify(results, null, 1)}\n`,
	);
	console.log(name, JSON.stringify(results[name]).slice(0, 600));
}

let pid = 0;
let onGpu = false;
const first = finetune(recipe("recipe", 4));
await record("until the kill", () =>
	follow(first, (event) => {
		if (event.type === "ready") {
			pid = event.pid;
			onGpu = event.device.kind === "cuda";
		}
		if (event.type === "score" && event.step === 3)
			process.kill(pid, "SIGKILL");
	}),
);
await record("resumed", () => follow(resume(first.folder)));

const { method, ...rest } = recipe("dora", 2);
const quick = {
	kind: "teacherForced",
	everySteps: 2,
	maxExamples: 4,
} as const;
const adapters = { rank: 16, alpha: 32, dropout: 0.1 } as const;
await record("dora", () =>
	follow(
		finetune({
			...rest,
			method: { kind: "lora", dora: true, ...adapters },
			evaluation: quick,
		}),
	),
);
if (onGpu) {
	await record("qlora, adamw_8bit", () =>
		follow(
			finetune({
				...rest,
				method: { kind: "qlora", ...adapters },
				training: { ...rest.training, optimizer: "adamw_8bit" },
				evaluation: quick,
				output: { folder: join(folder, "qlora") },
			}),
		),
	);
	// More than a card of 80 GB holds: it has to be cut, in the same order of examples.
	await record("out of memory", () =>
		follow(
			finetune({
				...rest,
				method: { kind: "lora", ...adapters },
				training: {
					...rest.training,
					maxSteps: 1,
					gradientAccumulationSteps: 24,
					combineMicroBatches: true,
					gradientCheckpointing: false,
				},
				evaluation: quick,
				output: { folder: join(folder, "memory") },
			}),
		),
	);
}
