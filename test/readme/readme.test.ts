// The README as a stranger follows it: every code block, in a fresh copy with nothing installed before.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";
import { expectPromises } from "../support/quickstart.js";

interface Block {
	readonly language: string;
	readonly text: string;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks: readonly Block[] = [
	...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms),
].map(([, language = "", text = ""]) => ({ language, text }));
const scripts = blocks.filter(({ language }) => language === "ts");
const copy = join(temporaryFolder(), "captune");

test.before(async () => {
	const listed = await execa(
		"git",
		["ls-files", "--cached", "--others", "--exclude-standard"],
		{ cwd: root },
	);
	for (const file of listed.stdout.split("\n")) {
		mkdirSync(dirname(join(copy, file)), { recursive: true });
		cpSync(join(root, file), join(copy, file));
	}
});

test("the two commands come first, then the script of 20 lines", () => {
	assert.equal(blocks.slice(0, 2), [
		{ language: "sh", text: "npm run quickstart\n" },
		// This file runs because that command was given.
		{ language: "sh", text: "npm test\n" },
	]);
	assert.is(blocks[2]?.language, "ts");
	assert.is(blocks[2]?.text.trimEnd().split("\n").length, 20);
	const known = ["sh", "jsonl", "ts"];
	assert.equal(
		blocks.filter(({ language }) => !known.includes(language)),
		[],
	);
	assert.is(blocks.filter(({ language }) => language === "sh").length, 2);
});

pythonTest(
	"npm run quickstart works alone, and keeps its promises",
	async () => {
		const folder = join(temporaryFolder(), "run");
		const { stdout } = await execa(
			"npm",
			["run", "quickstart", "--", "--output", folder],
			{ cwd: copy },
		);
		expectPromises(folder, stdout, 16);
	},
);

pythonTest("the rows of the README are rows", async () => {
	const rows = blocks.filter(({ language }) => language === "jsonl");
	assert.is(rows.length, 1);
	const birds = join(copy, "birds");
	mkdirSync(join(birds, "photos"), { recursive: true });
	writeFileSync(join(birds, "train.jsonl"), rows[0]?.text ?? "");
	const code = `import sys
from captune_worker.airplanes import draw, pretraining_scene
for number, path in enumerate(sys.argv[1:]):
    draw(pretraining_scene(3, number)).save(path)`;
	const pictures = (rows[0]?.text.trimEnd().split("\n") ?? []).map((row) =>
		join(birds, JSON.parse(row).image),
	);
	await execa(testPython as string, ["-c", code, ...pictures], {
		env: { PYTHONPATH: join(root, "python") },
	});
});

const expected = [
	/completed after 216 steps.*boeing/s,
	/birds\/run\/adapter/,
	/^1 \d.*lora_B.*^stopped \d+ .*adapter.*'training-loss'.*'evaluation-rouge1'/ms,
	/rouge1: .* (true|false)\n.* (true|false)$/s,
	/method\.rang.*rank.*method\.alpha -1/s,
	/^0\.5\n.*brevity/ms,
	/birds\/merged true /,
	/^3\.\d+.*torch/ms,
];

for (const [index, { text }] of scripts.entries())
	pythonTest(`script ${index + 1} of the README runs`, async () => {
		const file = join(copy, `readme-${index + 1}.ts`);
		writeFileSync(file, text);
		const { stdout } = await execa("npx", ["tsx", file], { cwd: copy });
		assert.match(stdout, expected[index] as RegExp);
	});

test("every script has something expected of it", () => {
	assert.is(scripts.length, expected.length);
});

test.run();
