// Secrets, and what a run says, stay between the caller, the worker and the folder of the run.
import {
	chmodSync,
	readdirSync,
	readFileSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../../sdk/launch/worker.js";
import { Link } from "../../sdk/link/link.js";
import { redactor } from "../../sdk/redaction.js";
import type { RunEvent } from "../../sdk/run/event.generated.js";
import { askWorker } from "../../sdk/run/one-shot.js";
import type { LoadMessage } from "../../sdk/serving/messages.generated.js";
import { ModelWorker } from "../../sdk/serving/model-worker.js";
import { failureOf } from "../support/endings.js";
import { temporaryFolder } from "../support/folders.js";
import { openProxy } from "../support/proxy.js";
import { puppetProgram, puppetRun } from "../support/puppet.js";
import { pythonTest, testPython } from "../support/python.js";

const planted = {
	HF_TOKEN: "hf_plantedPlantedPlantedPlanted0001",
	WANDB_API_KEY: "planted-wandb-key-0002",
	AWS_SECRET_ACCESS_KEY: "planted-aws-key-0003",
	NODE_OPTIONS: "--title=planted-0004",
	LD_PRELOAD: "",
	PYTHONPATH: "/planted-0005",
};

/** Runs with secrets in the environment. */
async function withPlanted<T>(work: () => Promise<T>): Promise<T> {
	const before = { ...process.env };
	Object.assign(process.env, planted);
	try {
		return await work();
	} finally {
		for (const name of Object.keys(planted))
			if (before[name] === undefined) delete process.env[name];
			else process.env[name] = before[name];
	}
}

function filesIn(folder: string): string[] {
	return readdirSync(folder, { recursive: true })
		.map((name) => join(folder, String(name)))
		.filter((file) => statSync(file).isFile());
}

pythonTest(
	"planted secrets are in no file of the run, no event and no error, whoever tells them",
	async () => {
		const secrets = [planted.HF_TOKEN, planted.WANDB_API_KEY];
		const told: string[] = [];
		const run = await withPlanted(async () => {
			const run = puppetRun(
				{
					steps: 4,
					evaluateEvery: 2,
					answers: ["yes", "no"],
					fault: "secrets",
				},
				{
					tracking: [{ kind: "wandb" }],
					metric: "telling",
					metrics: {
						telling: () => {
							throw new Error(`no luck with ${planted.HF_TOKEN}`);
						},
					},
				},
			);
			run.on("log", ({ text }) => told.push(text));
			run.on("warning", (event) => told.push(JSON.stringify(event)));
			await failureOf(run, "METRIC_FAILED");
			return { folder: run.folder };
		});
		assert.ok(
			told.some((text) => text === "out *** ***"),
			told.join("\n"),
		);
		assert.ok(told.some((text) => text === "err *** ***"));
		assert.ok(told.some((text) => text.includes('"deep":["*** ***"]')));
		const files = filesIn(run.folder);
		assert.ok(files.some((file) => file.endsWith("report.html")));
		for (const text of [
			...told,
			...files.map((f) => readFileSync(f, "latin1")),
		])
			for (const secret of secrets) assert.not.ok(text.includes(secret));
		// ZeroMQ's keys are 40 characters of Z85, which nothing else in there looks like.
		for (const file of files)
			assert.not.match(
				readFileSync(file, "latin1"),
				/"(secretKey|serverKey|publicKey)"/,
			);
	},
);

pythonTest(
	"the worker gets what it may need of the environment, and nothing else",
	async () => {
		const lines = await withPlanted(async () => {
			const run = puppetRun({ printVariables: Object.keys(planted) });
			const lines: string[] = [];
			run.on("log", ({ text }) => lines.push(text));
			await run;
			return lines;
		});
		assert.equal(lines, [
			"HF_TOKEN=***",
			"WANDB_API_KEY=None",
			"AWS_SECRET_ACCESS_KEY=None",
			"NODE_OPTIONS=None",
			"LD_PRELOAD=None",
			"PYTHONPATH=None",
		]);
	},
);

pythonTest("who listens on the line reads no caption", async () => {
	const secret = "an osprey over the planted harbor";
	const seen: RunEvent[] = [];
	const link = await Link.open(
		{ runId: "puppet-run", attempt: 1 },
		{
			onHello: () => {},
			onEvents: (events) => {
				seen.push(...(events as RunEvent[]));
			},
			onBeat: () => {},
			onFault: (error) => assert.unreachable(String(error)),
			onStranger: () => {},
		},
	);
	const heard: Buffer[] = [];
	const proxy = await openProxy(link.address.endpoint, (chunk) =>
		heard.push(chunk),
	);
	const worker = await startWorker({
		python: testPython as string,
		program: puppetProgram,
		onLine: () => {},
		bootstrap: {
			...link.address,
			...{ endpoint: proxy.endpoint, runId: "puppet-run", attempt: 1 },
			...{ runFolder: temporaryFolder(), cacheFolder: temporaryFolder() },
			...{ graceMs: 5_000, lease: true },
			plan: { steps: 2, evaluateEvery: 1, answers: [secret, secret] },
		},
	});
	link.send({
		type: "start",
		spec: { name: null },
		task: { kind: "train", resume: null },
	});
	for (const step of [1, 2])
		link.send({
			...{ type: "decision", step, best: 1, value: 1 },
			...{ prune: [], stop: false },
		});
	await worker.exited;
	await link.close();
	const wire = Buffer.concat(heard);
	proxy.close();
	assert.match(JSON.stringify(seen), secret);
	assert.ok(wire.includes("CURVE"), "it is the line that was listened to");
	assert.ok(wire.length > 2_000, `${wire.length} bytes`);
	assert.not.ok(wire.includes(secret));
	assert.not.ok(wire.includes("osprey"));
	assert.not.ok(wire.includes(link.address.secretKey));
});

test("nor are they in the error of a worker for one question, or of a model's", async () => {
	const python = join(temporaryFolder(), "python");
	writeFileSync(python, '#!/bin/sh\necho "a $HF_TOKEN b" >&2\nexit 3\n');
	chmodSync(python, 0o755);
	const [model] = examples("serving-control");
	const errors = await withPlanted(() =>
		Promise.all([
			failureOf(
				askWorker({ python, work: "push", request: {}, subject: "The push" }),
				"WORKER_CRASHED",
			),
			failureOf(
				ModelWorker.start(model as LoadMessage, {
					python,
					startTimeoutMs: 20_000,
					graceMs: 1_000,
					signal: undefined,
					onDownload: () => {},
				}),
				"WORKER_CRASHED",
			),
		]),
	);
	for (const error of errors) {
		assert.match(error.message, "Its last line: a *** b");
		assert.match(JSON.stringify(error.data), "a *** b");
	}
});

const examples = (name: string): readonly unknown[] =>
	JSON.parse(
		readFileSync(
			new URL(`../../schemas/examples/${name}.json`, import.meta.url),
			"utf8",
		),
	).valid;

test("what looks like a secret is taken out, and nothing else", () => {
	const redact = redactor(["linkkeylinkkey"], {
		MY_TOKEN: "value-of-my-token",
		TOKENIZERS_PARALLELISM: "false-false",
		SHORT_TOKEN: "1",
	});
	for (const [text, clean] of [
		["value-of-my-token!", "***!"],
		["a linkkeylinkkey", "a ***"],
		["hf_abcdefghijklmnopqrstuvwx", "***"],
		["https://user:pass@host/simple", "https://user:***@host/simple"],
		["Authorization: Bearer abcdefghijk", "Authorization: Bearer ***"],
		["AKIAABCDEFGHIJKLMNOP", "***"],
		["false-false", "false-false"],
		[
			"a heron, 1 of 12: https://host/a@b",
			"a heron, 1 of 12: https://host/a@b",
		],
	] as const)
		assert.is(redact(text), clean);
});

test.run();
