// `npm run kernel`: tells Jupyter of the TypeScript kernel in this folder.
import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const tslab = fileURLToPath(
	new URL("node_modules/tslab/bin/tslab", import.meta.url),
);

/** By absolute paths, so that it starts from any Jupyter, whatever is on its PATH. */
const spec = {
	argv: [
		process.execPath,
		// captune is an ES module, which tslab loads with require().
		"--disable-warning=ExperimentalWarning",
		...[tslab, "kernel", "--config-path", "{connection_file}"],
	],
	display_name: "TypeScript",
	language: "typescript",
	// Looks at the times of files only: to be told of their links and rights as well confuses tslab.
	env: { TSC_WATCHFILE: "PriorityPollingInterval" },
};

const folder = join(dataFolder(), "kernels", "tslab");
mkdirSync(folder, { recursive: true });
writeFileSync(
	join(folder, "kernel.json"),
	`${JSON.stringify(spec, null, "\t")}\n`,
);
console.log(`installed the kernel "TypeScript" in ${folder}`);

/** Where every Jupyter of a user looks. */
function dataFolder() {
	const { JUPYTER_DATA_DIR, XDG_DATA_HOME } = process.env;
	if (JUPYTER_DATA_DIR) return JUPYTER_DATA_DIR;
	return process.platform === "darwin"
		? join(homedir(), "Library", "Jupyter")
		: join(XDG_DATA_HOME || join(homedir(), ".local", "share"), "jupyter");
}
