// The pages of the project and the code blocks in them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Block {
	readonly language: string;
	readonly text: string;
}

export interface Page {
	/** From the root of the repository. */
	readonly path: string;
	readonly text: string;
	readonly blocks: readonly Block[];
}

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Files that git knows or would take, by their paths from the root. */
export const files: readonly string[] = execFileSync(
	"git",
	["ls-files", "--cached", "--others", "--exclude-standard"],
	{ cwd: root, encoding: "utf8" },
)
	.trim()
	.split("\n");

/** Every page but the reference, whose blocks are signatures. */
export const pages: readonly Page[] = files
	.filter((path) => path.endsWith(".md") && path !== "sdk/API.md")
	.map((path) => {
		const text = readFileSync(join(root, path), "utf8");
		const blocks = [...text.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(
			([, language = "", block = ""]) => ({ language, text: block }),
		);
		return { path, text, blocks };
	});

export const blocksOf = (path: string, language: string): readonly string[] =>
	pages
		.filter((page) => page.path === path)
		.flatMap(({ blocks }) => blocks)
		.filter((block) => block.language === language)
		.map(({ text }) => text);
