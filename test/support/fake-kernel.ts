// What tslab looks like from inside its process: the module that knows the cell which runs.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { temporaryFolder } from "./folders.js";

export interface Shown {
	readonly data: Readonly<Record<string, unknown>>;
	readonly metadata: Readonly<Record<string, unknown>>;
	readonly place: string;
	readonly isUpdate: boolean;
}

/** From now on this process is a kernel, until `end`; what it shows is kept in order. */
export function fakeKernel(): { readonly shown: Shown[]; end(): void } {
	const folder = join(temporaryFolder(), "tslab", "dist");
	mkdirSync(folder, { recursive: true });
	const file = join(folder, "jupyter.js");
	writeFileSync(file, "exports.lastWriteDisplayData = null;");
	const require = createRequire(file);
	const module = require(file);
	const shown: Shown[] = [];
	module.lastWriteDisplayData = (
		content: Shown & { readonly transient: { readonly display_id: string } },
		isUpdate: boolean,
	) => {
		const { data, metadata, transient } = content;
		shown.push({ data, metadata, place: transient.display_id, isUpdate });
	};
	return {
		shown,
		end() {
			module.lastWriteDisplayData = null;
		},
	};
}
