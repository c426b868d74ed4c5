// The page as a person sees it: in a browser, light and dark, on a phone and on paper.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { report } from "../../sdk/index.js";
import { readRun } from "../../sdk/report/read.js";
import { browserTest, openBrowser } from "../support/browser.js";
import { writeRun } from "../support/run-folder.js";

const hostile = `<script>owned = 1</script><img src=x onerror="owned = 1"> 'quoted' & </title></style>`;

const folder = writeRun({ text: hostile });
const address = pathToFileURL(await report(folder)).href;
const { test: scored } = readRun(folder).result ?? {};
const told = scored?.difference?.["rouge1"];

interface Look {
	readonly colorScheme: "light" | "dark";
	readonly media?: "print";
	readonly width: number;
	readonly javaScriptEnabled?: boolean;
}

const looks: Readonly<Record<string, Look>> = {
	"in light": { colorScheme: "light", width: 1_280 },
	"in dark": { colorScheme: "dark", width: 1_280 },
	"on a phone": { colorScheme: "light", width: 390 },
	"on a phone in dark": { colorScheme: "dark", width: 390 },
	"in print": { colorScheme: "dark", media: "print", width: 700 },
};

let browser: Browser | undefined;
const requests: string[] = [];

test.after(() => browser?.close());

/** The page, with what it asks for noted. */
async function open(look: Look): Promise<Page> {
	const { colorScheme, media, width, javaScriptEnabled = true } = look;
	browser ??= await openBrowser();
	const viewport = { width, height: 900 };
	const context = await browser.newContext({
		...{ colorScheme, viewport, javaScriptEnabled },
	});
	context.on("request", (request) => requests.push(request.url()));
	const page = await context.newPage();
	await page.addInitScript({
		path: fileURLToPath(new URL("../fixtures/seen.js", import.meta.url)),
	});
	if (media !== undefined) await page.emulateMedia({ media });
	await page.goto(address);
	return page;
}

interface Seen {
	readonly text: string;
	/** Red, green and blue. */
	readonly color: readonly [number, number, number];
	/** With what is behind it, as WCAG 2 counts. */
	readonly contrast: number;
	readonly left: number;
	readonly right: number;
	readonly width: number;
	readonly height: number;
}

/** What of a selector is seen. */
const see = (page: Page, selector: string): Promise<Seen[]> =>
	page.evaluate(`seen(${JSON.stringify(selector)})`);

const textsOf = async (page: Page, selector: string) =>
	(await see(page, selector)).map(({ text }) => text);

const rowsOf = (page: Page) => textsOf(page, "article .head span");

const fixed = (value: number | null | undefined) => value?.toFixed(3) ?? "";

