// What a worker prints becomes events of the run, as long as it is not a flood.
import type { EventBody } from "./journal.js";

/** Lines let through at once, and from then on per second. */
const burst = 1_000;
const perSecond = 100;

/**
 * Lets lines through at a pace that a disk and a reader can bear. A flood is left out until there is room for half a
 * burst again, and a warning counts what was left out.
 */
export class LogGate {
	readonly #say: (event: EventBody) => void;
	#room = burst;
	#countedAt = performance.now();
	#leftOut = 0;

	constructor(say: (event: EventBody) => void) {
		this.#say = say;
	}

	take(stream: "stdout" | "stderr", text: string): void {
		const now = performance.now();
		this.#room += ((now - this.#countedAt) / 1_000) * perSecond;
		this.#room = Math.min(this.#room, burst);
		this.#countedAt = now;
		if (this.#leftOut > 0 && this.#room >= burst / 2) this.close();
		if (this.#leftOut > 0 || this.#room < 1) {
			this.#leftOut++;
			return;
		}
		this.#room--;
		this.#say({ type: "log", stream, text });
	}

	/** Tells what was left out so far. */
	close(): void {
		if (this.#leftOut === 0) return;
		this.#say({
			type: "warning",
			code: "LOG_FLOODED",
			message: `The worker printed faster than ${perSecond} lines a second; ${this.#leftOut} lines were left out.`,
			data: { lines: this.#leftOut },
		});
		this.#leftOut = 0;
	}
}
