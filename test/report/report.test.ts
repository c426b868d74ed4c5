import { createHash } from "node:crypto";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InputError, report, resolveSpec } from "../../sdk/index.js";
import { readRun } from "../../sdk/report/read.js";
import { temporaryFolder } from "../support/folders.js";
import { striped } from "../support/pictures.js";
import { type RunOutline, writeRun } from "../support/run-folder.js";

const hostile = `<script>alert("x")</script> & 'quoted' <img onerror=x> \u202e`;
const harmless =
	"&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;quoted&#39; &lt;img onerror=x&gt; \\u{202e}";

const pageOf = async (folder: string) =>
	readFileSync(await report(folder), "utf8");

const reported = (outline?: RunOutline) => pageOf(writeRun(outline));

const rowsOf = (page: string) =>
	[...page.matchAll(/<article data-row="(\d+)"/g)].map(([, row]) =>
		Number(row),
	);

test("the page is one file with the curves, the scores, and the pictures in it", async () => {
	const folder = writeRun();
	const file = await report(folder);
	assert.is(file, join(folder, "report.html"));
	const page = readFileSync(file, "utf8");
	assert.is(page.match(/<svg/g)?.length, 5);
	for (const title of [
		"Training loss",
		"Validation loss",
		"Validation ROUGE-1",
		"Learning rate",
		"Throughput",
	])
		assert.match(page, `<figcaption>${title}`);
	const { base, tuned, difference } = readRun(folder).result?.test ?? {};
	const told = difference?.["rouge1"];
	assert.ok(told !== undefined && told.low > 0);
	for (const figure of [
		`<dd>${tuned?.values["rouge1"]?.toFixed(3)}</dd>`,
		`<dd>${base?.values["rouge1"]?.toFixed(3)}</dd>`,
		"<dd>0.300</dd>",
		`<dd>+${told.difference.toFixed(3)}<small>95 %: +${told.low.toFixed(3)} to +${told.high.toFixed(3)}</small>`,
		"paired bootstrap over 6 rows.</p>",
		"<b>0.99</b>",
		"<td>2 ANSWER_EMPTY<br>1 IMAGE_UNREADABLE</td>",
		"<td>757.3 (1,921)</td>",
		"<dt>torch</dt><dd>2.13.0</dd>",
		"<dt>method.rank</dt><dd>16</dd>",
		"<b>DATA_CHECK</b> plain <small>2 times</small>",
		"One step was not finite and changed nothing.",
		`<div class="missing">gone.png</div>`,
	])
		assert.ok(page.includes(figure), figure);
	const picture = striped(64, 40, 4).toString("base64");
	assert.match(page, `src="data:image/bmp;base64,${picture}"`);
	assert.not.match(page, /(src|href)="(?!data:)/);
	assert.not.match(page, /url\(|@import/);
	assert.equal(readdirSync(join(folder, "charts")), [
		"evaluation-loss.svg",
		"evaluation-rouge1.svg",
		"learning-rate.svg",
		"throughput.svg",
		"training-loss.svg",
	]);
});

test("cards go from the largest gain to the largest loss, each with its gain", async () => {
	const page = await reported();
	assert.equal(rowsOf(page), [0, 1, 4, 2, 5, 3]);
	const gains = [...page.matchAll(/data-gain="([^"]+)"/g)].map(([, gain]) =>
		Number(gain).toFixed(2),
	);
	assert.equal(gains, ["0.80", "0.69", "0.66", "0.58", "0.55", "-0.20"]);
	assert.match(page, "<span>row 1</span><b>+0.80</b>");
	assert.match(page, "<span>row 4</span><b>−0.20</b>");
});

test("where less is better, less is a gain", async () => {
	const folder = writeRun();
	const file = join(folder, "spec.json");
	const spec = JSON.parse(readFileSync(file, "utf8"));
	spec.evaluation.best.direction = "min";
	writeFileSync(file, JSON.stringify(spec));
	const page = await pageOf(folder);
	assert.equal(rowsOf(page), [3, 5, 2, 4, 1, 0]);
	assert.match(page, "<span>row 4</span><b>+0.20</b>");
	assert.match(page, /data-row="0" data-gain="-0.8" data-score="-1"/);
});

test("a difference that may be chance is told as one", async () => {
	const folder = writeRun();
	const file = join(folder, "result.json");
	const result = JSON.parse(readFileSync(file, "utf8"));
	result.test.difference.rouge1.low = -0.01;
	writeFileSync(file, JSON.stringify(result));
	const page = await pageOf(folder);
	assert.match(page, /<small>95 %: −0\.010 to \+0\.\d{3}<\/small>/);
	assert.match(
		page,
		"It holds 0: a difference as small as this may be chance.",
	);
});

test("a run without anything to judge by says so", async () => {
	const folder = temporaryFolder();
	const spec = resolveSpec({
		model: { nameOrPath: "captune/airplanes-tiny" },
		data: { train: { kind: "airplanes", split: "train" } },
	});
	writeFileSync(join(folder, "spec.json"), JSON.stringify(spec));
	assert.match(await pageOf(folder), "Nothing was scored");
});

test("captions, names and settings show as text, and a policy allows one script only", async () => {
	const page = await reported({ text: hostile });
	assert.is(page.split(harmless).length - 1, 6, "everywhere");
	const file = `${harmless.replaceAll("/", "")}.bmp`;
	assert.match(page, `alt="${file}" title="${file}"`);
	assert.not.match(page, "<img onerror");
	assert.not.match(page, "\u202e");
	const scripts = [...page.matchAll(/<script>(.*?)<\/script>/gs)];
	assert.is(scripts.length, 1);
	const hash = createHash("sha256")
		.update(scripts[0]?.[1] ?? "")
		.digest("base64");
	const policy =
		/<meta http-equiv="Content-Security-Policy" content="([^"]+)">/.exec(page);
	assert.match(policy?.[1] ?? "", "default-src 'none'");
	assert.match(policy?.[1] ?? "", `script-src 'sha256-${hash}';`);
});

