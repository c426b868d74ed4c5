// Which checkpoint is the best, and which may go. Pure: it knows steps and numbers, no files.

export interface CheckpointRules {
	readonly direction: "max" | "min";
	/** How many to keep besides the best. */
	readonly keep: number;
	/** Will every checkpoint get a score? Without a validation split none does. */
	readonly scored: boolean;
}

export interface BestCheckpoint {
	readonly step: number;
	readonly value: number;
}

export class CheckpointBook {
	readonly #rules: CheckpointRules;
	/** Scores by step, in the order of saving; undefined while there is none, null where it is not finite. */
	readonly #scores = new Map<number, number | null | undefined>();
	#best: BestCheckpoint | undefined;

	constructor(rules: CheckpointRules) {
		this.#rules = rules;
	}

	get best(): BestCheckpoint | undefined {
		return this.#best;
	}

	saved(step: number): void {
		this.#scores.set(step, undefined);
	}

	/** Notes a score; true when it is the best so far. Of equals the earlier one stays the best. */
	score(step: number, value: number | null): boolean {
		this.#scores.set(step, value);
		if (value === null || !this.#isBetter(value)) return false;
		this.#best = { step, value };
		return true;
	}

	/** The steps to remove now: neither the best, nor among the newest, nor one that still waits for its score. */
	prune(): readonly number[] {
		const expendable = [...this.#scores.keys()].filter(
			(step) => step !== this.#best?.step,
		);
		const old = expendable
			.slice(0, Math.max(0, expendable.length - this.#rules.keep))
			.filter(
				(step) => !this.#rules.scored || this.#scores.get(step) !== undefined,
			);
		for (const step of old) this.#scores.delete(step);
		return old;
	}

	#isBetter(value: number): boolean {
		if (this.#best === undefined) return true;
		return this.#rules.direction === "max"
			? value > this.#best.value
			: value < this.#best.value;
	}
}
