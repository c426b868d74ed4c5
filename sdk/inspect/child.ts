// Runs in a process of its own: asks Python one question through pythonia and writes the answer to descriptor 3.
import type { ChildProcess } from "node:child_process";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { workerCode } from "../launch/paths.js";

const [, , question = "", timeoutMs = "0"] = process.argv;
// Importing pythonia starts Python, by PYTHON_BIN.
const { default: pythonia } = (await import("pythonia")) as unknown as {
	readonly default: Pythonia;
};
const { proc } = pythonia.com;
process.on("exit", () => proc.kill("SIGKILL"));
process.on("SIGTERM", () => giveUp("asked to end"));
// Standard input ends with the program that asks, however it ends.
process.stdin.on("close", () => giveUp("nobody asks any more")).resume();
// A Python that dies leaves every call pending for ever.
proc.on("exit", (code) => giveUp(`Python exited with code ${code}`));
setTimeout(() => giveUp(`no answer within ${timeoutMs} ms`), Number(timeoutMs));
// What pythonia cannot read, as NaN, it throws out of nowhere.
process.on("uncaughtException", (error) => giveUp(lastLine(error)));
try {
	const inspection = await pythonia.python(
		join(workerCode, "captune_worker", "inspection.py"),
	);
	writeSync(3, (await inspection[question]?.()) ?? "");
} catch (error) {
	giveUp(lastLine(error as Error));
}
process.exit(0);

/** Python's error: pythonia leaves the message empty and writes all of it into the stack, the error last. */
function lastLine({ message, stack = "" }: Error): string {
	const last = stack.trimEnd().split("\n").at(-1) ?? "";
	return message || last.replace("*** JS *** ", "") || "Python failed";
}

function giveUp(why: string): void {
	console.error(why);
	process.exit(1);
}

/** What pythonia exports besides its declared types. */
interface Pythonia {
	readonly python: (
		file: string,
	) => Promise<Readonly<Record<string, () => Promise<string>>>>;
	readonly com: { readonly proc: ChildProcess };
}
