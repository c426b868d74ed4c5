// One call to a loaded model: a promise of all answers, and the pieces as they come.
import type { AnswerMessage } from "./messages.generated.js";

/** What the model said to one input. */
export interface Answer {
	/** Number of the input. */
	readonly index: number;
	readonly text: string;
	/** Tokens generated, the end token included. */
	readonly tokens: number;
	/** Did it end by itself, and not at `maxNewTokens`? */
	readonly stopped: boolean;
}

/** Some more of an answer. All pieces of an input together are its text. */
export interface AnswerPiece {
	/** Number of the input. */
	readonly index: number;
	/** What comes next; may be empty in the last piece. */
	readonly text: string;
	/** The whole answer, with its last piece; null before. */
	readonly answer: Answer | null;
}

/**
 * Answers on their way. Awaiting gives all of them, in the order of the inputs; iterating gives every piece from the
 * first, whenever the loop begins. Both raise the same error. To break off a loop does not end the call.
 */
export interface GenerateCall
	extends Promise<readonly Answer[]>,
		AsyncIterable<AnswerPiece> {}

/** The other end of a call: what becomes of it. */
export class CallSink {
	readonly #answers: Answer[] = [];
	readonly #pieces: AnswerPiece[] = [];
	readonly #resolve: (answers: readonly Answer[]) => void;
	readonly #reject: (error: unknown) => void;
	readonly call: GenerateCall;
	#outcome: { readonly error?: unknown } | undefined;
	#wakes: (() => void)[] = [];

	constructor() {
		let resolve: (answers: readonly Answer[]) => void = () => {};
		let reject: (error: unknown) => void = () => {};
		const promise = new Promise<readonly Answer[]>((...both) => {
			[resolve, reject] = both;
		});
		// Whoever only iterates gets the error there.
		promise.catch(() => {});
		this.#resolve = resolve;
		this.#reject = reject;
		this.call = Object.defineProperties(promise, {
			[Symbol.asyncIterator]: { value: () => this.#read() },
		}) as GenerateCall;
	}

	get isOver(): boolean {
		return this.#outcome !== undefined;
	}

	piece(index: number, text: string): void {
		this.#push({ index, text, answer: null });
	}

	answer({ index, rest, text, tokens, stopped }: AnswerMessage): void {
		const answer = { index, text, tokens, stopped };
		this.#answers[index] = answer;
		this.#push({ index, text: rest, answer });
	}

	done(): void {
		if (this.isOver) return;
		this.#end({});
		this.#resolve(this.#answers);
	}

	fail(error: unknown): void {
		if (this.isOver) return;
		this.#end({ error });
		this.#reject(error);
	}

	#push(piece: AnswerPiece): void {
		if (this.isOver) return;
		this.#pieces.push(piece);
		this.#wake();
	}

	#end(outcome: { readonly error?: unknown }): void {
		this.#outcome = outcome;
		this.#wake();
	}

	#wake(): void {
		for (const wake of this.#wakes.splice(0)) wake();
	}

	async *#read(): AsyncGenerator<AnswerPiece> {
		for (let at = 0; ; ) {
			const piece = this.#pieces[at];
			if (piece !== undefined) {
				at += 1;
				yield piece;
			} else if (this.#outcome === undefined)
				await new Promise<void>((wake) => this.#wakes.push(wake));
			else if ("error" in this.#outcome) throw this.#outcome.error;
			else return;
		}
	}
}
