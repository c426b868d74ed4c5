// What is shown below a cell: in a kernel by places that are written anew, elsewhere as what is returned.
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	InputError,
	type MimeBundle,
	Preview,
	showInNotebook,
	showPictures,
	showPreview,
	showRun,
} from "../../sdk/index.js";
import { readRun } from "../../sdk/report/read.js";
import { fakeKernel } from "../support/fake-kernel.js";
import { temporaryFolder } from "../support/folders.js";
import { picture, preview, row, span } from "../support/previews.js";
import { puppetRun } from "../support/puppet.js";
import { pythonTest } from "../support/python.js";
import { writeRun } from "../support/run-folder.js";

const vegaLite = "application/vnd.vegalite.v5+json";
const hostile = `<script>owned = 1</script><img src=x onerror="owned = 1"> 'quoted' &`;
const harmless =
	"&lt;script&gt;owned = 1&lt;/script&gt;&lt;img src=x onerror=&quot;owned = 1&quot;&gt; &#39;quoted&#39; &amp;";

const folder = writeRun({ text: hostile });

const htmlOf = (bundle: MimeBundle | undefined) =>
	String(bundle?.["text/html"]);

/** Text of others stands as text: nothing of it is a tag or an attribute. */
function expectHarmless(page: string): void {
	assert.match(page, harmless);
	assert.not.match(page, /<script|<img src=x|onerror="/);
}

interface Panel {
	readonly title: { readonly text: string };
	readonly data: { readonly values: readonly { readonly step: number }[] };
}

const panelsOf = (bundle: MimeBundle | undefined) =>
	(bundle as Record<string, { readonly hconcat: readonly Panel[] }>)[vegaLite]
		?.hconcat ?? [];

test("pictures stand with what was expected, the base and the tuned answer, and their scores", () => {
	const page = htmlOf(showPictures(folder, { rows: 4 }));
	assert.match(page, "The first 4 of 6 rows of the test split, with ROUGE-1");
	const rows = [...page.matchAll(/<tr><td.*<\/tr>/g)].map(([text]) => text);
	assert.is(rows.length, 4);
	for (const [at, line] of rows.entries()) {
		const cells = line.split("</td>").slice(0, -1);
		assert.is(cells.length, 4, line);
		// The file of row 2 is none.
		assert.is(cells[0]?.includes('src="data:image/bmp;base64,'), at !== 2);
		for (const cell of cells.slice(2))
			assert.match(cell, /<br><span style="color:#727d87">[01]\.\d\d<\/span>$/);
	}
	expectHarmless(page);
});

test("a run is shown from its folder: how it ended, its scores, its curves, its pictures", async () => {
	const shown = (await showRun(folder)) as readonly MimeBundle[];
	assert.is(shown.length, 3);
	const { result, spec } = readRun(folder);
	assert.match(htmlOf(shown[0]), `best at step ${result?.best?.step}`);
	assert.match(
		htmlOf(shown[0]),
		String(result?.test?.tuned?.values["rouge1"]?.toFixed(3)),
	);
	expectHarmless(htmlOf(shown[0]));
	assert.equal(
		panelsOf(shown[1]).map(({ title }) => title.text),
		["Training loss", "Validation loss", "Validation ROUGE-1"],
	);
	assert.equal(
		panelsOf(shown[1])[0]?.data.values.map(({ step }) => step),
		// Step 3 was not finite.
		[1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12],
	);
	assert.match(String(shown[1]?.["image/svg+xml"]), /^<svg/);
	assert.is(htmlOf(shown[2]), htmlOf(showPictures(folder)));
	assert.is(spec.name, hostile);
});

test("a run that failed says why, and one under way how far it is", async () => {
	const [failed] = (await showRun(writeRun({ ending: "failed" }))) ?? [];
	assert.match(htmlOf(failed), "OUT_OF_MEMORY");
	assert.match(htmlOf(failed), "failed after 12 steps");
	const [open] = (await showRun(writeRun({ ending: "none" }))) ?? [];
	assert.match(htmlOf(open), "under way after 12 steps");
});

test("a folder without a run is refused", async () => {
	const empty = temporaryFolder();
	assert.throws(
		() => showPictures(empty),
		(error: unknown) =>
			InputError.isInstance(error) && error.code === "RUN_UNKNOWN",
	);
	await showRun(empty).then(
		() => assert.unreachable("It was shown."),
		(error) => assert.ok(InputError.isInstance(error)),
	);
});

test("a preview keeps its colours and tells no folder of the machine", () => {
	const path = "/somewhere/else/birds/heron.png";
	const wide = { ...picture(1, 2), path };
	const place = "/somewhere/else/birds/rows.jsonl:7";
	const spans = [span("answer", hostile, 2, true)];
	const shown = showPreview(
		new Preview(preview([row({ place, spans, pictures: [wide] })])),
	);
	for (const text of [htmlOf(shown), String(shown?.["text/plain"])]) {
		assert.match(text, "birds/rows.jsonl:7");
		assert.not.match(text, "/somewhere");
	}
	assert.match(
		htmlOf(shown),
		`<span class="span answer trained" style="color:#2b8a57;font-weight:bold"`,
	);
	assert.match(htmlOf(shown), 'src="data:image/png;base64,');
	expectHarmless(htmlOf(shown));
});

test("in a kernel it stands below the cell, and nothing is returned", async () => {
	const kernel = fakeKernel();
	try {
		assert.is(showPictures(folder), undefined);
		assert.is(await showRun(folder), undefined);
	} finally {
		kernel.end();
	}
	assert.equal(
		kernel.shown.map(({ isUpdate }) => isUpdate),
		[false, false, false, false],
	);
	assert.is(new Set(kernel.shown.map(({ place }) => place)).size, 4);
	assert.equal(
		kernel.shown.map(({ metadata }) => Object.keys(metadata)),
		[[], [], [vegaLite], []],
	);
});

pythonTest("a run is shown in two places that are written anew", async () => {
	const kernel = fakeKernel();
	try {
		const run = puppetRun({
			...{ steps: 60, stepMs: 50, evaluateEvery: 20 },
			answers: ["no", "yes", "yes"],
		});
		await showInNotebook(run);
		await run;
	} finally {
		kernel.end();
	}
	const [line, chart] = new Set(kernel.shown.map(({ place }) => place));
	const at = (place: string | undefined) =>
		kernel.shown.filter((one) => one.place === place);
	for (const place of [line, chart]) {
		const updates = at(place).map(({ isUpdate }) => isUpdate);
		assert.ok(updates.length >= 3, `${updates.length}`);
		assert.equal(updates, [false, ...updates.slice(1).map(() => true)]);
	}
	const counts = at(chart).map(
		({ data }) => panelsOf(data)[0]?.data.values.length as number,
	);
	assert.equal(
		counts,
		[...counts].sort((a, b) => a - b),
	);
	assert.ok((counts[0] as number) < 60);
	assert.is(counts.at(-1), 60);
	// Which update is the first to tell of a step is a matter of the machine's speed.
	assert.ok(
		at(line).some(({ data }) =>
			/<progress .*train {2}loss 0\.\d{3} /.test(htmlOf(data)),
		),
	);
	assert.match(
		htmlOf(at(line).at(-1)?.data),
		/>completed after 60 steps; best/,
	);
	assert.is(process.listenerCount("SIGINT"), 0);
});

pythonTest("an interrupt stops, and a second one cancels", async () => {
	const kernel = fakeKernel();
	try {
		const stopped = puppetRun({ steps: 10_000, stepMs: 5 });
		const stopping = showInNotebook(stopped);
		for await (const { step } of stopped.events("step")) if (step > 2) break;
		process.emit("SIGINT");
		await stopping;
		assert.is((await stopped).status, "stopped");
		assert.match(htmlOf(kernel.shown.at(-2)?.data), ">stopped after");

		const canceled = puppetRun({ steps: 10_000, stepMs: 5 });
		const canceling = showInNotebook(canceled);
		for await (const { step } of canceled.events("step")) if (step > 2) break;
		process.emit("SIGINT");
		process.emit("SIGINT");
		await canceling;
		assert.is(canceled.state, "canceled");
		assert.match(htmlOf(kernel.shown.at(-2)?.data), "CANCELED: ");
	} finally {
		kernel.end();
	}
	assert.is(process.listenerCount("SIGINT"), 0);
});

pythonTest("outside a kernel the last outputs are returned", async () => {
	const run = puppetRun({ steps: 3 });
	const [line, chart] = (await showInNotebook(run)) ?? [];
	await run;
	assert.match(htmlOf(line), ">completed after 3 steps");
	assert.is(panelsOf(chart).length, 1);
	assert.is(process.listenerCount("SIGINT"), 0);
});

test.run();
