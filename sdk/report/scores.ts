// The answer to the first question: is the tuned model better, and by how much?
import type { Difference } from "../metrics/index.js";
import { readPredictions } from "../run/folder.js";
import {
	type SplitResult,
	type SplitScores,
	splitResult,
} from "../run/result.js";
import { titleOf } from "./charts.js";
import type { RunRecord } from "./read.js";
import { countOf, figure, nothing, shown, signed, table } from "./text.js";

type SplitName = "test" | "validation";

/** The metric to go by, on the test split where the tuned model came that far: the figures that matter, large. */
export function headline(record: RunRecord): string {
	const splits = splitsOf(record);
	const main = splits.find(({ split }) => split.tuned !== null) ?? splits[0];
	if (main === undefined && hasNone(record)) return nobodyKnows;
	return main === undefined
		? ""
		: headlineOf(main.split, main.name, record.spec.evaluation.best.metric);
}

const hasNone = ({ spec: { data } }: RunRecord) =>
	data.validation.kind === "none" && data.test.kind === "none";

const nobodyKnows = `<section><p>Nothing was scored: the run has neither a validation nor a test split.</p></section>`;

/** Every metric of every split. */
export function allScores(record: RunRecord): string {
	const splits = splitsOf(record);
	if (splits.length === 0) return "";
	const { metrics } = record.spec.evaluation;
	return `<section>
<h2>All scores</h2>
${splits.map(({ name, split }) => scoreTable(split, name, metrics)).join("\n")}
</section>`;
}

const splitsOf = (record: RunRecord) =>
	(["test", "validation"] as const).flatMap((name) => {
		const split = splitOf(record, name);
		return split === null ? [] : [{ name, split }];
	});

/** Of a run without a result: what has been scored so far, at the best checkpoint so far. */
function splitOf(
	{ result, events, folder }: RunRecord,
	name: SplitName,
): SplitResult | null {
	if (result !== null) return result[name];
	const scores = events.filter((event) => event.type === "score");
	const step = scores.findLast(({ best }) => best !== null)?.best?.step ?? null;
	return splitResult(scores, name, step, null, (evaluationId) =>
		readPredictions(folder, evaluationId),
	);
}

function headlineOf(
	{ base, tuned, shuffled, constant, difference }: SplitResult,
	name: SplitName,
	metric: string,
): string {
	const told = difference?.[metric];
	const tiles = [
		tile("tuned", "tuned", tuned?.values[metric]),
		tile("base", "base", base?.values[metric]),
		told === undefined
			? ""
			: `<div class="difference"><dt>difference</dt><dd>${signed(told.difference)}<small>${percent(told.level)}: ${interval(told)}</small></dd></div>`,
		tile("", "tuned, pictures shuffled", shuffled?.values[metric]),
		tile(
			"",
			"best constant answer",
			metric === "rouge1" ? constant?.rouge1 : null,
		),
	];
	return `<section class="headline">
<h2>${shown(titleOf(metric))} on the ${name} split <small>${countOf((tuned ?? base)?.examples ?? 0, "row")}</small></h2>
<dl>${tiles.join("")}</dl>
${told === undefined ? "" : `<p>${explain(told)}</p>`}
</section>`;
}

const tile = (kind: string, label: string, value: number | null | undefined) =>
	value === undefined || value === null
		? ""
		: `<div class="${kind}"><dt>${label}</dt><dd>${figure(value)}</dd></div>`;

function explain({ low, high, level, examples }: Difference): string {
	const source = `The ${percent(level)} interval of the difference is a paired bootstrap over ${countOf(examples, "row")}.`;
	return low <= 0 && high >= 0
		? `${source} It holds 0: a difference as small as this may be chance.`
		: source;
}

function scoreTable(
	{ base, tuned, shuffled, difference }: SplitResult,
	name: SplitName,
	metrics: readonly string[],
): string {
	const share = (value: number | null | undefined) =>
		typeof value === "number" ? percent(value) : nothing;
	const told = (metric: string, tell: (one: Difference) => string) => {
		const one = difference?.[metric];
		return one === undefined ? nothing : tell(one);
	};
	const empty = (one: SplitScores | null) => `${one?.empty ?? nothing}`;
	const [heads, ...rows] = withoutEmptyColumns([
		[name, "base", "tuned", "difference", "interval", "pictures shuffled"],
		...metrics.map((metric) => [
			shown(titleOf(metric)),
			figure(base?.values[metric]),
			figure(tuned?.values[metric]),
			told(metric, ({ difference }) => signed(difference)),
			told(metric, interval),
			figure(shuffled?.values[metric]),
		]),
		...((tuned ?? base)?.stopped === null
			? []
			: [
					[
						"ended by themselves",
						...[share(base?.stopped), share(tuned?.stopped)],
						...[nothing, nothing, share(shuffled?.stopped)],
					],
					[
						"without a word",
						...[empty(base), empty(tuned)],
						...[nothing, nothing, empty(shuffled)],
					],
				]),
	]);
	return table(heads as readonly string[], rows);
}

const withoutEmptyColumns = (lines: readonly (readonly string[])[]) =>
	lines.map((line) =>
		line.filter((_, column) =>
			lines.slice(1).some((one) => one[column] !== nothing),
		),
	);

const interval = ({ low, high }: Difference) =>
	`${signed(low)} to ${signed(high)}`;

const percent = (share: number) => `${Number((100 * share).toFixed(1))} %`;
