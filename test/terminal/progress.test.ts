// What is left to read on a terminal, as xterm shows it.
import { setTimeout as delay } from "node:timers/promises";
import xterm from "@xterm/headless";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type FinetuneRun, showProgress } from "../../sdk/index.js";

/** A bar is drawn at most ten times a second. */
const drawn = () => delay(150);

const step = (number: number) => ({
	type: "step",
	step: number,
	time: number * 1_000,
	loss: 3.16,
	learningRate: 0.002,
	examplesPerSecond: 25.5,
});

const evaluate = (done: number) => ({
	type: "stage",
	stage: "evaluate",
	state: "progress",
	done,
	total: 28,
	unit: "rows",
	message: "validation",
});

const score = {
	type: "score",
	step: 2,
	split: "validation",
	images: "own",
	model: "tuned",
	values: { rouge1: 0.256 },
	isBest: true,
};

class Screen {
	readonly #terminal = new xterm.Terminal({
		cols: 80,
		rows: 24,
		convertEol: true,
		allowProposedApi: true,
	});

	/** What a program takes for a terminal. */
	readonly output = {
		isTTY: true,
		columns: 80,
		write: (text: string) => {
			this.#terminal.write(text);
			return true;
		},
	} as NodeJS.WriteStream;

	/** Its lines down to the last that is not empty. */
	async lines(): Promise<string[]> {
		await new Promise<void>((done) => this.#terminal.write("", done));
		const { active } = this.#terminal.buffer;
		return Array.from({ length: active.length }, (_, row) =>
			(active.getLine(row)?.translateToString(true) ?? "").trimEnd(),
		)
			.join("\n")
			.trimEnd()
			.split("\n");
	}
}

const runOf = (events: () => AsyncGenerator<unknown>) =>
	({
		spec: { evaluation: { best: { metric: "rouge1" } } },
		[Symbol.asyncIterator]: events,
	}) as unknown as FinetuneRun;

test("a bar is written anew in its line, and gone in the end", async () => {
	const screen = new Screen();
	const seen: string[] = [];
	const run = runOf(async function* () {
		yield { type: "resolved", totalSteps: 4, device: "cpu", dtype: "float32" };
		for (const number of [1, 2, 3]) {
			yield step(number);
			await drawn();
			seen.push((await screen.lines()).slice(1).join("|"));
		}
		yield score;
		yield evaluate(28);
		await drawn();
	});
	await showProgress(run, screen.output);
	assert.equal(
		seen.map((line) => line.replace(/ {2}ETA.*/, "")),
		[
			"train ━━━━──────────── 1/4  loss 3.160  lr 0.0020  25.5 examples/s",
			"train ━━━━━━━━──────── 2/4  loss 3.160  lr 0.0020  25.5 examples/s",
			"train ━━━━━━━━━━━━──── 3/4  loss 3.160  lr 0.0020  25.5 examples/s",
		],
	);
	assert.equal(await screen.lines(), [
		"4 steps on cpu in float32",
		"step 2  validation ROUGE-1 0.256 (tuned)  best so far",
	]);
});

test("what others print while a bar stands stays on the screen", async () => {
	const screen = new Screen();
	const run = runOf(async function* () {
		yield { type: "resolved", totalSteps: 4, device: "cpu", dtype: "float32" };
		yield step(1);
		yield step(2);
		await drawn();
		screen.output.write("^C\nstopping after this step\n");
		yield evaluate(16);
		await drawn();
		yield evaluate(28);
		yield score;
	});
	await showProgress(run, screen.output);
	screen.output.write("stopped after 2 steps\n");
	const [head, bar = "", ...rest] = await screen.lines();
	assert.is(head, "4 steps on cpu in float32");
	assert.match(bar, /^train ━+─+ 2\/4 .*\^C$/);
	assert.equal(rest, [
		"stopping after this step",
		"step 2  validation ROUGE-1 0.256 (tuned)  best so far",
		"stopped after 2 steps",
	]);
});

test.run();
