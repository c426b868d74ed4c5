// Runs whose worker is the torch-free puppet of test/fixtures: real link, real process, a plan instead of a model.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { OwnMetric } from "../../sdk/metrics/index.js";
import { type FinetuneOptions, processOptions } from "../../sdk/options.js";
import { type FinetuneRun, startRun } from "../../sdk/run/run.js";
import { demandAttachable, readUnfinished } from "../../sdk/run/unfinished.js";
import { resolveSpec } from "../../sdk/spec/resolve.js";
import type { EarlyStoppingSpec, Spec } from "../../sdk/spec/spec.generated.js";
import { temporaryFolder } from "./folders.js";
import { testPython } from "./python.js";

export const puppetProgram = {
	module: "puppet",
	code: fileURLToPath(new URL("../fixtures", import.meta.url)),
};

/** What the puppet does; its defaults are in test/fixtures/puppet. */
export interface Plan {
	readonly steps?: number;
	readonly stepMs?: number;
	readonly evaluateEvery?: number;
	readonly answers?: readonly string[];
	readonly crashAt?: number;
	readonly printLine?: string;
	readonly printVariables?: readonly string[];
	readonly foreignEvent?: boolean;
	readonly tellCost?: boolean;
	readonly load?: number;
	/** Something goes wrong; what, is told in test/fixtures/puppet/faults.py. */
	readonly fault?: string;
	/** After which step, or before the first. */
	readonly faultAt?: number;
}

export interface PuppetOptions {
	readonly signal?: AbortSignal;
	readonly metrics?: Readonly<Record<string, OwnMetric>>;
	readonly metric?: string;
	readonly keep?: number;
	readonly earlyStopping?: EarlyStoppingSpec;
	readonly tracking?: Spec["tracking"];
	readonly folder?: string;
	readonly detached?: boolean;
	readonly graceMs?: number;
	readonly startTimeoutMs?: number;
	readonly stallTimeoutMs?: FinetuneOptions["stallTimeoutMs"];
	/** A module of test/fixtures to run instead. */
	readonly module?: string;
}

export function puppetRun(
	plan: Plan,
	{
		signal,
		metrics = {},
		metric = "rouge1",
		keep = 1,
		earlyStopping,
		tracking = [],
		folder = join(temporaryFolder(), "run"),
		detached = false,
		graceMs = 3_000,
		startTimeoutMs = 20_000,
		stallTimeoutMs = {},
		module = "puppet",
	}: PuppetOptions = {},
): FinetuneRun {
	const spec = resolveSpec(
		{
			name: JSON.stringify(plan),
			model: { nameOrPath: "none" },
			data: {
				train: { kind: "jsonl", path: "none" },
				...(plan.evaluateEvery
					? { validation: { kind: "jsonl", path: "none" } }
					: {}),
			},
			...(plan.evaluateEvery
				? {
						evaluation: {
							kind: "generate",
							metrics: [metric],
							best: { metric },
							...(earlyStopping ? { earlyStopping } : {}),
						} as const,
					}
				: {}),
			checkpoints: { keep },
			tracking,
		},
		{ metrics: Object.keys(metrics) },
	);
	return startRun(
		{
			...processOptions({ metrics, startTimeoutMs, graceMs, stallTimeoutMs }),
			runId: "puppet-run",
			spec,
			folder,
			detached,
			python: testPython,
			program: { ...puppetProgram, module },
		},
		signal,
	);
}

/** What `attach` does, with a puppet as the worker. */
export function attachPuppet(
	runFolder: string,
	{
		from = 1,
		signal,
		metrics = {},
		graceMs = 3_000,
		startTimeoutMs = 20_000,
	}: Pick<
		PuppetOptions,
		"signal" | "metrics" | "graceMs" | "startTimeoutMs"
	> & { readonly from?: number } = {},
): FinetuneRun {
	const unfinished = readUnfinished(runFolder, metrics);
	demandAttachable(unfinished.folder);
	return startRun(
		{
			...processOptions({ metrics, startTimeoutMs, graceMs }),
			...unfinished,
			attaches: true,
			replayFrom: from,
			python: testPython,
			program: puppetProgram,
		},
		signal,
	);
}

/** What `resume` does, with a puppet as the worker. */
export function resumePuppet(
	runFolder: string,
	{
		signal,
		metrics = {},
		graceMs = 3_000,
		startTimeoutMs = 20_000,
		stallTimeoutMs = {},
		module = "puppet",
	}: Omit<
		PuppetOptions,
		"metric" | "keep" | "earlyStopping" | "tracking" | "folder"
	> = {},
): FinetuneRun {
	return startRun(
		{
			...processOptions({ metrics, startTimeoutMs, graceMs, stallTimeoutMs }),
			...readUnfinished(runFolder, metrics),
			python: testPython,
			program: { ...puppetProgram, module },
		},
		signal,
	);
}
