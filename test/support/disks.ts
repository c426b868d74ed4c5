// Disks of a test's own, small enough to be full; only root can mount them.

import { statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execaSync } from "execa";
import { test } from "uvu";
import { temporaryFolder } from "./folders.js";
import { pythonTest } from "./python.js";

export interface Disk {
	readonly folder: string;
	/** Leaves so many bytes. */
	fill(left: number): void;
	close(): void;
}

const mounting = (bytes: number, folder: string, options = "") => [
	...["-t", "tmpfs", "-o", `size=${bytes}${options}`, "tmpfs", folder],
];

/** A test that mounts disks, or a skip whose reason is printed once per file. */
export const diskTest: typeof test | typeof test.skip = canMount()
	? pythonTest
	: test.skip;

function canMount(): boolean {
	const folder = temporaryFolder();
	const { failed, shortMessage } = execaSync(
		"mount",
		mounting(2 ** 20, folder),
		{
			reject: false,
		},
	);
	if (failed) console.log(`skipped: no disk can be mounted: ${shortMessage}`);
	else execaSync("umount", [folder]);
	return !failed;
}

/** A tmpfs of so many bytes. */
export function openDisk(bytes: number, options = ""): Disk {
	const folder = temporaryFolder();
	execaSync("mount", mounting(bytes, folder, options));
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
