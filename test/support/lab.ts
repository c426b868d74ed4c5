// A JupyterLab of one's own: its settings, kernels and runtime files lie in one temporary folder.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";

export interface Lab {
	/** Address of a notebook in its folder. */
	urlOf(name: string): string;
	close(): Promise<void>;
}

/** The variables by which Jupyter finds nothing but what lies in `home`. */
export const jupyterVariables = (home: string): Record<string, string> => ({
	JUPYTER_DATA_DIR: join(home, "data"),
	JUPYTER_CONFIG_DIR: join(home, "config"),
	JUPYTER_RUNTIME_DIR: join(home, "runtime"),
	IPYTHONDIR: join(home, "ipython"),
});

const startTimeoutMs = 60_000;

export type Theme = "JupyterLab Light" | "JupyterLab Dark";

/** Serves a folder on a port of its own. */
export async function startLab(
	jupyter: string,
	folder: string,
	home: string,
	variables: Readonly<Record<string, string>> = {},
	theme: Theme = "JupyterLab Light",
): Promise<Lab> {
	const env = { ...variables, ...jupyterVariables(home) };
	const runtime = env["JUPYTER_RUNTIME_DIR"] as string;
	mkdirSync(runtime, { recursive: true });
	write(env["JUPYTER_CONFIG_DIR"] as string, "notification", {
		fetchNews: "false",
		checkForUpdates: false,
	});
	write(env["JUPYTER_CONFIG_DIR"] as string, "themes", { theme });
	const server = execa(
		jupyter,
		[
			...["-m", "jupyterlab", "--no-browser", "--port=0", "--allow-root"],
			...[`--ServerApp.root_dir=${folder}`, "--ServerApp.ip=127.0.0.1"],
		],
		{ env, reject: false, all: true },
	);
	const told = () =>
		readdirSync(runtime).find((name) => /^jpserver-\d+\.json$/.test(name));
	for (const deadline = Date.now() + startTimeoutMs; !told(); await delay(100))
		if (Date.now() > deadline || server.exitCode !== null) {
			server.kill("SIGKILL");
			throw new Error(`JupyterLab did not start: ${(await server).all}`);
		}
	const { url, token } = JSON.parse(
		readFileSync(join(runtime, told() as string), "utf8"),
	);
	return {
		urlOf: (name) => `${url}lab/tree/${name}?token=${token}`,
		async close() {
			server.kill("SIGTERM");
			await server;
		},
	};
}

/** One of the settings that a person makes in the settings' dialog. */
function write(config: string, name: string, settings: object): void {
	const folder = join(
		...[config, "lab", "user-settings", "@jupyterlab", "apputils-extension"],
	);
	mkdirSync(folder, { recursive: true });
	writeFileSync(
		join(folder, `${name}.jupyterlab-settings`),
		JSON.stringify(settings),
	);
}
