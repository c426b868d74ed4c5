// A hub on loopback that has the embedded model, and can fail.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { temporaryFolder } from "./folders.js";
import { testPython } from "./python.js";
import { withVariables } from "./variables.js";

/** With it, the hub lets one in. */
export const hubToken = "hf_of_the_test";

export interface TestHub {
	/** The name under which it has the model. */
	readonly repository: string;
	/** See fixtures/hub_server.py. */
	readonly failure?: string;
	/** Where it keeps what is pushed. */
	readonly received?: string;
	/** HF_HOME; a new folder by default. */
	readonly home?: string;
	/** HF_TOKEN; none by default. */
	readonly token?: string;
}

const path = (relative: string) =>
	fileURLToPath(new URL(relative, import.meta.url));

/** This process, and those that it starts, know this hub alone while `use` runs. */
export async function withHub<Value>(
	{
		repository,
		failure = "",
		received,
		home = temporaryFolder(),
		token = "",
	}: TestHub,
	use: () => Promise<Value>,
): Promise<Value> {
	const server = execa(
		testPython as string,
		[
			path("../fixtures/hub_server.py"),
			path("../../python/captune_worker/embedded/airplanes-tiny"),
			...[repository, failure],
			...(received === undefined ? [] : [received]),
		],
		{ stderr: "ignore", reject: false },
	);
	const [port] = await once(createInterface(server.stdout), "line");
	const variables = {
		HF_ENDPOINT: `http://127.0.0.1:${port}`,
		HF_HOME: home,
		HF_TOKEN: token,
		HF_HUB_DISABLE_XET: "1",
		HF_HUB_OFFLINE: "0",
	};
	try {
		return await withVariables(variables, use);
	} finally {
		server.kill();
		await server;
	}
}
