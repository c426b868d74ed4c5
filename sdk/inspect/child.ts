// Runs in a process of its own: asks Python one question through pythonia and writes the answer to descriptor 3.
import type { ChildProcess } from "node:child_process";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { workerCode } from "../launch/paths.js";

const question = process.argv[2] ?? "";
// Importing pythonia starts Python, by PYTHON_BIN.
const { default: pythonia } = (await import("pythonia")) as unknown as {
	readonly default: Pythonia;
};
// A Python that dies leaves every call pending for ever.
pythonia.com.proc.on("exit", (code) => {
	console.error(`Python exited with code ${code}`);
	process.exit(1);
});
const inspection = await pythonia.python(
	join(workerCode, "captune_worker", "inspection.py"),
);
const answer = await inspection[question]?.();
writeSync(3, answer ?? "");
process.exit(0);

/** What pythonia exports besides its declared types. */
interface Pythonia {
	readonly python: (
		file: string,
	) => Promise<Readonly<Record<string, () => Promise<string>>>>;
	readonly com: { readonly proc: ChildProcess };
}
