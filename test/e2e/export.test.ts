// A run taken along: merged and as an adapter, loaded by strangers, pushed to a hub on loopback.
import {
	copyFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { deliver } from "../../sdk/export/deliver.js";
import {
	type CaptuneError,
	exportModel,
	type FinetuneResult,
	type FinetuneRun,
	finetune,
	InputError,
	pushToHub,
	resume,
	SpecError,
} from "../../sdk/index.js";
import type { EventBody } from "../../sdk/run/journal.js";
import { shortSpec } from "../support/airplanes.js";
import { checkedLog } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { hubToken, type TestHub, withHub } from "../support/hub.js";
import { pythonTest, testPython } from "../support/python.js";
import { withVariables } from "../support/variables.js";

const base = "microsoft/Phi-3-vision-128k-instruct";
const path = (relative: string) =>
	fileURLToPath(new URL(relative, import.meta.url));
const python = testPython ?? "";
const home = temporaryFolder();
const received = temporaryFolder();
const work = temporaryFolder();
let run: FinetuneRun;
let result: FinetuneResult;

/** It has the embedded model under the real one's name. */
const loopback: TestHub = {
	repository: base,
	token: hubToken,
	home,
	received,
};

const filesOf = (folder: string) =>
	Object.fromEntries(
		readdirSync(folder).map((name) => [
			name,
			readFileSync(join(folder, name), "base64"),
		]),
	);

const without = <Value>(files: Record<string, Value>, left: string) =>
	Object.fromEntries(Object.entries(files).filter(([name]) => name !== left));

const errorOf = (work: Promise<unknown>): Promise<CaptuneError> =>
	work.then(
		() => assert.unreachable("It resolved."),
		(error) => error,
	) as Promise<CaptuneError>;

/** Runs the Python of an export's README as a stranger does; gives what it prints. */
async function followReadme(folder: string, picture: string): Promise<string> {
	const readme = readFileSync(join(folder, "README.md"), "utf8");
	const [, code = ""] = /^```python\n(.*?)^```$/ms.exec(readme) ?? [];
	copyFileSync(picture, join(folder, "picture.png"));
	const alone = `
import sys
captune = [name for name in sys.modules if name.startswith("captune_worker.")]
assert captune and all(name.startswith("captune_worker.phi3_v") for name in captune), captune
`;
	const { stdout } = await execa(python, ["-c", code + alone], {
		cwd: folder,
		env: {
			PYTHONPATH: path("../../python"),
			HF_HOME: home,
			HF_HUB_OFFLINE: "1",
		},
	});
	return stdout;
}

/** The first test row as the tuned model answered it. */
function firstAnswer(): { images: [string]; prediction: string } {
	const folder = join(result.folder, "predictions");
	const file = readdirSync(folder).find((name) =>
		/^test-0+4-tuned-own/.test(name),
	);
	const lines = readFileSync(join(folder, file ?? ""), "utf8").split("\n");
	return JSON.parse(lines[0] ?? "");
}

pythonTest(
	"a run writes its merged model and pushes its adapter, and then ends",
	async () => {
		result = await withHub(loopback, async () => {
			run = finetune(
				shortSpec({
					model: { nameOrPath: base, imageCrops: 1 },
					training: {
						maxSteps: 4,
						batchSize: 12,
						gradientAccumulationSteps: 1,
						learningRate: 5e-3,
					},
					evaluation: { kind: "generate", everySteps: 4, maxNewTokens: 32 },
					output: {
						folder: join(work, "run"),
						merged: true,
						hub: { repository: "somebody/planes" },
					},
				}),
				{ python },
			);
			return run;
		});
		const events = checkedLog(result.folder, "events.jsonl");
		assert.is(events.at(-1)?.type, "end");
		assert.equal(
			events.filter(({ type }) => type === "warning"),
			[],
		);
		assert.is(result.merged, join(result.folder, "merged"));
		assert.is(result.hub?.repository, "somebody/planes");
		const place = join(received, "somebody/planes");
		const made = readFileSync(join(place, "repository.json"), "utf8");
		assert.is(JSON.parse(made).visibility, "private");
		const pushed = filesOf(join(place, "main"));
		assert.equal(Object.keys(pushed).sort(), [
			"README.md",
			"adapter_config.json",
			"adapter_model.safetensors",
			"verification.json",
		]);
		assert.is(
			pushed["adapter_model.safetensors"],
			filesOf(result.adapter)["adapter_model.safetensors"],
		);
		const card = readFileSync(join(place, "main", "README.md"), "utf8");
		assert.match(card, `base_model: "${base}"`);
		assert.match(card, 'PeftModel.from_pretrained(model, "somebody/planes")');
		const rouge1 = result.test?.tuned?.values["rouge1"]?.toFixed(4);
		assert.match(card, `| ${rouge1} |`);
		assert.not.match(card, work);
		const { stdout } = await execa("grep", ["-rlF", hubToken, work, received], {
			reject: false,
		});
		assert.is(stdout, "", "the token is in a file");
	},
);

pythonTest("strangers get the run's answers out of both forms", async () => {
	const { images, prediction } = firstAnswer();
	assert.ok(prediction.length > 0);
	const checkpoint = join(result.folder, "checkpoints", "step-000004");
	for (const [form, source] of [
		["merged", result.folder],
		["adapter", checkpoint],
	] as const) {
		const folder = join(work, form);
		const exported = await withHub(loopback, () =>
			exportModel(source, { folder, form, dtype: "float32", python }),
		);
		const { verification } = exported;
		assert.is(exported.base, base);
		assert.is(verification.dtype, "float32");
		assert.is(verification.isDrawn, false);
		assert.ok(verification.difference <= verification.tolerance);
		assert.ok(verification.tolerance <= 1e-5 * 30, "logits are that large");
		assert.ok((verification.effect ?? 0) > 100 * verification.tolerance);
		assert.is(verification.caption, prediction);
		assert.is(await followReadme(folder, images[0]), prediction);
	}
});

pythonTest("pushed again, as what is there already", async () => {
	const merged = result.merged as string;
	const pushed = await withHub(loopback, () =>
		pushToHub(result.folder, { form: "merged", revision: "v2", python }),
	);
	assert.match(pushed.url, /somebody\/planes$/);
	const arrived = filesOf(join(received, "somebody/planes/v2"));
	assert.equal(
		without(arrived, "README.md"),
		without(filesOf(merged), "README.md"),
	);
	assert.match(
		Buffer.from(arrived["README.md"] ?? "", "base64").toString(),
		'from_pretrained("somebody/planes", dtype="auto")',
	);
	assert.equal(
		readdirSync(result.folder).filter((name) => name.startsWith(".")),
		[],
	);
});

pythonTest(
	"what cannot be handed over is a warning, and tells the way",
	async () => {
		const said: EventBody[] = [];
		const hub = {
			repository: "somebody/else",
			private: true,
			revision: null,
			form: "merged",
		} as const;
		const delivered = await withHub({ ...loopback, failure: "readonly" }, () =>
			deliver(
				result.folder,
				4,
				{ ...run.spec.output, merged: false, hub },
				{
					python,
					signal: new AbortController().signal,
					say: (event) => said.push(event),
				},
			),
		);
		assert.equal(delivered, { merged: null, hub: null });
		const [started, warning] = said;
		assert.is(said.length, 2);
		assert.is(started?.type, "stage");
		assert.ok(warning?.type === "warning");
		assert.is(warning.code, "HUB_PUSH_FAILED");
		assert.match(warning.message, /403.*HF_TOKEN.*run is complete.*pushToHub/s);
		assert.not.match(JSON.stringify(said), hubToken);
		const missing = { ...run.spec.output, merged: true, hub: null };
		const signal = new AbortController().signal;
		const say = (event: EventBody) => said.push(event);
		await deliver(temporaryFolder(), 4, missing, { python, signal, say });
		const failed = said.at(-1);
		assert.ok(failed?.type === "warning");
		assert.is(failed.code, "EXPORT_FAILED");
		const before = filesOf(result.merged as string);
		const canceled = await errorOf(
			deliver(result.folder, 4, missing, {
				python,
				signal: AbortSignal.abort("enough"),
				say,
			}),
		);
		assert.is(canceled.code, "CANCELED");
		assert.equal(filesOf(result.merged as string), before);
		assert.not(existsSync(join(result.folder, ".merged.partial")));
		const error = await errorOf(
			withVariables(
				{ HF_ENDPOINT: "http://127.0.0.1:9", HF_HUB_OFFLINE: "0" },
				() => pushToHub(result.folder, { form: "merged", python }),
			),
		);
		assert.instance(error, InputError);
		assert.is(error.code, "HUB_PUSH_FAILED");
		assert.not(existsSync(join(received, "somebody/else")));
	},
);

pythonTest(
	"killed while it writes its merged model, a run is resumed and has it",
	async () => {
		const folder = join(temporaryFolder(), "run");
		const spec = shortSpec({ output: { folder, merged: true } });
		const script = join(temporaryFolder(), "script.mts");
		writeFileSync(
			script,
			`import { existsSync } from "node:fs";
import { finetune } from ${JSON.stringify(path("../../sdk/index.ts"))};
const written = ${JSON.stringify(join(folder, ".merged.partial", "model.safetensors"))};
const run = finetune(${JSON.stringify(spec)}, { python: ${JSON.stringify(python)} });
for await (const event of run.events("stage"))
	if (event.message === "merged model" && event.state === "started")
		setInterval(() => existsSync(written) && process.kill(process.pid, "SIGKILL"), 5).unref();
`,
		);
		const { signal } = await execa(
			process.execPath,
			["--import", "tsx", script],
			{ cwd: path("../.."), reject: false },
		);
		assert.is(signal, "SIGKILL");
		assert.not.ok(existsSync(join(folder, "merged")));
		const resumed = await resume(folder, { python });
		assert.is(resumed.status, "completed");
		assert.is(resumed.steps, 4);
		assert.is(resumed.merged, join(folder, "merged"));
		assert.ok(existsSync(join(folder, "merged", "model.safetensors")));
		assert.equal(
			readdirSync(folder).filter((name) => name.includes("partial")),
			[],
		);
		const end = checkedLog(folder, "events.jsonl").at(-1);
		assert.ok(end?.type === "end" && end.status === "completed");
		assert.is(end.attempt, 2);
	},
);

test("what cannot be exported is said at once", async () => {
	const folder = join(temporaryFolder(), "out");
	const empty = temporaryFolder();
	const nothing = await errorOf(exportModel(empty, { folder }));
	assert.instance(nothing, InputError);
	assert.is(nothing.code, "MODEL_INVALID");
	assert.not(existsSync(folder));
	const form = await errorOf(
		exportModel(empty, { folder, form: "onnx" as "merged" }),
	);
	assert.instance(form, SpecError);
	assert.is(form.issues[0]?.path, "form");
	mkdirSync(join(empty, "full"));
	const taken = await errorOf(exportModel(empty, { folder: empty }));
	assert.is(taken.code, "OUTPUT_EXISTS");
});

test.run();
