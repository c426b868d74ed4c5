// What nvidia-smi tells of GPUs and driver.
import type { Finding } from "./doctor.js";

export interface Graphics {
	readonly findings: readonly Finding[];
	/** Of each GPU, in the order of nvidia-smi. */
	readonly gpus: readonly Gpu[];
}

export interface Gpu {
	readonly name: string;
	/** As "580.65.06". */
	readonly driver: string;
	/** As 8.6. */
	readonly capability: number;
	readonly memoryBytes: number;
}

/** Below the first, current builds of torch have no kernels; from the second on there are bfloat16 and flash attention. */
const capabilities = { oldest: 7.5, bfloat16: 8 };

export async function probeGraphics(signal: AbortSignal): Promise<Graphics> {
	const { execa } = await import("execa");
	const { stdout, failed, code, shortMessage } = await execa(
		"nvidia-smi",
		[
			"--query-gpu=name,driver_version,compute_cap,memory.total",
			"--format=csv,noheader,nounits",
		],
		{ reject: false, stdin: "ignore", cancelSignal: signal },
	);
	if (failed && code === "ENOENT") return { gpus: [], findings: [noGpu] };
	if (failed)
		return {
			gpus: [],
			findings: [
				{
					name: "gpu",
					status: "problem",
					value: `nvidia-smi failed: ${stdout.trim().split("\n").at(-1) || shortMessage}`,
					remedy: "Install or repair the NVIDIA driver; a restart may do.",
				},
			],
		};
	const gpus = stdout.trim().split("\n").filter(Boolean).map(parse);
	return {
		gpus,
		findings: gpus.length === 0 ? [noGpu] : gpus.map(gpuFinding),
	};
}

const noGpu: Finding = {
	name: "gpu",
	status: "warning",
	value: "none that captune can use",
	remedy:
		"The embedded model trains on the CPU; for Phi-3-vision take a machine with an NVIDIA GPU.",
};

function parse(line: string): Gpu {
	const [name = "", driver = "", capability, mebibytes] = line.split(/, */);
	return {
		name,
		driver,
		capability: Number(capability),
		memoryBytes: Number(mebibytes) * 2 ** 20,
	};
}

function gpuFinding({ name, driver, capability, memoryBytes }: Gpu): Finding {
	const value = `${name}, ${(memoryBytes / 1e9).toFixed(0)} GB, compute capability ${capability.toFixed(1)}, driver ${driver}`;
	if (capability < capabilities.oldest)
		return {
			name: "gpu",
			status: "problem",
			value,
			remedy: `torch has no kernels for it: ${capabilities.oldest} is the oldest. Set compute.device to "cpu", or take a newer GPU.`,
		};
	return capability < capabilities.bfloat16
		? {
				name: "gpu",
				status: "warning",
				value,
				remedy:
					"It has neither bfloat16 nor flash attention; training takes float32 or float16, and longer.",
			}
		: { name: "gpu", status: "ok", value };
}
