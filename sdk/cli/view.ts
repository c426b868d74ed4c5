// What a command shows: lines for people, or with --json one object a line for programs.
import { once } from "node:events";
import { CaptuneError } from "../errors.js";
import { widthOf, wrap } from "../preview/wrap.js";
import { exitCodeOf } from "./exit-codes.js";

export interface ViewOptions {
	/** Objects on standard output, and everything for people on standard error. */
	readonly json?: boolean;
	/** Stack, cause and the worker's traceback with an error. */
	readonly verbose?: boolean;
}

export class View {
	readonly json: boolean;
	readonly verbose: boolean;
	/** Where lines for people go. */
	readonly people: NodeJS.WriteStream;

	constructor({ json = false, verbose = false }: ViewOptions) {
		this.json = json;
		this.verbose = verbose;
		this.people = json ? process.stderr : process.stdout;
	}

	/** A line, or several, for people. */
	say(text: string): void {
		this.people.write(`${text}\n`);
	}

	/** Something to know that is no result. */
	note(text: string): void {
		process.stderr.write(`${text}\n`);
	}

	/** An object for programs: nothing without --json. Resolves when there is room for the next. */
	async emit(value: object): Promise<void> {
		if (!this.json) return;
		if (!process.stdout.write(`${JSON.stringify(value)}\n`))
			await once(process.stdout, "drain");
	}

	/** Tells an error, as the last thing. Returns the exit code. */
	async fail(
		error: unknown,
		exitCode: number = exitCodeOf(error),
	): Promise<number> {
		const known = CaptuneError.isInstance(error);
		const message = error instanceof Error ? error.message : String(error);
		await this.emit({
			type: "error",
			code: known ? error.code : "INTERNAL",
			exitCode,
			message,
			issues: known ? error.issues : [],
			...(known && error.runId !== undefined ? { runId: error.runId } : {}),
			...(known && error.traceback !== undefined
				? { traceback: error.traceback }
				: {}),
			...(known && Object.keys(error.data).length > 0
				? { data: error.data }
				: {}),
		});
		const { stderr } = process;
		const isCanceled = known && error.code === "CANCELED";
		const head = isCanceled ? "" : paint(stderr, "red", "error: ");
		stderr.write(`${head}${fold(message, columnsOf(stderr))}\n`);
		if (this.verbose) this.note(backgroundOf(error));
		else if (!known)
			this.note("This is a fault of captune; --verbose shows where.");
		return exitCode;
	}
}

const styles = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** Coloured where the stream shows colours; `NO_COLOR` and `FORCE_COLOR` are obeyed. */
export function paint(
	stream: NodeJS.WriteStream,
	style: keyof typeof styles,
	text: string,
): string {
	const isColored = stream.isTTY && stream.hasColors();
	return isColored ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
}

/** Columns of a terminal; of anything else as many as one likes. */
export const columnsOf = (stream: NodeJS.WriteStream): number =>
	stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY;

/** Breaks lines at the width, indented as they begin. */
export function fold(text: string, width: number): string {
	if (!Number.isFinite(width)) return text;
	return text
		.split("\n")
		.flatMap((line) => {
			const indent = /^[\s-]*/.exec(line)?.[0] ?? "";
			const rest = line.slice(indent.length);
			const room = Math.max(20, width - widthOf(indent));
			return wrap([{ text: rest, style: null }], room).map(
				(pieces, at) =>
					(at === 0 ? indent : " ".repeat(indent.length)) +
					pieces.map(({ text }) => text).join(""),
			);
		})
		.join("\n");
}

/** Where it happened, down to the first cause. */
function backgroundOf(error: unknown): string {
	if (!(error instanceof Error)) return "";
	const traceback = CaptuneError.isInstance(error) ? error.traceback : "";
	return [error.stack, traceback, error.cause && backgroundOf(error.cause)]
		.filter(Boolean)
		.join("\n\n");
}
