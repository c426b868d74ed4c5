// The interpreter that a run would use, its packages by their metadata, and what of the GPU they can use.
import { join } from "node:path";
import { CaptuneError } from "../errors.js";
import {
	checkPlatform,
	type EnvironmentOptions,
} from "../launch/environment.js";
import { type EnvironmentPlace, locateEnvironment } from "../launch/locate.js";
import { workerCode } from "../launch/paths.js";
import { readRequirements } from "../launch/requirements.js";
import type { Finding } from "./doctor.js";
import type { Gpu, Graphics } from "./graphics.js";

export interface PythonSide {
	readonly findings: readonly Finding[];
	/** Some Python, to ask the network as the worker does; null where there is none. */
	readonly interpreter: string | null;
}

export async function probePythonSide(
	options: EnvironmentOptions,
	graphics: Promise<Graphics>,
	signal: AbortSignal,
): Promise<PythonSide> {
	const notices: Finding[] = [];
	let place: EnvironmentPlace;
	try {
		place = await locateEnvironment({
			...options,
			signal,
			onNotice: (value) =>
				notices.push({ name: "project python", status: "warning", value }),
		});
	} catch (error) {
		if (!CaptuneError.isInstance(error)) throw error;
		return { interpreter: null, findings: [unusable(error)] };
	}
	if (!place.isReady)
		return {
			interpreter: place.base.executable,
			findings: [...notices, ...notInstalled(place)],
		};
	const { packages, cuda } = await installedIn(place.python, signal);
	const { gpus } = await graphics.catch(() => ({ gpus: [] }));
	return {
		interpreter: place.python,
		findings: [
			...notices,
			{ name: "python", status: "ok", value: originOf(place) },
			{
				name: "packages",
				status: "ok",
				value: named(packages, telling).join(", "),
			},
			...(gpus[0] === undefined ? [] : [cudaFinding(gpus[0], cuda)]),
			attentionFinding(gpus, packages["flash-attn"] ?? null),
			extrasFinding(packages),
		],
	};
}

function unusable({ message, code }: CaptuneError): Finding {
	const name = code === "PYTHON_PACKAGES_MISSING" ? "packages" : "python";
	return { name, status: "problem", value: message };
}

function notInstalled({
	base,
	folder,
}: EnvironmentPlace & { readonly isReady: false }): Finding[] {
	const python: Finding = {
		name: "python",
		status: "ok",
		value: `${base.version} at ${base.executable}, to make an environment with`,
	};
	try {
		checkPlatform(base);
	} catch (error) {
		const value = (error as Error).message;
		return [python, { name: "platform", status: "problem", value }];
	}
	if (!base.hasEnsurepip)
		return [
			{
				...python,
				status: "problem",
				remedy:
					"It cannot make environments. On Debian and Ubuntu: apt install python3-venv.",
			},
		];
	return [
		python,
		{
			name: "packages",
			status: "warning",
			value: `not installed yet; they will be in ${folder}`,
			remedy: "The first run installs them; `captune quickstart` is one.",
		},
	];
}

const originOf = ({
	python,
	origin,
}: Extract<EnvironmentPlace, { isReady: true }>) =>
	`${python} (${{ given: "as you say", project: "the project's .venv", captune: "made by captune" }[origin]})`;

/** Packages that decide the numbers. */
const telling = ["torch", "transformers", "peft", "tokenizers", "safetensors"];

/** What only some specs need, by its field of the spec. */
const extras: Readonly<Record<string, readonly string[]>> = {
	"hub datasets and Parquet": ["datasets"],
	'method "qlora"': ["bitsandbytes"],
	tracking: ["wandb", "mlflow-skinny", "tensorboard", "trackio"],
};

interface Installed {
	readonly packages: Readonly<Record<string, string | null>>;
	/** Of torch's build; null for the CPU's. */
	readonly cuda: string | null;
}

async function installedIn(
	python: string,
	signal: AbortSignal,
): Promise<Installed> {
	const { execa } = await import("execa");
	const required = readRequirements().packages.map(nameOf);
	const names = [...required, ...Object.values(extras).flat(), "flash-attn"];
	const { stdout } = await execa(
		python,
		["-I", join(workerCode, "captune_worker", "inspection.py"), "installed"],
		{ input: JSON.stringify(names), cancelSignal: signal },
	);
	return JSON.parse(stdout);
}

/** "torch" of "torch>=2.11". */
const nameOf = (requirement: string): string =>
	/^[\w.-]+/.exec(requirement)?.[0] ?? requirement;

const named = (packages: Installed["packages"], names: readonly string[]) =>
	names.flatMap((name) =>
		packages[name] ? [`${name} ${packages[name]}`] : [],
	);

/** The oldest driver for each major version of CUDA, by NVIDIA's table of minor-version compatibility. */
const oldestDrivers: Readonly<Record<string, number>> = {
	"11": 450,
	"12": 525,
	"13": 580,
};

function cudaFinding({ driver }: Gpu, cuda: string | null): Finding {
	if (cuda === null)
		return {
			name: "cuda",
			status: "problem",
			value: "torch is a build for the CPU, and there is a GPU",
			remedy: "Install a CUDA build of torch, without --wheels for the CPU.",
		};
	const oldest = oldestDrivers[cuda.split(".")[0] ?? ""] ?? 0;
	const value = `torch is built for CUDA ${cuda}; it needs driver ${oldest} or newer`;
	return Number.parseInt(driver, 10) >= oldest
		? { name: "cuda", status: "ok", value }
		: {
				name: "cuda",
				status: "problem",
				value: `${value}, and there is ${driver}`,
				remedy: "Update the NVIDIA driver.",
			};
}

function attentionFinding(gpus: readonly Gpu[], flash: string | null): Finding {
	const sdpa = "sdpa (torch's own kernels)";
	const value =
		flash !== null && gpus.length > 0
			? `flash_attention_2 (flash-attn ${flash}), ${sdpa}, eager`
			: `${sdpa}, eager`;
	return { name: "attention", status: "ok", value };
}

function extrasFinding(packages: Installed["packages"]): Finding {
	const lacking = Object.entries(extras).flatMap(([use, names]) =>
		names.filter((name) => !packages[name]).map((name) => `${name} (${use})`),
	);
	return {
		name: "extras",
		status: "ok",
		value: named(packages, Object.values(extras).flat()).join(", ") || "none",
		...(lacking.length === 0
			? {}
			: {
					remedy: `Not installed, and not needed elsewhere: ${lacking.join(", ")}.`,
				}),
	};
}
