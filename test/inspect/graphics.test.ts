// What doctor() says of machines with other GPUs and drivers, of tools that hang, and of a hub near by.
import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { doctor, type Finding } from "../../sdk/index.js";
import { captune, linesOf } from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

const python = testPython as string;

/** A command of that name, first on the PATH. */
function command(name: string, script: string): string {
	const folder = temporaryFolder();
	const file = join(folder, name);
	writeFileSync(file, `#!/bin/sh\n${script}\n`);
	chmodSync(file, 0o755);
	return file;
}

/** Runs `look` with the variables set so. */
async function withVariables<Value>(
	variables: Readonly<Record<string, string>>,
	look: () => Promise<Value>,
): Promise<Value> {
	const before = { ...process.env };
	Object.assign(process.env, variables);
	try {
		return await look();
	} finally {
		process.env = before;
	}
}

/** The findings on a machine whose nvidia-smi does this. */
function onMachine(script: string): Promise<readonly Finding[]> {
	const folder = join(command("nvidia-smi", script), "..");
	const path = `${folder}${delimiter}${process.env["PATH"]}`;
	return withVariables({ PATH: path, HF_HUB_OFFLINE: "1" }, () =>
		doctor({ python }),
	);
}

const find = (findings: readonly Finding[], name: string) =>
	findings.filter((one) => one.name === name);

const line = (name: string, driver: string, capability: string) =>
	`echo '${name}, ${driver}, ${capability}, 81559'`;

pythonTest("two GPUs, each with what it can do", async () => {
	const findings = await onMachine(
		`${line("NVIDIA H100", "580.65.06", "9.0")}\n${line("Tesla T4", "580.65.06", "7.5")}`,
	);
	const [large, small] = find(findings, "gpu");
	assert.equal(large, {
		name: "gpu",
		status: "ok",
		value: "NVIDIA H100, 86 GB, compute capability 9.0, driver 580.65.06",
	});
	assert.is(small?.status, "warning");
	assert.match(small?.remedy ?? "", /neither bfloat16 nor flash/);
});

pythonTest(
	"a GPU that is too old, and a torch that cannot use it",
	async () => {
		const findings = await onMachine(line("Tesla P100", "470.82.01", "6.0"));
		assert.is(find(findings, "gpu")[0]?.status, "problem");
		assert.match(find(findings, "gpu")[0]?.remedy ?? "", /7\.5 is the oldest/);
		// The torch of this machine is a build for the CPU, or one for CUDA 12 or newer.
		assert.is(find(findings, "cuda")[0]?.status, "problem");
	},
);

pythonTest("a driver that does not answer", async () => {
	const findings = await onMachine(
		'echo "NVIDIA-SMI has failed because it couldn\'t communicate"; exit 9',
	);
	const [gpu] = find(findings, "gpu");
	assert.is(gpu?.status, "problem");
	assert.match(gpu?.value ?? "", /couldn't communicate/);
	assert.equal(find(findings, "cuda"), []);
});

for (const [what, look, lost] of [
	["nvidia-smi", () => onMachine("exec sleep 30"), "gpu"],
	[
		"Python",
		() => doctor({ python: command("python", "exec sleep 30") }),
		"python",
	],
] as const)
	pythonTest(`${what} hangs: the rest is told in under 5 s`, async () => {
		const started = Date.now();
		const findings = await look();
		const seconds = (Date.now() - started) / 1000;
		assert.ok(seconds < 5, `${seconds} s`);
		const [finding] = find(findings, lost);
		assert.is(finding?.status, "warning");
		assert.match(finding?.value ?? "", "no answer in time");
		for (const name of ["node", "memory", "disk of runs", "hub"])
			assert.is(find(findings, name).length, 1, name);
		if (lost === "gpu") assert.is(find(findings, "packages")[0]?.status, "ok");
	});

pythonTest(
	"a hub that answers, that fails, and that is not asked",
	async () => {
		let status = 200;
		let asked = 0;
		const server = createServer((_, response) => {
			asked += 1;
			response.writeHead(status).end();
		});
		await new Promise<void>((listening) =>
			server.listen(0, "127.0.0.1", listening),
		);
		const { port } = server.address() as AddressInfo;
		const HF_ENDPOINT = `http://127.0.0.1:${port}`;
		const hub = async (variables: Record<string, string> = {}) => {
			const findings = await withVariables({ HF_ENDPOINT, ...variables }, () =>
				doctor({ python }),
			);
			return find(findings, "hub")[0];
		};
		try {
			assert.equal(await hub(), {
				name: "hub",
				status: "ok",
				value: `${HF_ENDPOINT} answers`,
			});
			status = 404;
			assert.is((await hub())?.status, "ok", "it is there all the same");
			status = 503;
			assert.match((await hub())?.value ?? "", /answers with status 503/);
			asked = 0;
			assert.match(
				(await hub({ HF_HUB_OFFLINE: "1" }))?.value ?? "",
				/^offline/,
			);
			assert.is(asked, 0);
		} finally {
			server.close();
		}
	},
);

pythonTest("the command ends in time, too", async () => {
	const started = Date.now();
	const { exitCode, stdout } = await captune([
		...["doctor", "--json", "--python", command("python", "exec sleep 30")],
	]);
	const seconds = (Date.now() - started) / 1000;
	assert.ok(seconds < 10, `${seconds} s, Node's own start included`);
	assert.is(exitCode, 0);
	const findings = linesOf(stdout);
	assert.ok(findings.every(({ type }) => type === "finding"));
	assert.match(
		findings.find(({ name }) => name === "python")?.["value"],
		"no answer in time",
	);
});

test.run();
