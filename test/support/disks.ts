// Disks of a test's own, small enough to be full; only root can mount them.

import { statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execaSync } from "execa";
import { temporaryFolder } from "./folders.js";

export interface Disk {
	readonly folder: string;
	/** Leaves so many bytes. */
	fill(left: number): void;
	close(): void;
}

/** A tmpfs of so many bytes; undefined, with the reason printed, where none can be mounted. */
export function openDisk(bytes: number, options = ""): Disk | undefined {
	const folder = temporaryFolder();
	const { failed, stderr } = execaSync(
		"mount",
		["-t", "tmpfs", "-o", `size=${bytes}${options}`, "tmpfs", folder],
		{ reject: false },
	);
	if (failed) {
		console.log(
			`skipped: no disk can be mounted here: ${stderr || "no mount"}`,
		);
		return undefined;
	}
	const close = () => {
		execaSync("umount", ["--lazy", folder], { reject: false });
	};
	// Before the folder is removed.
	process.prependListener("exit", close);
	return {
		folder,
		fill(left) {
			const { bavail, bsize } = statfsSync(folder);
			const size = Math.max(0, bavail * bsize - left);
			writeFileSync(join(folder, "filler"), Buffer.alloc(size));
		},
		close,
	};
}
