// The evaluation that a worker makes at its end, made again for weights that were found the best after it.
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { RunEvent } from "./event.generated.js";
import type { SessionOptions } from "./session.js";
import { EventStream } from "./stream.js";

export interface Conducting {
	readonly signal: AbortSignal;
	/** Begins a session of its own. */
	readonly conduct: (
		options: SessionOptions,
		stream: EventStream,
	) => { conduct(): Promise<unknown>; cancel(reason: unknown): void };
}

/**
 * Evaluates the test split, and where the spec says so both splits with dealt pictures, by a worker of its own. Gives its
 * `predictions` and `evaluation` events; its folder, inside the run's, is gone again.
 */
export async function evaluateKept(
	options: SessionOptions,
	runFolder: string,
	step: number,
	weights: string,
	{ signal, conduct }: Conducting,
): Promise<readonly RunEvent[]> {
	const { data, evaluation } = options.spec;
	if (data.test.kind === "none" && !evaluation.shuffledImages) return [];
	const validation = evaluation.shuffledImages
		? data.validation
		: ({ kind: "none" } as const);
	const { resumes: _, attaches: __, detached: ___, ...rest } = options;
	const folder = join(runFolder, ".evaluation");
	rmSync(folder, { recursive: true, force: true });
	const said: RunEvent[] = [];
	const stream = new EventStream(() => {});
	for (const type of ["predictions", "evaluation"] as const)
		stream.on(type, (event) => {
			if (event.split === "test" || event.images === "shuffled")
				said.push(event);
		});
	const session = conduct(
		{
			...rest,
			spec: {
				...options.spec,
				data: { ...data, validation },
				tracking: [],
			},
			rows: {},
			folder,
			task: { kind: "evaluate", weights, step },
		},
		stream,
	);
	const onAbort = () => session.cancel(signal.reason);
	signal.addEventListener("abort", onAbort);
	try {
		await session.conduct();
		return said;
	} finally {
		signal.removeEventListener("abort", onAbort);
		rmSync(folder, { recursive: true, force: true });
	}
}
