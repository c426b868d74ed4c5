// `npm run api`: writes sdk/API.md from the doc comments of everything that is exported.
import { createHash } from "node:crypto";
import {
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { cacheFolder } from "../launch/paths.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = join(root, "sdk", "api");
export const referenceFile = join(root, "sdk", "API.md");

const head = `# API reference

Everything that \`import { ... } from "captune"\` gives, by topic. It is written by \`npm run api\` from the doc comments.
The types of the spec are explained in [The spec](spec/README.md), those of events in [Events](run/EVENTS.md).

`;

/** The reference as the sources have it now. Installs typedoc on the first call, with a TypeScript of its own. */
export async function reference(): Promise<string> {
	const tools = await installTools();
	const out = mkdtempSync(join(tmpdir(), "captune-api-"));
	try {
		await execa(
			process.execPath,
			[
				join(tools, "node_modules", "typedoc", "bin", "typedoc"),
				...["--options", join(tools, "typedoc.config.js"), "--out", out],
			],
			{ cwd: tools, env: { CAPTUNE_ROOT: root } },
		);
		const text = readFileSync(join(out, "API.md"), "utf8");
		const topics = [...text.matchAll(/^## (.*)$/gm)].map(
			([, topic = ""]) =>
				`- [${topic}](#${topic.toLowerCase().replaceAll(" ", "-")})`,
		);
		return `${head}${topics.join("\n")}\n\n${text.trim()}\n`;
	} finally {
		rmSync(out, { recursive: true, force: true });
	}
}

/** A folder in captune's cache, named by what is to be in it. */
async function installTools(): Promise<string> {
	const lock = readFileSync(join(here, "package-lock.json"));
	const key = createHash("sha256").update(lock).digest("hex").slice(0, 12);
	const folder = join(cacheFolder(), `typedoc-${key}`);
	mkdirSync(folder, { recursive: true });
	for (const file of [
		...["package.json", "package-lock.json", ".npmrc"],
		...["typedoc.config.js", "topics.js"],
	])
		copyFileSync(join(here, file), join(folder, file));
	const isWhole = join(folder, "node_modules", ".package-lock.json");
	if (!existsSync(isWhole))
		await execa("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder });
	return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
	writeFileSync(referenceFile, await reference());
