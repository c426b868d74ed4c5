// The way to a notebook's cell: rich outputs of the tslab kernel that this process is, if it is one.
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";

/** One output in several formats, by their media types; whoever shows it takes the best that it knows. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** A place below a cell. */
export interface Display {
	/** Shows something, in place of what it showed before. */
	show(bundle: MimeBundle): void;
}

type Write = (
	content: {
		readonly data: MimeBundle;
		readonly metadata: MimeBundle;
		readonly transient: { readonly display_id: string };
	},
	isUpdate: boolean,
) => void;

/** What JupyterLab 4 draws as a chart. */
export const vegaLite = "application/vnd.vegalite.v5+json";

/** Sharp at every zoom, and without a menu beside each chart. */
const drawing = { embed_options: { actions: false, renderer: "svg" } };

/** A place below the cell that runs now; undefined where there is no kernel. */
export function openDisplay(): Display | undefined {
	const write = findWrite();
	if (write === undefined) return undefined;
	const id = randomBytes(8).toString("hex");
	let isUpdate = false;
	return {
		show(data) {
			const metadata = vegaLite in data ? { [vegaLite]: drawing } : {};
			write({ data, metadata, transient: { display_id: id } }, isUpdate);
			isUpdate = true;
		},
	};
}

/**
 * tslab's own `display` knows one format at a time, and a chart needs several: what it calls itself, which is bound to
 * the cell that runs, is found among the modules of the process.
 */
function findWrite(): Write | undefined {
	const { cache } = createRequire(import.meta.url);
	for (const module of Object.values(cache))
		if (/[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(module?.filename ?? "")) {
			const write: Write | null = module?.exports.lastWriteDisplayData;
			if (write) return write;
		}
	return undefined;
}

/** Below the cell that runs now; without a kernel it goes back to the caller. */
export function showBundle(bundle: MimeBundle): MimeBundle | undefined {
	const display = openDisplay();
	if (display === undefined) return bundle;
	display.show(bundle);
	return undefined;
}
