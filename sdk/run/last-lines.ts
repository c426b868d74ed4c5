// The end of what a worker wrote to stderr: what is quoted when it dies or hangs.

/** Lines kept: every thread's stack of a large program. */
const kept = 400;
/** Lines that a report of a crash quotes. */
const quoted = 20;

/** Where a stack begins: Python's exception, a fatal signal, or one that was asked for. */
const stackStart =
	/^(Traceback \(most recent call last\):|Fatal Python error:|(Current thread|Thread) 0x)/;

export class LastLines {
	#lines: string[] = [];
	/** How many there were. */
	#count = 0;

	push(line: string): void {
		this.#count++;
		this.#lines.push(line);
		if (this.#lines.length >= 2 * kept) this.#lines = this.#lines.slice(-kept);
	}

	get count(): number {
		return this.#count;
	}

	get last(): readonly string[] {
		return this.#lines.slice(-quoted);
	}

	/** The stacks at the end, of the lines from number `after` on; undefined where there is none. */
	stacks(after = 0): string | undefined {
		const lines = this.#lines.slice(
			Math.max(0, this.#lines.length - (this.#count - after)),
		);
		const traceback = lines.findLastIndex((line) =>
			line.startsWith("Traceback"),
		);
		const first = lines.findIndex(
			(line, at) => at >= traceback && stackStart.test(line),
		);
		return first < 0 ? undefined : lines.slice(first).join("\n");
	}
}
