// The pages as a stranger follows them: in a fresh copy with nothing installed before, block by block.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";
import {
	expectPromises,
	expectPromisesOnOthers,
} from "../support/quickstart.js";
import { blocksOf, files, pages, root } from "./pages.js";

/** What each TypeScript block prints, in their order; a reason where it is only type-checked, by blocks.test.ts. */
const expected: Readonly<Record<string, readonly (RegExp | string)[]>> = {
	"README.md": [
		/completed after 4 steps.*expected {2}/s,
		/birds\/run\/adapter/,
		/^1 \d.*lora_B.*^stopped \d+ .*adapter.*'training-loss'.*'evaluation-rouge1'/ms,
		/rouge1: /,
		/method\.rang.*rank.*method\.alpha -1/s,
		/^0\.5\n.*brevity/ms,
		/^3\.\d+.*torch/ms,
	],
	"sdk/data/README.md": [
		"declares only",
		/^2$/,
		/Generate|Describe this image/,
	],
	"sdk/errors/README.md": [/DATA_INVALID .*no-such-file/],
	"sdk/recipes/README.md": ["trains for minutes"],
	"sdk/run/EVENTS.md": [/^\d+ 1 \d.*saved .*step-000002.*completed$/s],
	"sdk/serving/README.md": [
		/\n.* \d+ (true|false)\n.* \d+ (true|false)$/s,
		/birds\/merged true .*\n./,
	],
	"sdk/spec/README.md": [/kind: 'lora'.* 0\.0001 .*jsonl.*\n[0-9a-f]{64}$/s],
};

const copy = join(temporaryFolder(), "captune");
// What `npx tsx` runs, without the half second that npx takes.
const tsx = join(copy, "node_modules", ".bin", "tsx");
const quickstartFolder = join(temporaryFolder(), "quickstart");
const [quickstartCommand = ""] = blocksOf("README.md", "sh");
let quickstart: ReturnType<typeof startQuickstart> | undefined;

const startQuickstart = () =>
	execa({ cwd: copy, shell: true, reject: false, all: true })(
		`${quickstartCommand.trim()} -- --output ${quickstartFolder}`,
	);

test.before(() => {
	for (const file of files) {
		mkdirSync(dirname(join(copy, file)), { recursive: true });
		cpSync(join(root, file), join(copy, file));
	}
});

test("the two commands come first, then the script of 20 lines", () => {
	assert.equal(blocksOf("README.md", "sh").slice(0, 2), [
		"npm run quickstart\n",
		// This file runs because that command was given.
		"npm test\n",
	]);
	const [first] = blocksOf("README.md", "ts");
	assert.is(first?.trimEnd().split("\n").length, 20);
});

test("every block has something expected of it", () => {
	for (const { path } of pages)
		if (path in expected)
			assert.is(blocksOf(path, "ts").length, expected[path]?.length, path);
	for (const path of Object.keys(expected))
		assert.ok(
			pages.some((page) => page.path === path),
			path,
		);
});

pythonTest("npm run quickstart installs what it needs", async () => {
	const child = startQuickstart();
	quickstart = child;
	const installed = new Promise<void>((resolve) => {
		child.stdout.on("data", (text) => /^devices /m.test(text) && resolve());
	});
	await Promise.race([installed, child]);
	assert.is(child.exitCode, null);
});

pythonTest("the rows of the README are rows", async () => {
	const rows = blocksOf("README.md", "jsonl");
	assert.is(rows.length, 1);
	const birds = join(copy, "birds");
	mkdirSync(join(birds, "photos"), { recursive: true });
	writeFileSync(join(birds, "train.jsonl"), rows[0] ?? "");
	const code = `import sys
from captune_worker.airplanes import draw, pretraining_scene
for number, path in enumerate(sys.argv[1:]):
    draw(pretraining_scene(3, number)).save(path)`;
	const pictures = (rows[0]?.trimEnd().split("\n") ?? []).map((row) =>
		join(birds, JSON.parse(row).image),
	);
	await execa(testPython as string, ["-c", code, ...pictures], {
		env: { PYTHONPATH: join(root, "python") },
	});
});

for (const [path, outputs] of Object.entries(expected))
	for (const [index, output] of outputs.entries())
		if (typeof output !== "string")
			pythonTest(`block ${index + 1} of ${path} runs`, async () => {
				const text = blocksOf(path, "ts")[index] as string;
				assert.match(await runBlock(text), output);
			});

pythonTest("npm run quickstart keeps its promises", async () => {
	const { exitCode, all = "" } = await (quickstart as NonNullable<
		typeof quickstart
	>);
	assert.is(exitCode, 0, all);
	expectPromises(quickstartFolder, all, 16);
});

pythonTest(
	"and on 64 pictures drawn with another seed, which its command takes too",
	() =>
		expectPromisesOnOthers(
			quickstartFolder,
			{ seed: 7, count: 64 },
			testPython as string,
		),
);

pythonTest("and the script trains what the quickstart trains", () => {
	const specIn = (folder: string) => {
		const spec = JSON.parse(readFileSync(join(folder, "spec.json"), "utf8"));
		return { ...spec, name: null, output: null };
	};
	const script = specIn(scriptFolder);
	assert.is(script.training.epochs, shortEpochs);
	script.training.epochs = longEpochs;
	assert.equal(script, specIn(quickstartFolder));
});

const longEpochs = 8;
const shortEpochs = 0.2;
let scriptFolder = "";

/** The one that trains for long is cut short: its length is the quickstart's, which has been run. */
async function runBlock(text: string): Promise<string> {
	const file = join(copy, "block.ts");
	writeFileSync(
		file,
		text.replace(`epochs: ${longEpochs},`, `epochs: ${shortEpochs},`),
	);
	// That captune finds a Python by itself, npm run quickstart has shown.
	const env = { CAPTUNE_PYTHON: testPython as string };
	const { stdout } = await execa(tsx, [file], { cwd: copy, env });
	scriptFolder ||= /^report\s+(.*)\/report\.html$/m.exec(stdout)?.[1] ?? "";
	return stdout;
}

test.run();
