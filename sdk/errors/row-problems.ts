// Why a row of data cannot be used: the twins of `RowCode` and `PictureCode` in the worker.
import type { Explanation } from "./codes.js";

export const rowProblems = {
	ROW_SYNTAX: {
		cause: "A line that is not what its format demands.",
		remedy: "Mend the line; the issue names it.",
	},
	ROW_NOT_OBJECT: {
		cause: "JSON that is no object.",
		remedy: "Write one object a row.",
	},
	COLUMN_MISSING: {
		cause: "The row has no such column.",
		remedy:
			"Name the right one in `data.columns`; the issue lists those that are there.",
	},
	TEXT_TYPE: {
		cause: "Something else where a text belongs.",
		remedy: "Write a text, or for answers a list of texts.",
	},
	TEXT_EMPTY: {
		cause: "An empty text.",
		remedy: "Write one, or drop the row.",
	},
	TEXT_RESERVED: {
		cause:
			"Text with a sign of the model's own format, such as `<|end|>`, which the model would obey.",
		remedy: "Take it out of the text.",
	},
	PICTURE_TYPE: {
		cause: "Something else where a picture belongs.",
		remedy: "Give a path, a URL, a `data:` URL, bytes, or a list of these.",
	},
	PICTURE_COUNT: {
		cause: "More or fewer pictures than places for them.",
		remedy: "Make `<image>` places and pictures equal, or give no places.",
	},
	PICTURE_THIN: {
		cause: "So thin that nothing is left of its short side.",
		remedy: "Crop it.",
	},
	PICTURE_MISSING: {
		cause: "No file, or one that cannot be opened.",
		remedy: "Relative paths start at the folder of their data file.",
	},
	PICTURE_FORMAT: {
		cause:
			"None of JPEG, PNG, WebP, GIF, BMP and TIFF, whatever its name says.",
		remedy: "Convert it.",
	},
	PICTURE_DAMAGED: { cause: "Cut short or broken.", remedy: "Fetch it again." },
	PICTURE_TOO_LARGE: {
		cause: "More pixels than `data.pictures.maxPixels`, by its header.",
		remedy: "Make it smaller, or raise the limit.",
	},
	PICTURE_OUTSIDE: {
		cause:
			"A path out of the folders that rows may point into, symbolic links included.",
		remedy: "Move it, or add its folder to `data.pictures.roots`.",
	},
	PICTURE_HOST: {
		cause: "A URL to a host that may not be asked.",
		remedy:
			"Add the host to `data.pictures.hosts`; private addresses are never asked.",
	},
	PICTURE_DOWNLOAD: {
		cause:
			"The host did not deliver it: no answer in time, an error, or more bytes than are allowed.",
		remedy:
			"The issue has the reason; `data.pictures` has `downloadTimeoutMs` and `maxDownloadBytes`.",
	},
	MESSAGES_INVALID: {
		cause: "No conversation.",
		remedy: "Write a list of `{ role, content }`.",
	},
	ANSWER_MISSING: {
		cause: "A conversation that does not end with an answer.",
		remedy: "End it with a turn of the assistant.",
	},
	METADATA_MISSING: {
		cause: "A picture of an image folder that no metadata names.",
		remedy: "Add a line with its `file_name`, or take the picture away.",
	},
	ROW_TOO_LONG: {
		cause:
			"More tokens than `data.maxTokens` or the model takes; a picture's tokens are never cut.",
		remedy: "Shorten the texts, lower `model.imageCrops`, or raise the limit.",
	},
} as const satisfies Readonly<Record<string, Explanation>>;

/** Why a row cannot be used. */
export type RowProblemCode = keyof typeof rowProblems;
