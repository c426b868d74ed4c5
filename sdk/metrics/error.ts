// The one error of this room, and the one complaint that all metrics share.

export interface MetricFailure {
	readonly metric: string;
	readonly example: number | null;
	readonly reason: string;
}

/** A metric that could not give a finite number; `cause` is what it threw, when it threw. */
export class MetricError extends Error {
	override readonly name = "MetricError";
	/** The metric's name, as the caller asked for it. */
	readonly metric: string;
	/** Position among the scored examples, from 0; null when no single example is to blame. */
	readonly example: number | null;
	/** What went wrong, without the metric and the example. */
	readonly reason: string;

	constructor({ metric, example, reason }: MetricFailure, cause?: unknown) {
		const place = example === null ? "" : ` at example ${example} (from 0)`;
		super(
			`Metric "${metric}" failed${place}: ${reason}`,
			cause === undefined ? undefined : { cause },
		);
		this.metric = metric;
		this.example = example;
		this.reason = reason;
	}
}

/** An answer compared with nothing has no score; 0 would pull a mean down in silence. */
export function demandReference(
	metric: string,
	references: readonly unknown[],
	example: number | null = null,
): void {
	if (references.length > 0) return;
	throw new MetricError({
		metric,
		example,
		reason: "there is no reference to compare with",
	});
}
