// The story of a smoke run: its checks one after the other, each on what the one before it found.
import { join } from "node:path";
import { type RowsOfSplits, rowsIssues } from "../data/splits.js";
import { SpecError } from "../errors.js";
import { exportModel } from "../export/export.js";
import type { SpecOfRows } from "../finetune.js";
import { loadModel } from "../load-model.js";
import {
	type FinetuneOptions,
	optionIssues,
	processOptions,
} from "../options.js";
import type { PreviewData } from "../preview/types.js";
import { resolveSpec } from "../spec/resolve.js";
import type { ResolvedSpec, Spec } from "../spec/spec.generated.js";
import {
	type Attempt,
	demandContinued,
	eventsOf,
	firstAttempt,
	type Surroundings,
	secondAttempt,
} from "./attempts.js";
import { cutToSteps } from "./cut.js";
import {
	type NotChecked,
	notCheckedOf,
	standInsNotChecked,
	unreadRows,
} from "./not-checked.js";
import { findPython, readData, withOwnRows } from "./reading.js";
import type { Checklist, Finding } from "./result.js";

/** What becomes known on the way. */
export interface Story {
	name: string;
	notChecked: readonly NotChecked[];
}

/** What is to be tried. */
export interface Undertaking {
	readonly spec: Spec | SpecOfRows;
	readonly data: RowsOfSplits;
	readonly standInRows: number | undefined;
	readonly options: FinetuneOptions;
}

/** @throws {CheckFailed} at the first check that fails. */
export async function conduct(
	list: Checklist,
	story: Story,
	folder: string,
	{ spec, data, standInRows, options }: Undertaking,
): Promise<void> {
	const session = processOptions(options);
	const { metrics } = session;
	const { signal } = options;
	const resolved = await list.check("spec", async () => {
		const issues = [...optionIssues(session), ...rowsIssues(spec?.data, data)];
		if (issues.length > 0) throw new SpecError(issues, "The options are");
		const whole = await withOwnRows(spec, data, join(folder, "rows"), signal);
		const value = resolveSpec(whole, { metrics: Object.keys(metrics) });
		return {
			value,
			detail: `valid; ${value.method.kind}, ${value.evaluation.kind}`,
		};
	});
	story.name = resolved.name ?? story.name;
	story.notChecked = [
		...notCheckedOf(resolved),
		...(standInRows === undefined ? [] : [standInsNotChecked]),
	];
	const python = await list.check("environment", () =>
		findPython(resolved, options),
	);
	const { seen, spec: readable } = await list.check("data", () =>
		readData(resolved, standInRows, { folder, python, signal }),
	);
	const counts = seen.splits.map(({ split, rows }) => [split, rows]);
	story.notChecked = [
		...story.notChecked,
		...unreadRows(Object.fromEntries(counts)),
	];
	const surroundings = { python, options };
	const cut = cutToSteps(readable, join(folder, "run"));
	await trainAndScore(list, cut, surroundings);
	await useResult(list, cut, seen, surroundings, folder);
}

/** The path of a run: two attempts, and what the first is looked at for. */
async function trainAndScore(
	list: Checklist,
	spec: ResolvedSpec,
	surroundings: Surroundings,
): Promise<void> {
	const first = await list.check("train", async () => {
		const value = await firstAttempt(spec, surroundings);
		const [step] = eventsOf(value, "step");
		const rows = eventsOf(value, "data")[0]?.splits.map(
			({ split, rows }) => `${split} ${rows}`,
		);
		return {
			value,
			detail: `${step?.examples} examples a step, of rows ${rows?.join(", ")}; loss ${step?.loss?.toFixed(3)}`,
		};
	});
	await list.check("predict", () => predictionsOf(first, spec));
	await list.check("score", () => scoresOf(first, spec));
	await list.check("save", () => {
		const saved = eventsOf(first, "checkpoint").find(
			({ state }) => state === "saved",
		);
		return {
			value: undefined,
			detail: `step ${saved?.step}, ${saved?.bytes} bytes`,
		};
	});
	await list.check("resume", async () => {
		const second = await secondAttempt(
			spec.output.folder as string,
			surroundings,
		);
		if (second.failure !== undefined) throw second.failure;
		demandContinued(first, second);
		return {
			value: undefined,
			detail: `from step ${first.result?.steps} to ${second.result?.steps}`,
		};
	});
}

/** What people do with a run that is over; three processes, side by side. */
const useResult = (
	list: Checklist,
	spec: ResolvedSpec,
	seen: PreviewData,
	surroundings: Surroundings,
	folder: string,
): Promise<void> =>
	list.checkTogether([
		["reload and generate", () => ask(spec, seen, surroundings)],
		["export adapter", () => exportAs("adapter", spec, surroundings, folder)],
		["export merged", () => exportAs("merged", spec, surroundings, folder)],
	]);

async function ask(
	{ model, method, data, output }: ResolvedSpec,
	seen: PreviewData,
	surroundings: Surroundings,
): Promise<Finding> {
	const run = output.folder as string;
	await using loaded = await loadModel(
		method.kind === "full"
			? { model: { ...model, nameOrPath: join(run, "model") } }
			: { model, adapter: join(run, "adapter") },
		processOf(surroundings),
	);
	const images = seen.rows[0]?.pictures.map(({ path }) => path) ?? [];
	const [answer] = await loaded.generate([{ prompt: data.prompt, images }], {
		maxNewTokens: 8,
	});
	return {
		value: undefined,
		detail: `${answer?.tokens} tokens: ${JSON.stringify(answer?.text)}`,
	};
}

async function exportAs(
	form: "adapter" | "merged",
	{ method, output }: ResolvedSpec,
	surroundings: Surroundings,
	folder: string,
): Promise<Finding> {
	if (method.kind === "full" && form === "adapter")
		return nothing('method.kind "full" has no adapter');
	const { verification } = await exportModel(output.folder as string, {
		folder: join(folder, form),
		form,
		...processOf(surroundings),
	});
	return {
		value: undefined,
		detail: `logits differ by ${verification.difference.toExponential(1)} at most`,
	};
}

const processOf = ({ python, options: { signal } }: Surroundings) => ({
	python,
	...(signal === undefined ? {} : { signal }),
});

function predictionsOf(
	attempt: Attempt,
	{ evaluation }: ResolvedSpec,
): Finding {
	const items = eventsOf(attempt, "predictions").flatMap((one) => one.items);
	if (evaluation.kind !== "generate")
		return nothing('evaluation.kind "teacherForced" generates nothing');
	if (items.length === 0) return nothing(noSplit);
	const [first] = items;
	return {
		value: undefined,
		detail: `${items.length} answers, the first ${JSON.stringify(first?.prediction)}`,
	};
}

function scoresOf(attempt: Attempt, { evaluation }: ResolvedSpec): Finding {
	if (attempt.failure !== undefined) throw attempt.failure;
	const score = eventsOf(attempt, "score").at(-1);
	if (score === undefined) return nothing(noSplit);
	const values = evaluation.metrics.map(
		(name) => `${name} ${score.values[name]?.toFixed(3) ?? "none"}`,
	);
	return { value: undefined, detail: `${score.split}: ${values.join(", ")}` };
}

const noSplit = "there is neither a validation nor a test split";

const nothing = (detail: string): Finding => ({
	detail,
	value: undefined,
	skipped: true,
});
