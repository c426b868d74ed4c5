/** Blocks this process, timers and sockets included, and leaves the processor to the others. */
export function blockProcess(ms: number): void {
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
