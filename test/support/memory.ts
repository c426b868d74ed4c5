// What processes hold in memory.
import { execFileSync } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Resident megabytes of this process, garbage not counted. */
export function ownMegabytes(): number {
	collect();
	return process.memoryUsage().rss / 2 ** 20;
}

/** Megabytes that this process still refers to; what is resident comes and goes with the garbage collector. */
export function heldMegabytes(): number {
	collect();
	const { heapUsed, external } = process.memoryUsage();
	return (heapUsed + external) / 2 ** 20;
}

/** Resident megabytes of another process. */
export function megabytesOf(pid: number): number {
	const kilobytes = execFileSync("ps", ["-o", "rss=", "-p", String(pid)]);
	return Number(kilobytes) / 2 ** 10;
}
