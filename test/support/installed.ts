// captune as it is installed: compiled, beside its package.json, Python and schemas. It starts in a third of a second,
// where the sources take a whole one.
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execaSync } from "execa";
import { temporaryFolder } from "./folders.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The package's folder, from the sources as they are now; types are checked elsewhere. */
export const installedFolder = temporaryFolder();

execaSync(process.execPath, [
	...[join(root, "node_modules/typescript/bin/tsc")],
	...["--project", join(root, "sdk/tsconfig.json"), "--noCheck"],
	...["--declaration", "false", "--outDir", join(installedFolder, "dist")],
]);
for (const part of ["package.json", "python", "schemas", "node_modules"])
	symlinkSync(join(root, part), join(installedFolder, part));
