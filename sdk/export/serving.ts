// How an export is loaded, and what can serve it: sections of its README.
import { join } from "node:path";
import { workerCode } from "../launch/paths.js";
import { isHubId } from "../spec/hash.js";
import type { ExportedModel } from "./export.js";
import { pythonString, table } from "./markup.js";
import type { ExportSource } from "./source.js";

/** Where a README lies: in the folder itself, or on the hub, where no path of this machine belongs. */
export interface Place {
	/** What `from_pretrained` is given. */
	readonly place: string;
}

const embedded = /^captune\//;

/** A script that answers one prompt, with nothing of captune but the model's code. */
export function useSection(
	{ form, base, verification }: ExportedModel,
	source: ExportSource,
	{ place }: Place,
): string {
	const own = pythonString(place);
	const dtype = pythonString(trainedIn(source) ?? "auto");
	const crops =
		source.imageCrops === null ? "" : `, num_crops=${source.imageCrops}`;
	const revision =
		base === null || source.revision === null
			? ""
			: `, revision=${pythonString(source.revision)}`;
	const load =
		form === "merged"
			? [
					`processor = AutoProcessor.from_pretrained(${own})`,
					`model = AutoModelForImageTextToText.from_pretrained(${own}, dtype="auto")`,
				]
			: [
					`base = ${pythonString(base ?? basePlace(source, place))}`,
					`processor = AutoProcessor.from_pretrained(base${revision}${crops})`,
					`model = AutoModelForImageTextToText.from_pretrained(base${revision}, dtype=${dtype})`,
					`model = PeftModel.from_pretrained(model, ${own})`,
				];
	const prompt = verification.isDrawn
		? (source.run?.spec.data.prompt ?? verification.prompt)
		: verification.prompt;
	return `## Use it

The model's code is a part of [captune](https://www.npmjs.com/package/captune) that needs nothing else of it: \`npm install captune\`,
and run Python with \`PYTHONPATH=node_modules/captune/python\`. It needs transformers 5.17 or newer${form === "adapter" ? " and peft" : ""}, and no
\`trust_remote_code\`.

\`\`\`python
import captune_worker.phi3_v  # lets transformers know this kind of model
${form === "adapter" ? "from peft import PeftModel\n" : ""}from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

${load.join("\n")}

prompt = ${pythonString(prompt)}
picture = Image.open("picture.png").convert("RGB")
message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}
text = processor.apply_chat_template([message], add_generation_prompt=True)
inputs = processor(text, images=[picture])
output = model.generate(**inputs, max_new_tokens=${maxNewTokens(source)})
answer = output[0, inputs["input_ids"].shape[1] :]
print(processor.tokenizer.decode(answer, skip_special_tokens=True).strip())
\`\`\`
`;
}

/** Which programs take this form. */
export function serveSection(
	exported: ExportedModel,
	{ place }: Place,
): string {
	const { form, adapter } = exported;
	const others =
		form === "merged"
			? [["vLLM", "yes", vllmMerged(exported, place)]]
			: [["vLLM", "no", vllmAdapter(adapter)]];
	return `## Where it can be served

${table(
	["", "this form", ""],
	[
		[
			form === "merged" ? "transformers" : "transformers with peft",
			"yes",
			"tried when it was exported, see below",
		],
		...others,
	],
)}`;
}

function vllmMerged({ base }: ExportedModel, place: string): string {
	const code =
		base === null
			? "It takes the configuration's code from the model's repository: put the base model's Python files beside these."
			: `The configuration's code comes from \`${base}\`.`;
	const name = place === "." ? "FOLDER" : place;
	return `\`vllm serve ${name} --trust-remote-code\`: architecture and names of the weights are those of vLLM's \`Phi3VForCausalLM\`. ${code} Not tried here`;
}

function vllmAdapter(adapter: ExportedModel["adapter"]): string {
	const also = [
		...(adapter?.towers.includes("vision")
			? ["adapters in the vision tower have to be merged for vLLM in any case"]
			: []),
		...(adapter?.dora ? ["it takes no DoRA"] : []),
		...(adapter?.bias !== "none" ? ["it takes no trained biases"] : []),
		...(adapter?.modulesToSave.length
			? ["it takes no modules that were trained whole"]
			: []),
	];
	return `its \`Phi3VForCausalLM\` takes no adapters (it is no \`SupportsLoRA\` in any version seen by the end of 2026)${also.map((one) => `; ${one}`).join("")}. Export the merged form: \`exportModel(run, { folder, form: "merged" })\``;
}

/** What the run computed in: so its answers come back exactly. */
function trainedIn({ run }: ExportSource): string | undefined {
	const resolved = run?.events.findLast((event) => event.type === "resolved");
	return resolved?.dtype;
}

function maxNewTokens({ run }: ExportSource): number {
	const evaluation = run?.spec.evaluation;
	return evaluation?.kind === "generate" ? evaluation.maxNewTokens : 64;
}

/** Folder of a base model that is not on the hub. */
function basePlace({ base }: ExportSource, place: string): string {
	const isLocal = place === ".";
	if (embedded.test(base)) {
		const code = isLocal ? workerCode : "node_modules/captune/python";
		const name = base.replace(embedded, "");
		return join(code, "captune_worker/embedded", name);
	}
	return isLocal || isHubId(base) ? base : "FOLDER-OF-THE-BASE-MODEL";
}
