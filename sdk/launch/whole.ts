// Is an environment that captune has made complete?
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Written last, so that its absence tells of an installation that was cut short. */
export const markerName = "captune.json";

/** Is the environment complete, with every file of every package at its recorded size? Takes about 0.1 s. */
export function isWhole(folder: string): boolean {
	if (!existsSync(join(folder, markerName))) return false;
	try {
		const site = sitePackages(folder);
		return (
			existsSync(join(folder, "bin", "python")) &&
			readdirSync(site)
				.filter((entry) => entry.endsWith(".dist-info"))
				.every((entry) => hasItsFiles(site, join(site, entry, "RECORD")))
		);
	} catch {
		return false;
	}
}

function sitePackages(folder: string): string {
	const lib = join(folder, "lib");
	const python = readdirSync(lib).find((entry) => entry.startsWith("python3"));
	return join(lib, python ?? "", "site-packages");
}

/** RECORD: one line a file, "path,hash,size"; compiled files have neither hash nor size. */
function hasItsFiles(site: string, record: string): boolean {
	return readFileSync(record, "utf8")
		.split(/\r?\n/)
		.every((line) => {
			const match = /^"?(.*?)"?,[^,]*,(\d+)$/.exec(line);
			if (!match) return true;
			const file = statSync(join(site, match[1] as string), {
				throwIfNoEntry: false,
			});
			return file?.size === Number(match[2]);
		});
}
