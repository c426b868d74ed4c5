// `captune generate`: asks a model, and prints the answers while they are made.
import { type Command, Option } from "commander";
import { loadModel } from "../../load-model.js";
import type { GenerateCall } from "../../serving/call.js";
import {
	act,
	type EnvironmentFlags,
	environmentOf,
	environmentOptions,
	makeCommand,
	number,
	wholeNumber,
} from "../command.js";
import { exitCode } from "../exit-codes.js";
import { abortOnSignals } from "../signals.js";
import type { View } from "../view.js";

interface Flags extends EnvironmentFlags {
	readonly model?: string;
	readonly adapter?: string;
	readonly image?: readonly string[];
	readonly prompt: string;
	readonly maxNewTokens?: number;
	readonly temperature?: number;
	readonly topP?: number;
	readonly topK?: number;
	readonly seed?: number;
	readonly device?: "cpu" | "cuda";
}

export function generateCommand(): Command {
	const command = makeCommand(
		"generate",
		"ask a model about pictures; answers are printed as they are made",
		[
			'captune generate --adapter run/adapter --image a.png --prompt "Which bird?"',
			'captune generate --model ./merged --image a.jpg b.jpg --prompt "Which bird?"',
		],
	)
		.option(
			"--model <model>",
			"hub id or folder (default: the one the adapter was made for)",
		)
		.option("--adapter <folder>", "adapter in PEFT's format")
		.option("--image <file...>", "pictures; each is asked about by itself")
		.requiredOption("--prompt <text>", "what is asked")
		.option("--max-new-tokens <count>", "longest answer", wholeNumber)
		.option("--temperature <value>", "draw tokens at this temperature", number)
		.option("--top-p <value>", "draw from these likeliest tokens", number)
		.option("--top-k <count>", "draw from so many tokens", wholeNumber)
		.option("--seed <seed>", "draw the same again", wholeNumber)
		.addOption(
			new Option("--device <device>", "where to compute").choices([
				"cpu",
				"cuda",
			]),
		);
	for (const option of environmentOptions()) command.addOption(option);
	return command.action(act(runGenerate));
}

async function runGenerate(
	view: View,
	{ model, adapter, image = [], prompt, device, ...flags }: Flags,
): Promise<number> {
	const signal = abortOnSignals();
	await using loaded = await loadModel(
		{
			...(model === undefined ? {} : { model }),
			...(adapter === undefined ? {} : { adapter }),
			...(device === undefined ? {} : { device }),
		},
		{ ...environmentOf(flags), signal, onProgress: progressTo(view) },
	);
	const { python: _, wheels: __, ...settings } = flags;
	const inputs =
		image.length === 0
			? [{ prompt }]
			: image.map((one) => ({ image: one, prompt }));
	// One by one, so that an answer can be read as it is made.
	const call = loaded.generate(inputs, {
		...pickSettings(settings),
		batchSize: 1,
		signal,
	});
	await print(call, image, view);
	return exitCode("done");
}

type Settings = Pick<
	Flags,
	"maxNewTokens" | "temperature" | "topP" | "topK" | "seed"
>;

const pickSettings = ({
	maxNewTokens,
	temperature,
	topP,
	topK,
	seed,
}: Settings): Settings => ({
	...(maxNewTokens === undefined ? {} : { maxNewTokens }),
	...(temperature === undefined ? {} : { temperature }),
	...(topP === undefined ? {} : { topP }),
	...(topK === undefined ? {} : { topK }),
	...(seed === undefined ? {} : { seed }),
});

async function print(
	call: GenerateCall,
	images: readonly string[],
	view: View,
): Promise<void> {
	let shown = -1;
	for await (const { index, text, answer } of call) {
		if (images.length > 1 && index !== shown)
			view.people.write(`${index > 0 ? "\n" : ""}${images[index]}\n`);
		shown = index;
		view.people.write(text);
		if (answer !== null) view.people.write("\n");
		const image = images[index] ?? null;
		await view.emit({ type: "piece", index, image, text });
		if (answer !== null) await view.emit({ type: "answer", image, ...answer });
	}
}

/** Says that files arrive, once for each tenth. */
function progressTo(view: View) {
	let last = "";
	return ({
		stage,
		done,
		total,
	}: {
		readonly stage: string;
		readonly done: number;
		readonly total: number | null;
	}) => {
		if (!total) return;
		const tenth = `${stage} ${Math.floor((10 * done) / total) * 10} %`;
		if (tenth !== last) view.note(`${tenth} of ${(total / 1e6).toFixed(0)} MB`);
		last = tenth;
	};
}
