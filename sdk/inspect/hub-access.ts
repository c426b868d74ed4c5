// Can models be fetched? Asked through Python, which knows proxies and certificates as the worker does.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Finding } from "./doctor.js";

/** Folder that huggingface_hub keeps models in, by its own variables. */
export const hubCache = (): string =>
	process.env["HF_HUB_CACHE"] ?? join(hubHome(), "hub");

const hubHome = (): string =>
	process.env["HF_HOME"] ??
	join(
		process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
		"huggingface",
	);

/** The folder, or the nearest above it that is there. */
export function existingFolder(path: string): string {
	return existsSync(path) || dirname(path) === path
		? path
		: existingFolder(dirname(path));
}

export async function probeHub(
	interpreter: Promise<string | null>,
	signal: AbortSignal,
): Promise<readonly Finding[]> {
	return [await accessFinding(interpreter, signal), tokenFinding()];
}

/** As huggingface_hub reads its variables. */
const isOffline = () =>
	[process.env["HF_HUB_OFFLINE"], process.env["TRANSFORMERS_OFFLINE"]].some(
		(value) => /^(1|on|yes|true)$/i.test(value ?? ""),
	);

const request = `
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="HEAD"), timeout=10)
except urllib.error.HTTPError as error:
    sys.exit(f"answers with status {error.code}" if error.code >= 500 else 0)
except Exception as error:
    sys.exit(str(getattr(error, "reason", error)))`;

async function accessFinding(
	interpreter: Promise<string | null>,
	signal: AbortSignal,
): Promise<Finding> {
	const name = "hub";
	if (isOffline())
		return {
			name,
			status: "ok",
			value: `offline, as HF_HUB_OFFLINE says; models come from ${hubCache()} or a folder`,
		};
	const endpoint = process.env["HF_ENDPOINT"] ?? "https://huggingface.co";
	const python = await interpreter;
	if (python === null)
		return {
			name,
			status: "warning",
			value: `${endpoint} not asked: no Python`,
		};
	const { execa } = await import("execa");
	const { failed, stderr, shortMessage } = await execa(
		python,
		["-I", "-c", request, endpoint],
		{ reject: false, stdin: "ignore", cancelSignal: signal },
	);
	if (!failed) return { name, status: "ok", value: `${endpoint} answers` };
	const why = signal.aborted
		? "no answer in time"
		: stderr.trim().split("\n").at(-1) || shortMessage;
	return {
		name,
		status: "warning",
		value: `${endpoint} cannot be reached: ${why}`,
		remedy:
			"Models and datasets of the hub cannot be fetched: use a folder or the embedded model, or name a mirror with HF_ENDPOINT.",
	};
}

function tokenFinding(): Finding {
	const file = process.env["HF_TOKEN_PATH"] ?? join(hubHome(), "token");
	const where = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].find(
		(name) => process.env[name],
	);
	const found = where ?? (existsSync(file) ? file : undefined);
	return {
		name: "hub token",
		status: "ok",
		value: found === undefined ? "none: public models only" : `from ${found}`,
	};
}
