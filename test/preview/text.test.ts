import { stripVTControlCharacters } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { renderText } from "../../sdk/preview/text.js";
import { widthOf } from "../../sdk/preview/wrap.js";
import {
	facts,
	fullRow,
	picture,
	preview,
	row,
	span,
} from "../support/previews.js";

const esc = "\u001b";

/** Colours are asked for by the option alone, whatever the surroundings say. */
const colored = (data: Parameters<typeof renderText>[0], width = 80) =>
	renderText(data, { color: true, width });

test("a row, its pictures, the tensors and the splits", () => {
	assert.is(
		renderText(preview([fullRow()], facts)),
		`prompt «answer<|end|>»  the answer and its end are trained

train  rows.jsonl:1  1,234 tokens, 5 trained
  <|user|>↵
  [image 757 tokens, 2x1 crops + whole]↵
  What is it?<|end|>↵
  <|assistant|>↵
  «a plane<|end|>»[pad 458 tokens]
  picture  pictures/plane.jpg  672x336, 757 tokens, 2x1 crops + whole
  references  a plane | an airplane

Tensors of the batch
  name          shape             dtype      bytes
  pixel_values  [2, 3, 336, 336]  F32    2,709,504

Splits, with tokens of a row: mean (largest)
  split    rows   prompt     pictures    answer
  train  12,000  31 (64)  757 (1,921)  12 (120)`,
	);
});

test("colours tell spans apart, and say the same words", () => {
	const data = preview([fullRow()], facts);
	const text = colored(data);
	const sgr = (codes: readonly number[], body: string) =>
		`${codes.map((code) => `${esc}[${code}m`).join("")}${body}${esc}`;
	assert.ok(text.includes(sgr([36], "[image 757 tokens, 2x1 crops + whole]")));
	assert.ok(text.includes(sgr([2], "What is it?<|end|>↵")));
	assert.ok(text.includes(sgr([32, 1], "a plane")));
	assert.ok(text.includes(sgr([32, 4], "<|end|>")));
	assert.ok(text.includes(sgr([2], "[pad 458 tokens]")));
	assert.is(
		stripVTControlCharacters(text),
		renderText(data).replaceAll(/[«»]/g, ""),
	);
});

test("an answer that is not trained does not look trained", () => {
	const data = preview([
		row({
			spans: [
				span("answer", "earlier", 2),
				span("end", "<|end|>", 1),
				span("prompt", " and now ", 3),
				span("answer", "later", 2, true),
			],
		}),
	]);
	assert.match(renderText(data), "\n  earlier<|end|> and now «later»");
	assert.ok(colored(data).includes(`${esc}[2mearlier<|end|> and now `));
	assert.ok(colored(data).includes(`${esc}[32m${esc}[1mlater`));
});

test("marks of what is trained cannot be forged by data", () => {
	const spans = [
		span("prompt", "«forged» ", 3),
		span("answer", "a»b", 2, true),
	];
	assert.match(
		renderText(preview([row({ spans })])),
		"\n  \\u{ab}forged\\u{bb} «a\\u{bb}b»",
	);
	assert.match(colored(preview([row({ spans })])), "«forged»");
});

test("control characters and what hides or turns text are shown, never passed on", () => {
	const hostile = `${esc}[2J\u009b31m\u0007\b\0\x7f\r\t\u202e\u2066\u200b\u2028\ufeff\ud800`;
	const shown =
		"\\u{1b}[2J\\u{9b}31m\\u{7}\\u{8}\\u{0}\\u{7f}\\r\\t\\u{202e}\\u{2066}\\u{200b}\\u{2028}\\u{feff}\\u{d800}";
	const [tensor] = facts.tensors ?? [];
	const data = preview(
		[
			row({
				split: hostile,
				place: hostile,
				spans: [
					span("prompt", hostile, 1),
					span("answer", hostile, 1, true),
					span("end", hostile, 1, true),
				],
				pictures: [{ ...picture(0, 0), path: hostile }],
				references: [`${hostile}\nx`],
			}),
		],
		{ tensors: tensor ? [{ ...tensor, name: hostile }] : [] },
	);
	const plain = renderText(data, { width: 400 });
	assert.is(plain.split(shown).length - 1, 8);
	assert.match(plain, `${shown}↵x`);
	for (const text of [plain, stripVTControlCharacters(colored(data, 400))])
		assert.not.match(
			text.replaceAll("\n", ""),
			/[\p{Cc}\p{Cs}\u202e\u2066\u200b\u2028\ufeff]/u,
		);
});

test("emoji that are joined stay whole", () => {
	const spans = [span("answer", "👩🏽‍✈️", 5, true)];
	assert.match(renderText(preview([row({ spans })])), "«👩🏽‍✈️»");
});

test("no line of a row's text is wider than the terminal, and none loses a word", () => {
	const words = Array.from({ length: 60 }, (_, at) => "w".repeat(1 + (at % 9)));
	const long = "x".repeat(130);
	const chinese = "图片里是什么飞机".repeat(12);
	const spans = [
		span("prompt", `${words.join(" ")} ${long} ${chinese}`, 80),
		span("answer", words.join(" "), 60, true),
	];
	for (const width of [50, 80, 100]) {
		for (const color of [false, true]) {
			const text = stripVTControlCharacters(
				renderText(preview([row({ spans })]), { width, color }),
			);
			const body = text.split("\n").slice(3);
			assert.ok(body.every((line) => widthOf(line) <= width));
			assert.is(
				body.join("").replaceAll(/[ «»]/g, ""),
				[...words, long, chinese, ...words].join(""),
			);
			const broken = body
				.flatMap((line) => line.trim().split(" "))
				.filter((word) => /^w+$/.test(word));
			assert.ok(broken.every((word) => word.length <= 9));
			assert.ok(broken.length >= 2 * words.length - 4);
		}
	}
});

test("width is counted in columns", () => {
	assert.is(widthOf("plane"), 5);
	assert.is(widthOf("飞机"), 4);
	assert.is(widthOf("é"), 1);
	assert.is(widthOf("e\u0301"), 1);
	assert.is(widthOf("👩🏽‍✈️"), 2);
});

test("a place that does not fit beside the counts keeps its line", () => {
	const place = `/data/${"long/".repeat(14)}rows.jsonl:7`;
	const lines = renderText(preview([row({ place })])).split("\n");
	assert.equal(lines.slice(2, 4), [
		`train  ${place}`,
		"  10 tokens, 2 trained",
	]);
});

test("a long name in a table gives way to its figures", () => {
	const [tensor] = facts.tensors ?? [];
	assert.ok(tensor);
	const name = `model.${"layers.".repeat(12)}weight`;
	const text = renderText(preview([], { tensors: [{ ...tensor, name }] }));
	const line = text.split("\n").at(-1) as string;
	assert.is(widthOf(line), 80);
	assert.match(
		line,
		/^ {2}….+layers\.weight {2}\[2, 3, 336, 336\] {2}F32 +2,709,504$/,
	);
});

test("pictures belong to image spans in order; a picture may have no crops", () => {
	const spans = [span("image", "", 700), span("image", "", 1)];
	const pictures = [picture(3, 2), picture(0, 0)];
	const text = renderText(preview([row({ spans, pictures })]));
	assert.match(
		text,
		"[image 700 tokens, 2x3 crops + whole][image 1 token, whole only]",
	);
	const more = row({ spans, pictures: [] });
	assert.match(
		renderText(preview([more])),
		"[image 700 tokens][image 1 token]",
	);
});

test.run();
