import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Context, curveKeyPair, Dealer } from "zeromq";
import { WorkerError } from "../../sdk/errors.js";
import { startWorker } from "../../sdk/launch/worker.js";
import { PROTOCOL } from "../../sdk/link/frames.js";
import { Link, type LinkHandlers } from "../../sdk/link/link.js";
import type { RunEvent } from "../../sdk/run/event.generated.js";
import { temporaryFolder } from "../support/folders.js";
import { openProxy } from "../support/proxy.js";
import { puppetProgram } from "../support/puppet.js";
import { pythonTest, testPython } from "../support/python.js";

const identity = { runId: "puppet-run", attempt: 1 };

const start = {
	type: "start",
	spec: { name: null },
	task: { kind: "train", resume: null },
};

async function openLink(handlers: Partial<LinkHandlers> = {}) {
	const seen = { hellos: 0, strangers: 0, faults: [] as unknown[] };
	const link = await Link.open(identity, {
		onHello: () => seen.hellos++,
		onEvents: () => {},
		onBeat: () => {},
		onFault: (error) => seen.faults.push(error),
		onStranger: () => seen.strangers++,
		...handlers,
	});
	return { link, seen };
}

const startPuppet = (
	link: Link,
	plan: object = {},
	endpoint = link.address.endpoint,
) =>
	startWorker({
		python: testPython as string,
		program: puppetProgram,
		onLine: (_, text) => process.env["VERBOSE"] && console.log(text),
		bootstrap: {
			...link.address,
			endpoint,
			...identity,
			runFolder: temporaryFolder(),
			cacheFolder: temporaryFolder(),
			graceMs: 5_000,
			lease: true,
			plan,
		},
	});

async function until(condition: () => boolean, ms = 15_000) {
	for (let waited = 0; !condition(); waited += 20) {
		if (waited > ms) throw new Error("It did not come to pass.");
		await delay(20);
	}
}

test("a client without the key, with another key, or with plain text is refused", async () => {
	const { link, seen } = await openLink();
	const context = new Context({ blocky: false });
	const stranger = curveKeyPair();
	const keys = {
		curveServerKey: link.address.serverKey,
		curvePublicKey: stranger.publicKey,
		curveSecretKey: stranger.secretKey,
	};
	const clients = [
		new Dealer({ context, linger: 0 }),
		new Dealer({ context, linger: 0, ...keys }),
		new Dealer({
			context,
			linger: 0,
			...keys,
			curveServerKey: stranger.publicKey,
		}),
	];
	for (const client of clients) {
		client.connect(link.address.endpoint);
		await client.send(["hello", Buffer.from([0x80])]);
	}
	await until(() => seen.strangers > 0);
	await delay(300);
	assert.is(seen.hellos, 0);
	assert.equal(seen.faults, []);
	for (const client of clients) client.close();
	await link.close();
});

test("frames that are none are faults, and the link goes on", async () => {
	const { link, seen } = await openLink();
	const context = new Context({ blocky: false });
	const client = new Dealer({
		context,
		linger: 0,
		curveServerKey: link.address.serverKey,
		curvePublicKey: link.address.publicKey,
		curveSecretKey: link.address.secretKey,
	});
	client.connect(link.address.endpoint);
	const bad = [
		["hello"],
		["nonsense", Buffer.from([0x80])],
		["hello", Buffer.from([0xc1])],
		["hello", Buffer.from([0x80])],
		[
			"events",
			Buffer.from([0x81, 0xa5, ...Buffer.from("first"), 0x01]),
			Buffer.from([0xd4, 0x01, 0x00]),
		],
	];
	for (const parts of bad) await client.send(parts);
	await until(() => seen.faults.length === bad.length);
	for (const fault of seen.faults)
		assert.is((fault as Error).name, "FrameError");
	client.close();
	await link.close();
});

pythonTest(
	"events arrive once and in order through a line that keeps breaking",
	async () => {
		const received: number[] = [];
		const { link, seen } = await openLink({
			onEvents: (events) => {
				for (const event of events)
					received.push((event as { seq: number }).seq);
			},
		});
		const proxy = await openProxy(link.address.endpoint);
		const worker = await startPuppet(
			link,
			{ steps: 4_000, stepMs: 1 },
			proxy.endpoint,
		);
		link.send(start);
		let isOver = false;
		void worker.exited.then(() => {
			isOver = true;
		});
		let cuts = 0;
		while (!isOver) {
			await delay(250);
			cuts += proxy.cut();
		}
		assert.equal(await worker.exited, { exitCode: 0, signal: null });
		assert.equal(
			received,
			Array.from({ length: 4_003 }, (_, index) => index + 1),
		);
		assert.ok(cuts >= 8, `only ${cuts} cuts`);
		assert.equal(seen.faults, []);
		proxy.close();
		await link.close();
	},
);

pythonTest(
	"control messages arrive once and in order through a line that keeps breaking",
	async () => {
		const answers: (string | null)[] = [];
		const { link } = await openLink({
			onEvents: (events) => {
				for (const event of events as RunEvent[])
					if (event.type === "tensors") answers.push(event.requestId);
			},
		});
		const proxy = await openProxy(link.address.endpoint);
		const worker = await startPuppet(
			link,
			{ steps: 100_000, stepMs: 2 },
			proxy.endpoint,
		);
		link.send(start);
		const asked = Array.from({ length: 40 }, (_, index) => `request-${index}`);
		for (const [index, requestId] of asked.entries()) {
			link.send({ type: "tensorStatistics", requestId, pattern: "" });
			if (index % 8 === 7) proxy.cut();
			await delay(40);
		}
		await until(() => answers.length >= asked.length);
		link.send({ type: "stop" });
		await worker.exited;
		assert.equal(answers, asked);
		proxy.close();
		await link.close();
	},
);

pythonTest(
	"a worker of another run, or of another protocol, is refused by name",
	async () => {
		const cases = [
			[{ protocol: 99 }, /protocol 99.*speaks 2/, "INCOMPATIBLE_PROTOCOL"],
			[{}, /belongs to run other/, "PROTOCOL_ERROR"],
		] as const;
		for (const [plan, message, code] of cases) {
			const { link, seen } = await openLink();
			const lines: string[] = [];
			const worker = await startWorker({
				python: testPython as string,
				program: puppetProgram,
				onLine: (_, text) => lines.push(text),
				bootstrap: {
					...link.address,
					runId: message.source.includes("other") ? "other" : identity.runId,
					attempt: 1,
					runFolder: temporaryFolder(),
					cacheFolder: temporaryFolder(),
					graceMs: 5_000,
					lease: true,
					plan,
				},
			});
			assert.is((await worker.exited).exitCode, 3);
			assert.match(lines.join("\n"), message);
			const [fault] = seen.faults;
			assert.ok(WorkerError.isInstance(fault));
			assert.match(fault.message, message);
			assert.is(fault.code, code);
			assert.is(seen.hellos, 0);
			await link.close();
		}
	},
);

pythonTest(
	"secrets are neither in the worker's arguments nor in its environment",
	async () => {
		const { readFileSync } = await import("node:fs");
		const { link, seen } = await openLink();
		const worker = await startPuppet(link, { steps: 1 });
		await until(() => seen.hellos === 1);
		const proc = ["cmdline", "environ"].map((name) =>
			readFileSync(`/proc/${worker.pid}/${name}`, "utf8"),
		);
		for (const text of proc) {
			assert.not.match(text, link.address.secretKey);
			assert.not.match(text, link.address.publicKey);
		}
		assert.is(link.address.protocol, PROTOCOL);
		await worker.end(0);
		await link.close();
	},
);

test.run();
