// Run folders as runs leave them, without a run: curves that fall, answers that get better, pictures of stripes.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
	type RunEvent,
	resolveSpec,
	type ScoreEvent,
} from "../../sdk/index.js";
import { readPredictions } from "../../sdk/run/folder.js";
import { splitResult } from "../../sdk/run/result.js";
import type { ScoredPrediction } from "../../sdk/run/scorer.js";
import { seeded } from "../metrics/random.js";
import { checkedLog } from "./events.js";
import { temporaryFolder } from "./folders.js";
import { striped } from "./pictures.js";

export interface RunOutline {
	readonly steps?: number;
	readonly everySteps?: number;
	/** Test rows; row 3 gets worse. */
	readonly rows?: number;
	/** Of the run, the device, a warning, a picture's file and a caption. */
	readonly text?: string;
	readonly ending?: "completed" | "failed" | "canceled" | "none";
}

type Body = { readonly type: string } & Readonly<Record<string, unknown>>;

/** Writes the run and checks that its events are events. Returns the folder. */
export function writeRun({
	steps = 12,
	everySteps = 2,
	rows = 6,
	text = "plain",
	ending = "completed",
}: RunOutline = {}): string {
	const folder = temporaryFolder();
	const spec = resolveSpec({
		name: text,
		model: { nameOrPath: "captune/airplanes-tiny" },
		data: {
			train: { kind: "airplanes", split: "train" },
			validation: { kind: "airplanes", split: "validation" },
			test: { kind: "airplanes", split: "test" },
		},
		evaluation: { kind: "generate", everySteps, metrics: ["rouge1", "loss"] },
	});
	writeFileSync(join(folder, "spec.json"), JSON.stringify(spec));
	const bestStep = everySteps * Math.ceil((0.7 * steps) / everySteps);
	const bodies: Body[] = [
		{
			type: "ready",
			pid: 1,
			versions: { python: "3.11.7", torch: "2.13.0" },
			device: { kind: "cpu", name: text, memoryBytes: null },
		},
		dataOf(rows),
		...warningsOf(text),
		...evaluationOf(folder, { model: "base", step: 0, rows, text }),
	];
	const random = seeded(3);
	for (let step = 1; step <= steps; step++) {
		bodies.push(stepOf(step, steps, random()));
		if (step % everySteps === 0)
			bodies.push(
				...validationOf(step, steps, Math.min(step, bestStep), random()),
			);
	}
	if (ending === "completed")
		bodies.push(
			...evaluationOf(folder, { model: "tuned", step: bestStep, rows, text }),
		);
	bodies.push(...endOf(ending, steps, bestStep));
	const events = bodies.map((body, index) => ({
		runId: "run",
		attempt: 1,
		seq: index + 1,
		time: 1_795_460_673_000 + index,
		...body,
	}));
	writeFileSync(
		join(folder, "events.jsonl"),
		events.map((event) => `${JSON.stringify(event)}\n`).join(""),
	);
	const checked = checkedLog(folder, "events.jsonl");
	if (ending === "completed") writeResult(folder, checked, steps, bestStep);
	return folder;
}

const dataOf = (rows: number): Body => ({
	type: "data",
	splits: [
		["train", 108, { ANSWER_EMPTY: 2, IMAGE_UNREADABLE: 1 }],
		["validation", 28, {}],
		["test", rows, {}],
	].map(([split, rows, dropped]) => ({
		...{ split, rows, dropped },
		promptTokens: { min: 39, mean: 39, max: 39 },
		visualTokens: { min: 113, mean: 757.25, max: 1_921 },
		answerTokens: { min: 18, mean: 25.06, max: 31 },
	})),
	trainAnswers: ["boeing 707"],
});

const warningsOf = (message: string): Body[] =>
	["DATA_CHECK", "DATA_CHECK"].map((code) => ({
		...{ type: "warning", code, message, data: null },
	}));

/** The third is not finite. */
const stepOf = (step: number, steps: number, chance: number): Body => ({
	type: "step",
	step,
	epoch: step / 18,
	loss: step === 3 ? null : 0.2 + (8 * (0.6 + 0.8 * chance)) / (1 + step / 20),
	finite: step !== 3,
	learningRate: 2e-3 * (1 - step / (steps + 1)),
	gradNorm: 1,
	examples: 6,
	tokens: 60,
	examplesPerSecond: 20 + 4 * chance,
	tokensPerSecond: 1000,
	memoryBytes: 1,
});

