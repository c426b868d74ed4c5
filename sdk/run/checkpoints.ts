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
	/** Its value of the metric to go by. */
	readonly value: number;
}

export class CheckpointBook {
	readonly #rules: CheckpointRules;
	/** Scores by step, in the order of saving; undefined while there is none, null where it is not finite. */
	readonly #scores = new Map<number, number | null | undefined>();

	constructor(rules: CheckpointRules) {
		this.#rules = rules;
	}

	/** Of equals the earliest. */
	get best(): BestCheckpoint | undefined {
		let best: BestCheckpoint | undefined;
		for (const [step, value] of this.#scores)
			if (typeof value === "number" && this.#isBetter(value, best))
				best = { step, value };
		return best;
	}

	/** The steps whose decision needs nothing any more. */
	get decided(): readonly number[] {
		return [...this.#scores.keys()].filter((step) => this.isDecided(step));
	}

	has(step: number): boolean {
		return this.#scores.has(step);
	}

	isDecided(step: number): boolean {
		return this.#rules.scored
			? this.#scores.get(step) !== undefined
			: this.#scores.has(step);
	}

	/** The score of a checkpoint; undefined while there is none, null where it is not finite. */
	scoreOf(step: number): number | null | undefined {
		return this.#scores.get(step);
	}

	saved(step: number): void {
		this.#scores.set(step, undefined);
	}

	removed(step: number): void {
		this.#scores.delete(step);
	}

	/** Goes back to a checkpoint that is there: what came after it does not count any more. */
	returnTo(step: number): void {
		for (const later of [...this.#scores.keys()].filter((one) => one > step))
			this.#scores.delete(later);
		this.#scores.set(step, this.#scores.get(step));
	}

	/** Forgets every checkpoint. */
	clear(): void {
		this.#scores.clear();
	}

	/** Notes a score; true when it is the best so far. */
	score(step: number, value: number | null): boolean {
		this.#scores.set(step, value);
		return this.best?.step === step;
	}

	/** The steps to remove now: neither the best, nor among the newest, nor one that still waits for its score. */
	prune(): readonly number[] {
		const best = this.best?.step;
		const expendable = [...this.#scores.keys()].filter((step) => step !== best);
		const old = expendable
			.slice(0, Math.max(0, expendable.length - this.#rules.keep))
			.filter((step) => this.isDecided(step));
		for (const step of old) this.#scores.delete(step);
		return old;
	}

	#isBetter(value: number, best: BestCheckpoint | undefined): boolean {
		if (best === undefined) return true;
		return this.#rules.direction === "max"
			? value > best.value
			: value < best.value;
	}
}
