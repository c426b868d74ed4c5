// A notebook in JupyterLab as a person sees it, in a browser: what is run, and what is shown below its cells.
import type { Page } from "playwright-core";

/** What is seen of the charts below a cell: how many curves, and how long the first one is. */
export interface SeenChart {
	readonly curves: number;
	readonly length: number;
	readonly width: number;
	readonly right: number;
	readonly cellRight: number;
}

const seeChart = (page: Page): Promise<SeenChart | null> =>
	page.evaluate(`(() => {
		const chart = document.querySelector(".jp-OutputArea-output .vega-embed");
		const curves = [...(chart?.querySelectorAll(".mark-line path") ?? [])];
		if (curves.length === 0) return null;
		const { width, right } = chart.querySelector("svg").getBoundingClientRect();
		const cell = chart.closest(".jp-OutputArea").getBoundingClientRect();
		const length = curves[0].getAttribute("d").split("L").length;
		return { curves: curves.length, length, width, right, cellRight: cell.right };
	})()`);

const limitMs = 240_000;

/** Runs all cells until the last one shows a picture; every length that the chart was seen with, and its last look. */
export async function runAllCells(
	page: Page,
): Promise<{ readonly lengths: readonly number[]; readonly end: SeenChart }> {
	// Before, JupyterLab would ask which kernel to run them in.
	await page.getByText("TypeScript | Idle").waitFor();
	for (const name of ["Run", "Run All Cells"])
		await page.getByRole("menuitem", { name, exact: true }).click();
	const lengths: number[] = [];
	const picture = page.locator(
		".jp-Notebook .jp-CodeCell:last-of-type .jp-OutputArea-output img",
	);
	for (const deadline = Date.now() + limitMs; Date.now() < deadline; ) {
		const isDone = (await picture.count()) > 0;
		const seen = await seeChart(page);
		if (seen && seen.length !== lengths.at(-1)) lengths.push(seen.length);
		if (isDone && seen) return { lengths, end: seen };
		await page.waitForTimeout(200);
	}
	const shown = await page.locator(".jp-OutputArea-output").allInnerTexts();
	throw new Error(`The cells are not done; they show: ${shown.join("\n")}`);
}
