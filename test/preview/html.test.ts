import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { renderHtml } from "../../sdk/preview/html.js";
import { style } from "../../sdk/preview/style.js";
import {
	facts,
	fullRow,
	picture,
	preview,
	row,
	span,
} from "../support/previews.js";

const hostile = `<script>alert("x")</script> & 'quoted' \u202e\0`;
const harmless =
	"&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;quoted&#39; \\u{202e}\\u{0}";

const sources = (page: string) =>
	[...page.matchAll(/src="data:image\/png;base64,([^"]+)"/g)].map(
		([, data]) => data,
	);

const base64 = (file: string) => readFileSync(file).toString("base64");

test("spans carry their kind, their size and whether they are trained", () => {
	const page = renderHtml(preview([fullRow()], facts));
	for (const part of [
		`<span class="span image" title="image, 757 tokens, not trained">[image 757 tokens, 2x1 crops + whole]</span>`,
		`<span class="span answer trained" title="answer, 4 tokens, trained">a plane</span>`,
		`<span class="span end trained" title="end, 1 token, trained">&lt;|end|&gt;</span>`,
		`<span class="span pad" title="pad, 458 tokens, not trained">[pad 458 tokens]</span>`,
		"1,234 tokens, 5 trained",
		"<q>an airplane</q>",
		"[2, 3, 336, 336]",
		"757 (1,921)",
	])
		assert.ok(page.includes(part), part);
	const shares = [...page.matchAll(/flex-grow:(\d+)/g)].map(([, n]) =>
		Number(n),
	);
	assert.equal(shares, [2, 757, 12, 4, 1, 458]);
});

test("an answer that is not trained is not marked", () => {
	const page = renderHtml(
		preview([row({ spans: [span("answer", "earlier", 2)] })]),
	);
	assert.match(page, `<span class="span answer" title=`);
	assert.not.match(page, "answer trained");
});

test("every view is inside the page: the whole first, then the grid row by row", () => {
	const [wide, tall] = [picture(1, 2), picture(3, 2)];
	const page = renderHtml(preview([row({ pictures: [wide, tall] })]));
	assert.equal(
		sources(page),
		[...wide.crops, ...tall.crops].map((file) => base64(file)),
	);
	assert.equal(
		[...page.matchAll(/repeat\((\d+),/g)].map(([, n]) => Number(n)),
		[2, 2],
	);
	assert.not.match(page, /(src|href)="(?!data:)/);
	assert.not.match(page, /url\(|@import/);
});

test("a picture without crops has no grid, and one without views is shown itself or named", () => {
	const whole = picture(0, 0);
	const page = renderHtml(preview([row({ pictures: [whole] })]));
	assert.equal(sources(page), whole.crops.map(base64));
	assert.not.match(page, `class="grid"`);
	const [file] = whole.crops;
	const itself = { ...whole, path: file as string, crops: [] };
	const shown = renderHtml(preview([row({ pictures: [itself] })]));
	assert.equal(sources(shown), [base64(file as string)]);
	const gone = { ...whole, crops: ["/nowhere/view.png"] };
	const named = renderHtml(preview([row({ pictures: [gone] })]));
	assert.equal(sources(named), []);
	assert.match(named, `<span class="missing">view.png</span>`);
});

test("other people's text shows as text, wherever it stands", () => {
	const [tensor] = facts.tensors ?? [];
	const page = renderHtml(
		preview(
			[
				row({
					split: hostile,
					place: hostile,
					spans: (["prompt", "answer", "end"] as const).map((kind) =>
						span(kind, hostile, 1),
					),
					pictures: [
						{
							...picture(0, 0),
							path: `"><img src=x onerror=alert(1)>.png`,
							crops: [`"><img src=y onerror=alert(2)>.png`],
						},
					],
					references: [hostile],
				}),
			],
			{ tensors: tensor ? [{ ...tensor, name: hostile, dtype: hostile }] : [] },
		),
	);
	assert.is(page.split(harmless).length - 1, 8);
	assert.not.match(page, "<script");
	assert.not.match(page, "<img");
	assert.not.match(page, /[\u202e\0]/);
});

test("a line feed at the end of a span breaks the line after it", () => {
	const spans = [span("prompt", "a\nb\n", 4), span("answer", "c", 1, true)];
	assert.match(
		renderHtml(preview([row({ spans })])),
		/>a↵\nb↵<\/span>\n<span class="span answer/,
	);
});

test("every rule of the style is bound to the preview, in light and in dark", () => {
	const selectors = style
		.replaceAll(/@media[^{]+\{/g, "")
		.matchAll(/([^{}]+)\{[^}]*\}/g);
	const found = [...selectors].flatMap(([, list]) =>
		(list as string).split(",").map((one) => one.trim()),
	);
	assert.ok(found.length > 30);
	for (const selector of found)
		assert.match(
			selector,
			/^((\[data-jp-theme-light="(true|false)"\]|\.vscode-(light|dark)) )?\.captune-preview( |$)/,
			selector,
		);
	assert.match(style, "prefers-color-scheme: dark");
});

test("an empty preview is a page too", () => {
	assert.match(renderHtml(preview([])), "captune-preview");
});

test.run();
