// Whether the kernel has killed processes for want of memory.
import { readFileSync } from "node:fs";

/** How often the kernel has done so since the machine started; 0 where that is not told. */
export function countOomKills(vmstat = "/proc/vmstat"): number {
	try {
		const text = readFileSync(vmstat, "utf8");
		return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
	} catch {
		return 0;
	}
}
