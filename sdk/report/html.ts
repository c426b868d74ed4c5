// What every page needs: other people's text as text, and pictures inside the page.
import { readFileSync, statSync } from "node:fs";
import { extname } from "node:path";

/** A page must stay a file that can be mailed. */
const maxPictureBytes = 2_000_000;

const mediaTypes: Readonly<Record<string, string>> = {
	".png": "image/png",
	".jpg": "image/jpeg",
	".jpeg": "image/jpeg",
	".webp": "image/webp",
	".gif": "image/gif",
	".bmp": "image/bmp",
};

/** The picture as a `data:` URL; undefined where there is none that a browser shows, or it is too large. */
export function inlinePicture(path: string): string | undefined {
	const type = mediaTypes[extname(path).toLowerCase()];
	const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
	if (type === undefined || size === 0 || size > maxPictureBytes)
		return undefined;
	return `data:${type};base64,${readFileSync(path).toString("base64")}`;
}

/** Captions, file names and settings are other people's text. */
export function html(text: string): string {
	return text
		.replaceAll("&", "&amp;")
		.replaceAll("<", "&lt;")
		.replaceAll(">", "&gt;")
		.replaceAll('"', "&quot;")
		.replaceAll("'", "&#39;");
}
