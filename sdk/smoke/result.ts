// What a smoke run finds, check by check.
import { CaptuneError } from "../errors.js";
import type { NotChecked } from "./not-checked.js";

/** What is checked, in this order. */
export type SmokeCheckName =
	| "spec"
	| "environment"
	| "data"
	| "train"
	| "predict"
	| "score"
	| "save"
	| "resume"
	| "reload and generate"
	| "export adapter"
	| "export merged";

/** All of them; the compiler finds one that is missing. */
export const checkNames = Object.keys({
	spec: 0,
	environment: 0,
	data: 0,
	train: 0,
	predict: 0,
	score: 0,
	save: 0,
	resume: 0,
	"reload and generate": 0,
	"export adapter": 0,
	"export merged": 0,
} satisfies Record<SmokeCheckName, 0>) as readonly SmokeCheckName[];

/** One check. */
export interface SmokeCheck {
	readonly name: SmokeCheckName;
	/** `skipped`: a check before it failed, or the spec has nothing of the kind; `detail` says which. */
	readonly status: "passed" | "failed" | "skipped";
	readonly seconds: number;
	/** What was found, in words. */
	readonly detail: string;
	/** Why it failed. */
	readonly error?: CaptuneError;
}

/** What a smoke run came to. */
export interface SmokeResult {
	/** Did no check fail? */
	readonly passed: boolean;
	/** That of the spec, or of nothing better. */
	readonly name: string;
	readonly checks: readonly SmokeCheck[];
	/** What only the real run will show. */
	readonly notChecked: readonly NotChecked[];
	readonly seconds: number;
}

/** What a check found; `skipped` where there was nothing to check. */
export interface Finding<Value = void> {
	readonly detail: string;
	readonly value: Value;
	readonly skipped?: boolean;
}

type Look<Value> = () => Finding<Value> | Promise<Finding<Value>>;

/** Carries out checks, and takes down what comes of each. */
export class Checklist {
	readonly #checks: SmokeCheck[] = [];
	readonly #onCheck: (check: SmokeCheck) => void;

	constructor(onCheck: (check: SmokeCheck) => void) {
		this.#onCheck = onCheck;
	}

	/**
	 * Gives what was found.
	 *
	 * @throws {CheckFailed} where the check has failed; whatever is no error of captune's, and a `CanceledError`, pass
	 * through.
	 */
	async check<Value>(name: SmokeCheckName, look: Look<Value>): Promise<Value> {
		const { check, found } = await timed(name, look);
		this.#add(check);
		if (found === undefined) throw new CheckFailed(name);
		return found.value;
	}

	/** The same for checks that are carried out side by side; all have ended when it returns or throws. */
	async checkTogether(
		looks: readonly (readonly [SmokeCheckName, Look<unknown>])[],
	): Promise<void> {
		const outcomes = await Promise.allSettled(
			looks.map(([name, look]) => timed(name, look)),
		);
		for (const outcome of outcomes) {
			if (outcome.status === "rejected") throw outcome.reason;
			this.#add(outcome.value.check);
		}
		const failed = this.#checks.find(({ status }) => status === "failed");
		if (failed !== undefined) throw new CheckFailed(failed.name);
	}

	/** All checks; those that were not come to are skipped. */
	close(): readonly SmokeCheck[] {
		const failed = this.#checks.find(({ status }) => status === "failed");
		for (const name of checkNames.slice(this.#checks.length))
			this.#add({
				name,
				status: "skipped",
				seconds: 0,
				detail: `not come to: "${failed?.name}" failed`,
			});
		return this.#checks;
	}

	#add(check: SmokeCheck): void {
		this.#checks.push(check);
		this.#onCheck(check);
	}
}

/** Ends the checks; the list holds what it was. */
export class CheckFailed extends Error {}

/** A check that is over; without `found` it has failed. */
async function timed<Value>(
	name: SmokeCheckName,
	look: Look<Value>,
): Promise<{ readonly check: SmokeCheck; readonly found?: Finding<Value> }> {
	const start = performance.now();
	const seconds = () => (performance.now() - start) / 1000;
	try {
		const found = await look();
		const { detail, skipped = false } = found;
		const status = skipped ? "skipped" : "passed";
		return { check: { name, status, seconds: seconds(), detail }, found };
	} catch (error) {
		if (!CaptuneError.isInstance(error) || error.code === "CANCELED")
			throw error;
		const detail = error.message;
		return {
			check: { name, status: "failed", seconds: seconds(), detail, error },
		};
	}
}
