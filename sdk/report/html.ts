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
	if (pictureBytes(path) === 0) return undefined;
	const type = mediaTypes[extname(path).toLowerCase()];
	return `data:${type};base64,${readFileSync(path).toString("base64")}`;
}

/** Bytes of the file that `inlinePicture` would put into a page; 0 where it would not. */
export function pictureBytes(path: string): number {
	if (mediaTypes[extname(path).toLowerCase()] === undefined) return 0;
	const file = statSync(path, { throwIfNoEntry: false });
	const size = file?.isFile() ? file.size : 0;
	return size > maxPictureBytes ? 0 : size;
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
