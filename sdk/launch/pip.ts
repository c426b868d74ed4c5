// Drives pip: what would be installed and how large it is, then the installation with its progress.
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EnvironmentError, type ErrorCode } from "../errors.js";
import type { Requirements } from "./requirements.js";

/** A file that pip will fetch. */
export interface PlannedFile {
	readonly name: string;
	readonly url: string;
	/** Null where the index does not tell. */
	readonly bytes: number | null;
}

export interface PipOptions {
	readonly python: string;
	/** Another wheel source: the URL of an index, or a folder of wheels. */
	readonly wheels?: string | undefined;
	readonly signal?: AbortSignal | undefined;
}

/** The files that an installation would take, with their sizes. */
export async function planInstall(
	requirements: Requirements,
	options: PipOptions,
): Promise<readonly PlannedFile[]> {
	const file = join(dirname(options.python), "plan.json");
	await pip(
		[
			"install",
			"--dry-run",
			"--quiet",
			"--report",
			file,
			...targets(requirements, options),
		],
		options,
	);
	const report = JSON.parse(readFileSync(file, "utf8")) as {
		readonly install: readonly {
			readonly download_info: { readonly url: string };
		}[];
	};
	return Promise.all(
		report.install.map(async ({ download_info: { url } }) => ({
			name: decodeURIComponent(url.split("/").at(-1) ?? url),
			url,
			bytes: await sizeOf(url),
		})),
	);
}

/** Installs, telling after every piece how many of the planned bytes are there. */
export async function install(
	requirements: Requirements,
	plan: readonly PlannedFile[],
	options: PipOptions,
	onProgress: (doneBytes: number, message: string) => void,
): Promise<void> {
	const sizes = new Map(plan.map(({ name, bytes }) => [name, bytes ?? 0]));
	let done = 0;
	let current = 0;
	await pip(
		[
			...["install", "--progress-bar", "raw"],
			// Python compiles what is imported, and keeps it; pip would compile all, most of which nobody imports.
			"--no-compile",
			...targets(requirements, options),
		],
		options,
		(line) => {
			const file =
				/^\s*(?:Downloading|Using cached|Processing) (?:\S*\/)?(\S+)/.exec(
					line,
				)?.[1];
			const progress = /^Progress (\d+) of \d+/.exec(line)?.[1];
			if (file !== undefined) {
				done += current;
				current = sizes.get(decodeURIComponent(file)) ?? 0;
				onProgress(done, file);
			} else if (progress !== undefined)
				onProgress(done + Number(progress), "");
			else if (line.startsWith("Installing collected packages"))
				onProgress(done + current, "unpacking");
		},
	);
}

/** Makes pip itself the pinned one: older ones, which Python brings along, do not tell their progress. */
export async function pinPip(
	requirements: Requirements,
	options: PipOptions,
): Promise<void> {
	await pip(
		[
			"install",
			"--quiet",
			"--upgrade",
			"--constraint",
			requirements.constraintsFile,
			"pip",
		],
		options,
	);
}

const targets = (requirements: Requirements, { wheels }: PipOptions) => [
	...(wheels === undefined
		? []
		: [
				/^[a-z]+:\/\//.test(wheels) ? "--extra-index-url" : "--find-links",
				wheels,
			]),
	"--constraint",
	requirements.constraintsFile,
	...requirements.packages,
];

async function pip(
	args: readonly string[],
	{ python, signal }: PipOptions,
	onLine?: (line: string) => void,
): Promise<void> {
	const { execa } = await import("execa");
	const child = execa(
		python,
		[
			"-I",
			"-m",
			"pip",
			"--no-input",
			"--disable-pip-version-check",
			"--retries",
			"2",
			...args,
		],
		{
			reject: false,
			stdin: "ignore",
			lines: true,
			...(signal ? { cancelSignal: signal } : {}),
		},
	);
	if (onLine) for await (const line of child) onLine(line);
	const result = await child;
	const output = [...result.stdout, ...result.stderr];
	if (result.isCanceled) signal?.throwIfAborted();
	if (result.failed) throw failure(output);
}

/** pip tells its failures in words only; these are the words of pip 23 to 26. */
const failures: readonly (readonly [RegExp, ErrorCode, string])[] = [
	[
		/No space left on device|\[Errno 28\]/,
		"INSTALL_NO_SPACE",
		"The disk is full. Free some space, or set CAPTUNE_HOME to a folder on another disk.",
	],
	[
		/NewConnectionError|Failed to establish a new connection|name resolution|ConnectTimeout|ReadTimeoutError|ProxyError|Network is unreachable|Connection refused|Max retries exceeded/,
		"INSTALL_NO_NETWORK",
		"The package index cannot be reached. Check the network and the proxy (HTTPS_PROXY), or name another source with the option `wheels`.",
	],
	[
		/No matching distribution found|Could not find a version that satisfies/,
		"PLATFORM_UNSUPPORTED",
		"The index has no build for this platform and Python. Use another Python, or name a source that has one with the option `wheels`.",
	],
];

function failure(output: readonly string[]): EnvironmentError {
	const text = output.join("\n");
	const [, code, remedy] = failures.find(([pattern]) => pattern.test(text)) ?? [
		undefined,
		"INSTALL_FAILED" as const,
		"pip's last words are in `data.output`.",
	];
	const errors = output.filter((line) => /^\s*error:/i.test(line));
	const lastWords = errors.at(-1) ?? output.at(-1) ?? "no output";
	return new EnvironmentError(
		code,
		`The Python packages could not be installed: ${lastWords.trim()}. ${remedy}`,
		{ data: { output: output.slice(-40) } },
	);
}

async function sizeOf(url: string): Promise<number | null> {
	try {
		if (url.startsWith("file:")) return statSync(fileURLToPath(url)).size;
		const response = await fetch(url, {
			method: "HEAD",
			signal: AbortSignal.timeout(10_000),
		});
		const length = response.headers.get("content-length");
		return response.ok && length !== null ? Number(length) : null;
	} catch {
		return null;
	}
}
