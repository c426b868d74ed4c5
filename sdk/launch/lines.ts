// A stream of text as lines, however long one is, or without an end.
import type { Readable } from "node:stream";

/** Longer lines are told in pieces: a program that never ends a line must not fill this process's memory. */
const longestLine = 4_096;

/** Calls `take` with every line, until the stream ends or breaks. */
export async function eachLine(
	stream: Readable,
	take: (text: string) => void,
): Promise<void> {
	let rest = "";
	stream.setEncoding("utf8");
	try {
		for await (const chunk of stream) {
			const lines = `${rest}${chunk}`.split(/\r\n|\n|\r(?!$)/);
			rest = lines.pop() ?? "";
			for (const line of lines) for (const piece of pieces(line)) take(piece);
			const [open, ...full] = pieces(rest).reverse();
			for (const piece of full.reverse()) take(piece);
			rest = open ?? "";
		}
	} catch {} // told by the exit of whoever wrote it
	if (rest !== "") take(rest.replace(/\r$/, ""));
}

function pieces(line: string): string[] {
	if (line.length <= longestLine) return [line];
	const count = Math.ceil(line.length / longestLine);
	return Array.from({ length: count }, (_, at) =>
		line.slice(at * longestLine, (at + 1) * longestLine),
	);
}
