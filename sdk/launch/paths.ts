// Where captune keeps what outlives a run, and where the worker's code lies.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import envPaths from "env-paths";

/** The worker's code: put on `sys.path`, never installed, so that it is never out of date. */
export const workerCode = fileURLToPath(
	new URL("../../python/", import.meta.url),
);

/** `$CAPTUNE_HOME/captune`, else `captune` in the user's cache folder. */
export function cacheFolder(home = process.env["CAPTUNE_HOME"]): string {
	return home
		? join(home, "captune")
		: envPaths("captune", { suffix: "" }).cache;
}
