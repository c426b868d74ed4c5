// A point that is reached once, and can be waited for.
export class Milestone {
	readonly reached: Promise<void>;
	#resolve: () => void = () => {};
	#isReached = false;

	constructor() {
		this.reached = new Promise((resolve) => {
			this.#resolve = resolve;
		});
	}

	get isReached(): boolean {
		return this.#isReached;
	}

	reach(): void {
		this.#isReached = true;
		this.#resolve();
	}
}
