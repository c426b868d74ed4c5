// `npm run notebooks:execute`: executes the notebooks and keeps their outputs, as they are committed.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureEnvironment } from "../sdk/launch/environment.js";
import { ensureJupyter, executeNotebook } from "./support/jupyter.js";

const folder = fileURLToPath(new URL("../notebooks", import.meta.url));

const { python } = await ensureEnvironment();
const jupyter = await ensureJupyter(python);
for (const name of readdirSync(folder).filter((one) =>
	one.endsWith(".ipynb"),
)) {
	const file = join(folder, name);
	await executeNotebook(jupyter, file, file);
	console.log(`executed ${name}`);
}
