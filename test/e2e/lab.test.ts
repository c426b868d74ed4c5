// The quickstart as a person runs it: opened in JupyterLab, in a browser, with the chart growing below its cell.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { browserTest, openBrowser } from "../support/browser.js";
import { type Lab, startLab } from "../support/lab.js";
import { notebookProject } from "../support/notebook-project.js";
import { testPython } from "../support/python.js";

const labTest = testPython ? browserTest : test.skip;

let lab: Lab | undefined;
let browser: Browser | undefined;

test.after(async () => {
	await browser?.close();
	await lab?.close();
});

/** What is seen of the charts below a cell: how many curves, and how long the first one is. */
interface Seen {
	readonly curves: number;
	readonly length: number;
	readonly width: number;
	readonly right: number;
	readonly cellRight: number;
}

const chart = ".jp-OutputArea-output .vega-embed";

const see = (page: Page): Promise<Seen | null> =>
	page.evaluate(`(() => {
		const chart = document.querySelector("${chart}");
		const curves = [...(chart?.querySelectorAll(".mark-line path") ?? [])];
		if (curves.length === 0) return null;
		const { width, right } = chart.querySelector("svg").getBoundingClientRect();
		const cell = chart.closest(".jp-OutputArea").getBoundingClientRect();
		const length = curves[0].getAttribute("d").split("L").length;
		return { curves: curves.length, length, width, right, cellRight: cell.right };
	})()`);

/** What a curve needs to be seen growing; the whole training is the matter of notebooks.test.ts. */
const steps = 24;

function shorten(notebook: string): void {
	const text = readFileSync(notebook, "utf8");
	assert.match(text, "epochs: 6,");
	writeFileSync(notebook, text.replace("epochs: 6,", "epochs: 2,"));
}

labTest("the quickstart runs in JupyterLab, and its chart moves", async () => {
	const project = await notebookProject(testPython as string);
	shorten(join(project.folder, "quickstart.ipynb"));
	lab = await startLab(project.jupyter, project.folder, project.home, {
		...project.env,
	});
	browser = await openBrowser();
	const page = await browser.newPage({
		viewport: { width: 1_280, height: 900 },
	});
	await page.goto(lab.urlOf("quickstart.ipynb"));
	const menu = (name: string) =>
		page.getByRole("menuitem", { name, exact: true });
	await page
		.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
		.waitFor();
	await menu("Edit").click();
	await menu("Clear Outputs of All Cells").click();
	await page.waitForFunction(`!document.querySelector("${chart}")`);
	await menu("Run").click();
	await menu("Run All Cells").click();

	const states: Seen[] = [];
	const last = ".jp-Notebook .jp-CodeCell:last-of-type";
	for (;;) {
		const seen = await see(page);
		if (seen && seen.length !== states.at(-1)?.length) states.push(seen);
		const isDone = await page
			.locator(`${last} .jp-OutputArea-output img`)
			.count();
		if (isDone > 0) break;
		await page.waitForTimeout(200);
	}
	const lengths = states.map(({ length }) => length);
	console.log(`note: the curve was seen with ${lengths.join(", ")} points`);
	assert.ok(new Set(lengths).size >= 3, `${lengths}`);
	assert.ok((lengths[0] as number) < steps);
	assert.is(lengths.at(-1), steps);

	const end = (await see(page)) as Seen;
	assert.is(end.curves, 3);
	assert.ok(end.width > 600 && end.right <= end.cellRight, JSON.stringify(end));
	assert.is(await page.locator(".jp-OutputArea-output progress").count(), 0);
	const errors = page.locator(
		'[data-mime-type="application/vnd.jupyter.stderr"]',
	);
	assert.is(await errors.count(), 0, (await errors.allInnerTexts()).join("\n"));
});

test.run();
