// The model card of a run whose names are all hostile, read back by the hub's own reader.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { renderCard } from "../../sdk/export/card.js";
import type { ExportedModel } from "../../sdk/export/export.js";
import type { ExportSource } from "../../sdk/export/source.js";
import type { RunEvent } from "../../sdk/run/event.generated.js";
import { resolveSpec } from "../../sdk/spec/resolve.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

const hostile =
	'birds: "x"\n---\nlicense: evil\r\n# head <script>alert(1)</script> `a` | b ``` 𝔘 \u0085\u2028\u0007\ud800 [l](http://e.x)';

const exported: ExportedModel = {
	folder: "/machine/path/export",
	form: "adapter",
	base: "microsoft/Phi-3-vision-128k-instruct",
	parameters: 4_146_621_440,
	adapter: {
		rank: 8,
		alpha: 16,
		dora: true,
		rslora: false,
		bias: "none",
		targetModules: [hostile],
		modulesToSave: [hostile],
		towers: ["language", "vision"],
	},
	verification: {
		dtype: "bfloat16",
		device: "cuda",
		positions: 800,
		difference: 0.0625,
		tolerance: 0.5,
		agreement: 0.99,
		effect: 3.5,
		prompt: hostile,
		isDrawn: false,
		caption: hostile,
		stopped: true,
	},
};

const score = (model: "base" | "tuned", step: number, value: number) => ({
	type: "score",
	evaluationId: `test-${model}`,
	split: "test",
	step,
	model,
	images: "own",
	values: { rouge1: value, [hostile]: 1, loss: null },
	examples: 5,
	empty: 0,
	stopped: 1,
	best: null,
	isBest: false,
	ends: false,
	runId: "run",
	attempt: 1,
	seq: 1,
	time: 0,
});

const source: ExportSource = {
	weights: "/machine/path/adapter",
	isAdapter: true,
	base: "microsoft/Phi-3-vision-128k-instruct",
	revision: null,
	imageCrops: 4,
	step: 30,
	run: {
		folder: "/machine/path",
		spec: resolveSpec({
			// Half a character is refused in a spec; elsewhere a model may have said it.
			name: hostile.replace("\ud800", "\ufffd"),
			method: { kind: "qlora" },
			model: { nameOrPath: "microsoft/Phi-3-vision-128k-instruct" },
			data: {
				train: { kind: "dataset", nameOrPath: "somebody/pictures", split: "a" },
				test: { kind: "jsonl", path: "/machine/path/rows.jsonl" },
			},
		}),
		events: [
			score("base", 0, 0.025),
			score("tuned", 20, 0.3),
			score("tuned", 30, 0.49),
		] as RunEvent[],
		result: null,
	},
};

const card = renderCard(exported, source, { place: "somebody/birds" });

pythonTest("the hub reads what was meant, whatever the names", async () => {
	const folder = join(temporaryFolder(), "card");
	mkdirSync(folder);
	const file = join(folder, "README.md");
	writeFileSync(file, card);
	const { stdout } = await execa(testPython as string, [
		"-c",
		"import json, sys; from huggingface_hub import ModelCard; card = ModelCard.load(sys.argv[1]); print(json.dumps([card.data.to_dict(), [[r.metric_name, r.metric_value] for r in card.data.eval_results]]))",
		file,
	]);
	const [data, metrics] = JSON.parse(stdout);
	const name = hostile.replace("\ud800", "\ufffd");
	assert.is(data["model-index"][0].name, name);
	assert.equal(metrics, [
		["rouge1", 0.49],
		[name, 1],
	]);
	assert.is(data.base_model, "microsoft/Phi-3-vision-128k-instruct");
	assert.is(data.base_model_relation, "adapter");
	assert.is(data.library_name, "peft");
	assert.is(data.pipeline_tag, "image-text-to-text");
	assert.equal(data.tags, ["captune", "phi3_v", "lora", "dora"]);
	assert.equal(data.datasets, ["somebody/pictures"]);
	assert.not("license" in data);
});

test("the page shows names as text, and no path of this machine", () => {
	const [, , ...page] = card.split("---\n");
	const lines = page.join("---\n").split("\n");
	const heads = lines.filter((line) => line.startsWith("#"));
	assert.match(heads[0] ?? "", /^# birds\\: "x" --- license\\: evil/);
	assert.equal(heads.slice(1), [
		"## Use it",
		"## Where it can be served",
		"## Scores",
		"## Settings",
		"## Checked when it was exported",
	]);
	const fences = lines.filter((line) => line.startsWith("```"));
	assert.equal(fences, ["```python", "```"]);
	const code = lines.slice(
		lines.indexOf("```python"),
		lines.lastIndexOf("```"),
	);
	const text = lines.filter((line) => !code.includes(line)).join("\n");
	for (const sign of ["<", "`a`", "[l]", "| b "])
		assert.not.match(text.replaceAll(/\\./g, ""), sign);
	assert.not.match(card, "/machine");
	assert.match(text, "| test | rouge1 | 0.0250 | 0.4900 | 5 |");
	assert.match(text, "on the base model in 4 bits");
	assert.match(text, /vLLM \| no .*vision tower have to be merged.*DoRA/);
});

test.run();