for (const [name, look] of Object.entries(looks))
	browserTest(`everything that matters is seen ${name}`, async () => {
		const page = await open(look);
		const [head] = await see(page, "h1");
		assert.is(head?.text, hostile);
		const isDark = look.colorScheme === "dark" && look.media !== "print";
		assert.ok(
			head?.color.every((part) => (isDark ? part > 200 : part < 60)),
			`${head?.color}`,
		);
		assert.equal(await textsOf(page, ".headline dd"), [
			fixed(scored?.tuned?.values["rouge1"]),
			fixed(scored?.base?.values["rouge1"]),
			`+${fixed(told?.difference)}95 %: +${fixed(told?.low)} to +${fixed(told?.high)}`,
			"0.300",
		]);

		const charts = await textsOf(page, ".charts figcaption");
		assert.equal(
			charts.map((title) => title.replace(/ \(.*/, "")),
			[
				"Training loss",
				"Validation loss",
				"Validation ROUGE-1",
				"Learning rate",
				"Throughput",
			],
		);
		const curves = await see(page, "figure .mark-line path");
		assert.is(curves.length, 5);
		for (const { width, height } of curves)
			assert.ok(width > 80 && height > 5, `${width} x ${height}`);
		assert.equal(
			(await see(page, "figure svg text")).filter(({ text }) => text === "best")
				.length,
			3,
		);

		const loaded: number[] = await page.evaluate(
			"Promise.all([...document.images].map(async (image) => (await image.decode(), image.naturalWidth)))",
		);
		assert.equal(loaded, [64, 64, 64, 64, 64]);
		assert.is((await see(page, "article img")).length, 5);

		const answers = {
			expected: ([red, green, blue]: Seen["color"]) =>
				green > 1.2 * red && green > 1.2 * blue,
			base: ([red, green, blue]: Seen["color"]) =>
				red > 1.5 * green && red > 1.5 * blue,
			tuned: ([red, green, blue]: Seen["color"]) =>
				blue > 1.2 * green && green > 1.2 * red,
		};
		for (const [kind, isItsColour] of Object.entries(answers)) {
			const all = await see(page, `article .${kind} dd`);
			assert.is(all.length, 6, kind);
			for (const { color } of all) assert.ok(isItsColour(color), `${color}`);
		}
		assert.ok((await textsOf(page, ".expected dd")).includes(hostile));

		const read = ["h1", "h2", "p", "dt", "dd", "td", "th", "li", "figcaption"];
		for (const selector of [...read, "figure svg text"])
			for (const { text, contrast } of await see(page, selector))
				if (text !== "best")
					assert.ok(contrast >= 4.5, `${selector}: ${text} ${contrast}`);

		const width: number = await page.evaluate(
			"document.documentElement.scrollWidth",
		);
		assert.ok(width <= look.width, `${width} pixels wide`);
		for (const { left, right } of await see(page, "article, figure, .facts"))
			assert.ok(left >= 0 && right <= look.width);
		assert.is(
			(await see(page, ".sort button")).length,
			look.media === "print" ? 0 : 3,
		);
		await page.context().close();
	});

browserTest("cards are put in order, and back", async () => {
	const page = await open({ colorScheme: "light", width: 1_280 });
	const orders = {
		gain: "1 2 5 3 6 4",
		score: "1 2 3 5 6 4",
		row: "1 2 3 4 5 6",
	};
	const order = async () => (await rowsOf(page)).join(" ");
	const named = (rows: string) => rows.replaceAll(/\d/g, "row $&");
	const turned = (rows: string) => rows.split(" ").reverse().join(" ");
	assert.is(await order(), named(orders.gain));
	for (const [key, rows] of [...Object.entries(orders)].reverse()) {
		await page.click(`.sort button[data-key="${key}"]`);
		assert.is(await order(), named(rows), key);
		assert.equal(await textsOf(page, '.sort [aria-pressed="true"]'), [key]);
		await page.click(`.sort button[data-key="${key}"]`);
		assert.is(await order(), named(turned(rows)), `${key} again`);
	}
	await page.context().close();
});

browserTest("without its script the page reads as well", async () => {
	const page = await open({
		...{ colorScheme: "light", width: 1_280, javaScriptEnabled: false },
	});
	assert.not(await page.locator(".sort").isVisible());
	assert.is(await page.locator("article").count(), 6);
	const first = page.locator("article").first();
	assert.ok(await first.isVisible());
	assert.match(await first.innerText(), /row 1\s+\+0\.80/);
	await page.context().close();
});

browserTest(
	"no script of others runs, and nothing is asked of the network",
	async () => {
		const page = await open({ colorScheme: "light", width: 1_280 });
		assert.is(await page.title(), `${hostile} · captune`);
		assert.is(await page.evaluate("typeof owned"), "undefined");
		assert.ok(requests.length > 0);
		for (const url of requests)
			assert.ok(url === address || url.startsWith("data:"), url.slice(0, 80));

		// Even where markup got in.
		let asked = 0;
		const server = createServer((_, answer) => {
			asked++;
			answer.end();
		});
		await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
		server.unref();
		const { port } = server.address() as AddressInfo;
		const answer = await page.evaluate(`{
			document.body.append(Object.assign(document.createElement("script"), { textContent: "owned = 2" }));
			document.body.insertAdjacentHTML("beforeend", '<img src="http://127.0.0.1:${port}/" onerror="owned = 3">');
			fetch("http://127.0.0.1:${port}/").then(() => "answered", () => "refused");
		}`);
		assert.is(answer, "refused");
		await page.waitForFunction("document.images[5].complete");
		assert.is(await page.evaluate("typeof owned"), "undefined");
		assert.is(asked, 0);
		await page.context().close();
	},
);

test.run();
