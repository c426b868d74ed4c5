// What every page holds to: blocks that type-check, JSON by its schema, commands that exist, links that lead somewhere.
import {
	existsSync,
	mkdirSync,
	readFileSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventSchema } from "../../sdk/run/event-schema.js";
import { compileJudge } from "../../sdk/schema/judge.js";
import { specSchema } from "../../sdk/spec/schema.js";
import { captune } from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";
import { files, pages, root } from "./pages.js";

const languages = ["ts", "json", "jsonl", "sh", "yaml", "python", "text", ""];
const blocks = pages.flatMap(({ path, blocks }) =>
	blocks.map((block) => ({ path, ...block })),
);
const packageFiles = files.filter((file) => /(^|\/)package\.json$/.test(file));
const inLanguage = (language: string) =>
	blocks.filter((block) => block.language === language);

test("every block says what it is", () => {
	for (const { path, language, text } of blocks)
		assert.ok(languages.includes(language), `${path}: ${language}\n${text}`);
});

test("every TypeScript block is right by its types", async () => {
	const folder = temporaryFolder();
	symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
	writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
	writeFileSync(
		join(folder, "tsconfig.json"),
		JSON.stringify({
			extends: join(root, "tsconfig.json"),
			compilerOptions: {
				noUnusedLocals: false,
				moduleDetection: "force",
				typeRoots: [join(root, "node_modules/@types")],
				paths: { captune: [join(root, "sdk/index.ts")] },
			},
			include: ["**/*.ts"],
			exclude: ["node_modules"],
		}),
	);
	for (const [index, { path, text }] of inLanguage("ts").entries()) {
		const file = join(folder, dirname(path), `block-${index}.ts`);
		mkdirSync(dirname(file), { recursive: true });
		writeFileSync(file, text);
	}
	const { stdout } = await execa(
		process.execPath,
		[join(root, "node_modules/typescript/bin/tsc"), "--project", folder],
		{ reject: false },
	);
	assert.is(stdout, "");
});

test("every JSON block is valid: a spec by the schema of specs, an event by that of events", () => {
	const isSpec = compileJudge(specSchema);
	const isEvent = compileJudge(eventSchema);
	for (const { path, text } of inLanguage("json")) {
		const value = JSON.parse(text);
		if ("$schema" in value) assert.equal(isSpec(value), [], path);
		if ("type" in value && "seq" in value)
			assert.equal(isEvent(value), [], path);
	}
	for (const { text } of inLanguage("jsonl"))
		for (const line of text.trimEnd().split("\n")) JSON.parse(line);
});

test("every command exists", async () => {
	const scripts = packageFiles.flatMap((file) =>
		Object.keys(
			JSON.parse(readFileSync(join(root, file), "utf8")).scripts ?? {},
		),
	);
	const { stdout: help } = await captune(["--help"]);
	const lines = inLanguage("sh").flatMap(({ path, text }) =>
		text.split("\n").map((line) => ({ path, line })),
	);
	for (const { path, line } of lines) {
		const [, script] = /\bnpm (?:run )?([\w:]+)/.exec(line) ?? [];
		if (script && !/^(install|ci|pack|exec)$/.test(script))
			assert.ok(scripts.includes(script), `${path}: ${line}`);
		const [, command] = /(?:^|\s)captune (\w+)/.exec(line) ?? [];
		if (command) assert.match(help, new RegExp(`^  ${command}\\b`, "m"), path);
	}
});

test("every link within the project leads somewhere", () => {
	const dead = pages.flatMap(({ path, text }) =>
		[...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
			.map(([, target = ""]) => target)
			.filter((target) => !/^[a-z]+:/.test(target))
			.filter((target) => !leads(path, target))
			.map((target) => `${path}: ${target}`),
	);
	assert.equal(dead, []);
});

function leads(from: string, target: string): boolean {
	const [path = "", anchor] = target.split("#");
	const file = path === "" ? from : join(dirname(from), path);
	if (!existsSync(join(root, file))) return false;
	return (
		anchor === undefined ||
		anchorsOf(readFileSync(join(root, file), "utf8")).includes(anchor)
	);
}

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): readonly string[] =>
	[...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
		heading
			.toLowerCase()
			.replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
			.replaceAll(" ", "-"),
	);

const withoutCode = (text: string) => text.replaceAll(/^```.*?^```$/gms, "");

test.run();
