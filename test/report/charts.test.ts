import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "vega-lite";
import type { Chart, RunEvent } from "../../sdk/index.js";
import { chartsOf } from "../../sdk/report/charts.js";
import { readRun } from "../../sdk/report/read.js";
import { report } from "../../sdk/report/report.js";
import { puppetRun, resumePuppet } from "../support/puppet.js";
import { pythonTest } from "../support/python.js";
import { writeRun } from "../support/run-folder.js";

interface Datum {
	readonly step: number;
	readonly value: number;
	readonly low?: number;
	readonly high?: number;
}

const dataOf = (chart: Chart | undefined): readonly Datum[] =>
	(chart?.spec.data as { values?: readonly Datum[] } | undefined)?.values ?? [];

const named = (charts: readonly Chart[], name: string) =>
	charts.find((chart) => chart.name === name);

const chartsIn = (folder: string) => {
	const { events, spec } = readRun(folder);
	return chartsOf(events, spec.evaluation);
};

interface Layer {
	readonly mark: { readonly type: string };
	readonly data?: { readonly values: readonly Datum[] };
}

/** What a chart marks, by the kind of mark. */
const marked = (chart: Chart | undefined, type: string) =>
	layersOf(chart).find(({ mark }) => mark.type === type)?.data?.values;

const layersOf = (chart: Chart | undefined) =>
	(chart?.spec as { layer?: readonly Layer[] } | undefined)?.layer ?? [];

test("every value is a point where there are few, and the best checkpoint is marked in each curve", () => {
	const charts = chartsIn(writeRun());
	assert.equal(
		charts.map(({ name }) => name),
		[
			"training-loss",
			"evaluation-loss",
			"evaluation-rouge1",
			"learning-rate",
			"throughput",
		],
	);
	const loss = named(charts, "training-loss");
	assert.equal(
		dataOf(loss).map(({ step }) => step),
		[1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12],
		"one was not finite",
	);
	const rouge1 = named(charts, "evaluation-rouge1");
	const best = dataOf(rouge1).reduce((a, b) => (b.value > a.value ? b : a));
	assert.is(best.step, 10);
	assert.equal(marked(rouge1, "point"), [best]);
	for (const name of ["training-loss", "evaluation-loss"]) {
		const chart = named(charts, name);
		const [there] = dataOf(chart).filter(({ step }) => step === 10);
		assert.equal(marked(chart, "rule"), [there], name);
	}
	assert.is(marked(named(charts, "throughput"), "rule"), undefined);
	assert.ok(charts.slice(1).every(({ note }) => note === null));
});

test("the loss of an evaluation is that of its tokens, whatever the metrics are", () => {
	const { events } = readRun(writeRun({ steps: 4 }));
	const wanted = events.flatMap((event) =>
		event.type === "score" && event.split === "validation"
			? [{ step: event.step, value: event.values["loss"] as number }]
			: [],
	);
	const best = { metric: "tagF1", direction: "max" } as const;
	const charts = chartsOf(events, { metrics: ["tagF1"], best });
	const points = dataOf(named(charts, "evaluation-loss"));
	assert.is(points.length, 2);
	for (const [at, { step, value }] of points.entries()) {
		assert.is(step, wanted[at]?.step);
		assert.ok(Math.abs(value - (wanted[at]?.value ?? 0)) < 1e-12);
	}
	assert.is(named(charts, "evaluation-tagF1"), undefined, "it has no value");
});

test("of many values neighbours become their mean between their extremes", () => {
	const { events } = readRun(writeRun({ steps: 1_000, everySteps: 500 }));
	const [chart] = chartsOf(events, {
		metrics: ["loss"],
		best: { metric: "loss", direction: "min" },
	});
	const losses = events.flatMap((event) =>
		event.type === "step" && event.loss !== null
			? [[event.step, event.loss] as const]
			: [],
	);
	const points = dataOf(chart);
	assert.is(points.length, Math.ceil(999 / 4));
	for (const [at, { step, value, low, high }] of points.entries()) {
		const some = losses.slice(4 * at, 4 * at + 4);
		const values = some.map(([, loss]) => loss);
		const mean = values.reduce((a, b) => a + b) / values.length;
		assert.ok(Math.abs(value - mean) < 1e-12);
		assert.equal([low, high], [Math.min(...values), Math.max(...values)]);
		assert.ok(some.some(([one]) => one === step));
	}
	assert.match(chart?.note ?? "", /^999 values as 250 points/);
});

test("every specification compiles, and its SVG stands alone", async () => {
	const folder = writeRun({ steps: 400, everySteps: 100 });
	await report(folder);
	const complaints: string[] = [];
	const complain = (...args: unknown[]) => complaints.push(args.join(" "));
	const logger = {
		...{ error: complain, warn: complain, info: () => logger },
		...{ debug: () => logger, level: () => logger },
	} as never;
	for (const { name, title, spec } of chartsIn(folder)) {
		compile(JSON.parse(JSON.stringify(spec)), { logger });
		const svg = readFileSync(join(folder, "charts", `${name}.svg`), "utf8");
		assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
		assert.ok(svg.includes(title), "it has its title");
		assert.not.match(svg, "currentColor");
		assert.match(svg, / d="M[\d.]+,[\d.]+L/);
	}
	assert.equal(complaints, []);
});

test("a metric of the user's own may have any name", () => {
	const { events } = readRun(writeRun({ steps: 2 }));
	const metric = "../../x";
	const renamed = events.map((event) =>
		event.type === "score" ? { ...event, values: { [metric]: 0.5 } } : event,
	) as RunEvent[];
	const charts = chartsOf(renamed, {
		metrics: [metric],
		best: { metric, direction: "max" },
	});
	assert.ok(charts.some(({ name }) => name === "evaluation-------x"));
});

pythonTest(
	"a run gives its charts while it lasts, and those of earlier attempts too",
	async () => {
		const plan = {
			...{ steps: 8, evaluateEvery: 2, answers: ["no", "yes", "yes no", "no"] },
			...{ crashAt: 6, load: 4 },
		};
		const first = puppetRun(plan);
		assert.equal(first.charts(), []);
		const names: string[][] = [];
		first.on("step", ({ step }) => {
			if (step === 1) names.push(first.charts().map(({ name }) => name));
		});
		await first.catch(() => {});
		const page = readFileSync(join(first.folder, "report.html"), "utf8");
		assert.match(page, "<b>WORKER_CRASHED</b>", "what failed is told too");
		assert.is(names.length, 1);
		// The first evaluation may have been heard by then.
		const before = names[0]?.filter((name) => name !== "evaluation-loss");
		assert.equal(before, ["training-loss", "learning-rate", "throughput"]);
		const run = resumePuppet(first.folder);
		await run;
		const charts = run.charts();
		assert.equal(
			dataOf(named(charts, "training-loss")).map(({ step, value }) => [
				step,
				value,
			]),
			[1, 2, 3, 4, 5, 6, 7, 8].map((step) => [step, 1 / step]),
		);
		const rouge1 = named(charts, "evaluation-rouge1");
		assert.equal(dataOf(rouge1), [
			{ step: 2, value: 0 },
			{ step: 4, value: 1 },
			{ step: 6, value: 2 / 3 },
			{ step: 8, value: 0 },
		]);
		assert.equal(marked(rouge1, "point"), [{ step: 4, value: 1 }]);
		assert.equal(charts, chartsIn(run.folder));
	},
);

test.run();
