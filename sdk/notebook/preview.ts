// showPreview(): rows as the model will see them, their tokens in the colours of their kinds.
import type { Preview } from "../preview/preview.js";
import { type MimeBundle, showBundle } from "./kernel.js";

/**
 * Shows a preview with its tokens in colour and its crops as the model sees them.
 *
 * Outside a tslab kernel nothing is shown, and the output is returned.
 */
export const showPreview = (preview: Preview): MimeBundle | undefined =>
	showBundle({
		"text/html": preview.toHtml(),
		"text/plain": preview.toString(),
	});
