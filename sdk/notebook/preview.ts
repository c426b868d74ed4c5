// showPreview(): rows as the model will see them, their tokens in the colours of their kinds.
import { basename, dirname, join, relative } from "node:path";
import { Preview } from "../preview/preview.js";
import { type Colour, colours } from "./html.js";
import { type MimeBundle, showBundle } from "./kernel.js";

/**
 * Shows a preview with its tokens in colour and its crops as the model sees them; of paths outside the current folder
 * only the end, as a notebook is made to be passed on.
 *
 * Outside a tslab kernel nothing is shown, and the output is returned.
 */
export function showPreview(preview: Preview): MimeBundle | undefined {
	const rows = preview.rows.map((row) => ({ ...row, place: short(row.place) }));
	const named = rows.map((row) => ({
		...row,
		pictures: row.pictures.map((one) => ({ ...one, path: short(one.path) })),
	}));
	return showBundle({
		"text/html": withColours(new Preview({ ...preview, rows }).toHtml()),
		"text/plain": new Preview({ ...preview, rows: named }).toString(),
	});
}

/** A notebook that nobody has trusted yet has no style; what is trained stays bold, and tokens keep colours. */
const withColours = (page: string): string =>
	page.replaceAll(
		/<span class="span (image|answer|end|pad)( trained)?"/g,
		(tag, kind: Colour, trained) =>
			`${tag} style="color:${colours[kind]}${trained ? ";font-weight:bold" : ""}"`,
	);

function short(path: string): string {
	const near = relative("", path);
	return near.startsWith("..")
		? join(basename(dirname(path)), basename(path))
		: near;
}
