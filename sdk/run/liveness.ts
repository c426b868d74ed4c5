// Is the worker at it? It is told by its beats: that none comes, or that the loop has not moved for too long.
import type { Beat } from "../link/frames.js";
import type { StageEvent } from "./event.generated.js";

/** What a worker is in, as it says itself. */
export type WorkerStage = Exclude<StageEvent["stage"], "install">;

/** For how many milliseconds a worker may say nothing (`silence`), or a stage not get on. */
export type StallTimeouts = Readonly<Record<WorkerStage | "silence", number>>;

/** A worker that has stalled. */
export interface Stall {
	/** No beat came; else beats come, and the stage does not get on. */
	readonly isSilent: boolean;
	/** What it was in, as it last said. */
	readonly stage: string;
	readonly ms: number;
	readonly limitMs: number;
}

/** Between two looks; less where a limit is short. */
const lookEveryMs = 1_000;

/**
 * Watches the beats of one worker. Only time in which this process could listen counts: while its own loop is blocked,
 * or all are suspended together, nothing is held against the worker.
 */
export class Liveness {
	readonly #limits: StallTimeouts;
	readonly #onStall: (stall: Stall) => void;
	readonly #every: number;
	#timer: NodeJS.Timeout | undefined;
	/** Milliseconds of this process's attention so far. */
	#awake = 0;
	#lookedAt = 0;
	#heardAt = 0;
	#stage = "start";
	#stillMs = 0;

	constructor(limits: StallTimeouts, onStall: (stall: Stall) => void) {
		this.#limits = limits;
		this.#onStall = onStall;
		this.#every = Math.min(
			lookEveryMs,
			...Object.values(limits).map((ms) => ms / 4),
		);
	}

	/** The worker has connected. */
	start(): void {
		this.#lookedAt = performance.now();
		this.#timer = setInterval(() => this.#look(), this.#every);
		this.#timer.unref();
	}

	stop(): void {
		clearInterval(this.#timer);
		this.#timer = undefined;
	}

	take({ stage, idleMs }: Beat): void {
		const now = this.#clock();
		const known = stage === this.#stage ? this.#stillMs : 0;
		this.#stillMs = Math.min(idleMs, known + now - this.#heardAt);
		this.#stage = stage;
		this.#heardAt = now;
		const limitMs = this.#limits[stage as WorkerStage] ?? this.#limits.train;
		if (this.#stillMs > limitMs)
			this.#tell({ isSilent: false, stage, ms: this.#stillMs, limitMs });
	}

	#look(): void {
		this.#awake = this.#clock();
		this.#lookedAt = performance.now();
		const ms = this.#awake - this.#heardAt;
		const limitMs = this.#limits.silence;
		if (ms > limitMs)
			this.#tell({ isSilent: true, stage: this.#stage, ms, limitMs });
	}

	#clock(): number {
		const passed = performance.now() - this.#lookedAt;
		return this.#awake + Math.min(passed, 2 * this.#every);
	}

	#tell(stall: Stall): void {
		if (this.#timer === undefined) return;
		this.stop();
		this.#onStall(stall);
	}
}
