// A preview for a notebook or a browser: one piece of HTML with nothing to load from elsewhere.
import { basename } from "node:path";
import { html, inlinePicture } from "../report/html.js";
import { style } from "./style.js";
import type {
	PreviewData,
	PreviewPicture,
	PreviewRow,
	PreviewSpan,
} from "./types.js";
import { visible, visibleLines } from "./visible.js";
import {
	countOf,
	describeCrops,
	describePicture,
	describeTokens,
	type Table,
	tablesOf,
} from "./words.js";

/** Sides of the shown views, in pixels of the page. */
const wholeSide = 220;
const largestCropSide = 110;

/** A preview as HTML that can stand inside a page or be one. Pictures that cannot be read are shown by name. */
export function renderHtml(preview: PreviewData): string {
	return `<meta charset="utf-8">
<div class="captune-preview">
<style>${style}</style>
${legend}
${preview.rows.map(renderRow).join("\n")}
${tablesOf(preview).map(renderTable).join("\n")}
</div>
`;
}

const kinds: readonly PreviewSpan["kind"][] = [
	"image",
	"prompt",
	"answer",
	"end",
	"pad",
];

const legend = `<p class="legend">${kinds
	.map((kind) => `<span class="span ${kind}">${kind}</span>`)
	.join(
		" ",
	)} <span><span class="trained">underlined</span> is trained</span></p>`;

function renderRow(row: PreviewRow): string {
	const { split, place, spans, pictures, references } = row;
	const rest = pictures.values();
	return `<article class="row">
<p class="head"><b>${shown(split)}</b> <span class="place">${shown(place)}</span> <span class="count">${html(describeTokens(row))}</span></p>
<div class="bar">${spans.map(share).join("")}</div>
<div class="text">${spans
		.map((span) =>
			renderSpan(span, span.kind === "image" ? rest.next().value : undefined),
		)
		.join("")}</div>
${
	references.length === 0
		? ""
		: `<p class="references">references ${references.map((one) => `<q>${shown(one)}</q>`).join(" ")}</p>`
}
${pictures.length === 0 ? "" : `<div class="pictures">${pictures.map(renderPicture).join("")}</div>`}
</article>`;
}

const share = ({ kind, tokens }: PreviewSpan) =>
	`<i class="${kind}" style="flex-grow:${Number(tokens)}"></i>`;

function renderSpan(
	span: PreviewSpan,
	picture: PreviewPicture | undefined,
): string {
	const { kind, trained, tokens } = span;
	const size = countOf(tokens, "token");
	const title = `${kind}, ${size}, ${trained ? "trained" : "not trained"}`;
	const text =
		kind === "image"
			? `[image ${size}${picture === undefined ? "" : `, ${describeCrops(picture)}`}]`
			: kind === "pad"
				? `[pad ${size}]`
				: visibleLines(span.text);
	// A last line feed inside would leave an empty box on the next line.
	const end = text.endsWith("\n") ? "\n" : "";
	const body = html(text.slice(0, text.length - end.length));
	return `<span class="span ${kind}${trained ? " trained" : ""}" title="${html(title)}">${body}</span>${end}`;
}

/** The global view, and beside it the grid as it was cut; the picture itself where there are no views. */
function renderPicture(picture: PreviewPicture): string {
	const { path, crops, grid } = picture;
	const [whole = path, ...tiles] = crops;
	const side = Math.min(
		largestCropSide,
		(2 * wholeSide) / Math.max(grid.rows, grid.columns),
	);
	const views = [view(whole, "the whole", wholeSide)];
	if (tiles.length > 0)
		views.push(
			`<div class="grid" style="grid-template-columns:repeat(${Number(grid.columns)},${side}px)">${tiles
				.map((tile, at) => view(tile, `crop ${at + 1}`, side))
				.join("")}</div>`,
		);
	return `<figure><figcaption>${shown(basename(path))} · ${html(describePicture(picture))}</figcaption><div class="views">${views.join("")}</div></figure>`;
}

function view(path: string, label: string, side: number): string {
	const source = inlinePicture(path);
	const inner =
		source === undefined
			? `<span class="missing">${shown(basename(path))}</span>`
			: `<img alt="${label}" title="${label}" src="${source}">`;
	return `<div class="view" style="width:${side}px">${inner}</div>`;
}

function renderTable({ title, heads, isNumber, rows }: Table): string {
	const line = (tag: string, cells: readonly string[]) =>
		`<tr>${cells
			.map((text, column) => {
				const kind = isNumber[column] ? ' class="number"' : "";
				return `<${tag}${kind}>${shown(text)}</${tag}>`;
			})
			.join("")}</tr>`;
	return `<div class="scroll"><table><caption>${html(title)}</caption>
${line("th", heads)}
${rows.map((row) => line("td", row)).join("\n")}
</table></div>`;
}

const shown = (text: string) => html(visible(text));
