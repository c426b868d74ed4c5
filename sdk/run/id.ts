// What a run is called.

/** Sorts by time and does not repeat: 20261123-190433-k3f9. */
export function makeRunId(): string {
	const stamp = new Date()
		.toISOString()
		.replace(/\..*/, "")
		.replaceAll(/[-:]/g, "")
		.replace("T", "-");
	const salt = Math.random().toString(36).slice(2, 6).padEnd(4, "0");
	return `${stamp}-${salt}`;
}
