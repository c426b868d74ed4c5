// What doctor() says of machines with other GPUs and drivers, and of a hub near by.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { doctor } from "../../sdk/index.js";
import { find, onMachine } from "../support/machines.js";
import { pythonTest, testPython } from "../support/python.js";
import { withVariables } from "../support/variables.js";

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
				doctor({ python: testPython as string }),
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

test.run();