test("a run of 3,000 steps stays small, and says what it put together", async () => {
	const page = await reported({ steps: 3_000, everySteps: 10, rows: 120 });
	assert.ok(page.length < 1_000_000, `${page.length} characters`);
	for (const values of ["2,999", "3,000"])
		assert.match(
			page,
			`${values} values as 300 points: each is the mean of 10`,
		);
	const rows = rowsOf(page);
	assert.is(rows.length, 48);
	assert.is(new Set(rows).size, 48);
	assert.match(page, "48 of 120, spread evenly from the best to the worst.");
	assert.equal([rows[0], rows.at(-1)], [0, 3], "both ends are there");
});

test("pictures that are too much for one file are left to fewer rows", async () => {
	const folder = writeRun({ rows: 10 });
	for (let row = 0; row < 10; row++)
		if (row !== 1 && row !== 2)
			writeFileSync(join(folder, `${row}.bmp`), striped(1_000, 660, row));
	const page = await pageOf(folder);
	assert.ok(page.length < 21_000_000, `${page.length} characters`);
	assert.is(rowsOf(page).length, 9);
	writeFileSync(join(folder, "0.bmp"), striped(1_000, 700, 0));
	assert.match(await pageOf(folder), `<div class="missing">0.bmp</div>`);
});

test("a run that failed tells why, and how far it came", async () => {
	const folder = writeRun({ ending: "failed", text: hostile });
	const page = await pageOf(folder);
	for (const part of [
		"This run failed",
		"failed after 12 steps",
		"<b>OUT_OF_MEMORY</b> The device has no memory left.",
		"`training.batchSize` does not fit (got 6). Take 3.",
		"<summary>Python traceback</summary>",
		"ROUGE-1 on the validation split",
		"Training loss",
	])
		assert.ok(page.includes(part), part);
	assert.not.match(page, "<article");
	assert.match(await reported({ ending: "canceled" }), "This run was canceled");
});

test("a run that broke off, even in the middle of a line, can be told too", async () => {
	const folder = writeRun({ ending: "none" });
	const events = join(folder, "events.jsonl");
	writeFileSync(events, readFileSync(events, "utf8").slice(0, -20));
	const page = await pageOf(folder);
	assert.match(page, "This run has not ended");
	assert.match(page, "Training loss");
	rmSync(join(folder, "predictions"), { recursive: true });
	rmSync(events);
	assert.match(await pageOf(folder), "This run has not ended");
});

test("the result of a run that was stopped does not tell of a later attempt", async () => {
	const folder = writeRun();
	const file = join(folder, "events.jsonl");
	const events = readFileSync(file, "utf8");
	assert.match(await pageOf(folder), "completed after 12 steps in 8 min 41 s");
	const [first] = events.split("\n", 1).map((line) => JSON.parse(line));
	const seq = events.split("\n").length;
	const later = { ...first, attempt: 2, seq };
	writeFileSync(file, `${events}${JSON.stringify(later)}\n`);
	const page = await pageOf(folder);
	assert.not.match(page, "completed after");
	assert.match(page, "not ended after 12 steps");
});

test("a folder without a run is refused", async () => {
	const folder = temporaryFolder();
	mkdirSync(join(folder, "charts"));
	const error = await report(folder).catch((error) => error);
	assert.instance(error, InputError);
	assert.is(error.code, "RUN_UNKNOWN");
	assert.not(existsSync(join(folder, "report.html")));
});

test.run();