function validationOf(
	step: number,
	steps: number,
	best: number,
	chance: number,
): Body[] {
	const head = {
		evaluationId: `validation-${step}`,
		...{ split: "validation", step, model: "tuned", images: "own" },
	};
	const value = (at: number) => 0.85 * Math.sin((1.6 * at) / steps);
	const rouge1 = best < step ? value(best) - 0.05 * (1 + chance) : value(step);
	const loss = 0.4 + 3 / (1 + (9 * step) / steps);
	const sums = { row: 0, lossSum: 20 * loss, tokens: 20, correctTokens: 5 };
	return [
		{ type: "evaluation", ...head, examples: [sums], seconds: 1 },
		{
			...{ type: "score", ...head, values: { rouge1, loss }, examples: 28 },
			...{ empty: 0, stopped: 1, isBest: best === step, ends: false },
			best: { step: best, value: value(best) },
		},
	];
}

interface TestOutline {
	readonly model: "base" | "tuned";
	readonly step: number;
	readonly rows: number;
	readonly text: string;
}

/** A test split and its answers; the base model's are all alike. */
function evaluationOf(
	folder: string,
	{ model, step, rows, text }: TestOutline,
): Body[] {
	const evaluationId = `test-${model}`;
	const head = { evaluationId, split: "test", step, model, images: "own" };
	const answers = Array.from({ length: rows }, (_, row): ScoredPrediction => {
		const rouge1 =
			model === "base"
				? 0.2 + (row % 3) / 10
				: row === 3
					? 0
					: 1 - (row % 10) / 100;
		return {
			row,
			images: [pictureOf(folder, row, text)],
			prompt: "What is in the picture?",
			references: [row === 1 ? text : `boeing 7${row}7`],
			prediction:
				model === "base"
					? `a plane ${row}`
					: row === 3
						? "a boat"
						: `boeing 7${row}7`,
			...{ tokens: 5, stopped: true, scores: { rouge1 } },
		};
	});
	mkdirSync(join(folder, "predictions"), { recursive: true });
	writeFileSync(
		join(folder, "predictions", `${evaluationId}.jsonl`),
		answers.map((one) => `${JSON.stringify(one)}\n`).join(""),
	);
	const mean = answers.reduce(
		(sum, one) => sum + (one.scores["rouge1"] ?? 0),
		0,
	);
	return [
		{ type: "evaluation", ...head, examples: [], seconds: 1 },
		{
			...{ type: "score", ...head, examples: rows, empty: 0, stopped: 0.75 },
			values: { rouge1: mean / rows, loss: model === "base" ? 7 : 0.5 },
			best: null,
			isBest: false,
			ends: false,
		},
	];
}

/** The file of row 1 has the run's text in its name; that of row 2 is none. */
function pictureOf(folder: string, row: number, text: string): string {
	if (row === 2) return join(folder, "gone.png");
	const name = row === 1 ? text.replaceAll(/[/\0]/g, "") : `${row}`;
	const file = join(folder, `${name}.bmp`);
	writeFileSync(file, striped(64, 40, row));
	return file;
}

function endOf(
	ending: RunOutline["ending"],
	steps: number,
	keptStep: number,
): Body[] {
	if (ending === "none") return [];
	const isWhole = ending === "completed";
	const error = {
		code: "OUT_OF_MEMORY",
		message: "The device has no memory left.",
		issues: [
			{
				path: "training.batchSize",
				code: null,
				value: 6,
				reason: "does not fit",
				remedy: "Take 3.",
			},
		],
		traceback: 'Traceback:\n  File "train.py"',
		data: null,
	};
	return [
		{
			...{ type: "end", status: ending, steps, adapter: null },
			keptStep: isWhole ? keptStep : null,
			error: ending === "failed" ? error : null,
		},
	];
}

function writeResult(
	folder: string,
	events: readonly RunEvent[],
	steps: number,
	bestStep: number,
): void {
	const scores = events.filter(
		(event): event is ScoreEvent => event.type === "score",
	);
	const resultOf = (split: "test" | "validation") =>
		splitResult(
			scores,
			split,
			bestStep,
			{ answer: "boeing 707", rouge1: 0.3 },
			(evaluationId) => readPredictions(folder, evaluationId),
		);
	const result = {
		...{ status: "completed", runId: "run", folder, adapter: folder },
		...{ specHash: "", steps, seconds: 521 },
		best: { step: bestStep, value: 0.8, metric: "rouge1" },
		validation: resultOf("validation"),
		test: resultOf("test"),
	};
	writeFileSync(join(folder, "result.json"), JSON.stringify(result));
}
