// The parts of a smoke run that need no worker: drawn rows, the list of checks, JUnit, errors said by fields.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	airplanesSpec,
	CaptuneError,
	InputError,
	type Issue,
	resolveSpec,
	type SmokeCheck,
	SpecError,
	smoke,
} from "../../sdk/index.js";
import { demandFiles, explained } from "../../sdk/smoke/data-trouble.js";
import { toJunit } from "../../sdk/smoke/junit.js";
import { CheckFailed, Checklist, checkNames } from "../../sdk/smoke/result.js";
import { withStandIns } from "../../sdk/smoke/stand-in.js";
import { temporaryFolder } from "../support/folders.js";

const recipe = resolveSpec(airplanesSpec());

const linesOf = (path: string) =>
	readFileSync(path, "utf8")
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line));

test("drawn rows have the declared columns and pass the filters", () => {
	const { data } = withStandIns(recipe, 6, temporaryFolder());
	assert.is(data.validation.kind, "split", "what is split off stays so");
	for (const source of [data.train, data.test]) {
		if (source.kind !== "jsonl") throw new Error(source.kind);
		const rows = linesOf(source.path);
		assert.is(rows.length, 6);
		for (const row of rows) {
			assert.equal(Object.keys(row), ["clip_tags_ViT_L_14", "image"]);
			const picture = readFileSync(join(source.path, "..", row.image));
			assert.is(picture.toString("latin1", 0, 2), "BM");
			assert.is(picture.readUInt32LE(2), picture.length);
		}
		assert.equal(
			new Set(rows.flatMap((row) => row.clip_tags_ViT_L_14)),
			new Set(["boeing 707", "boeing 737", "boeing 777", "boeing 787"]),
		);
	}
	assert.not.equal(
		pictureOf(data.train),
		pictureOf(data.test),
		"no picture is in two splits",
	);
});

const pictureOf = (source: object) =>
	"path" in source && readFileSync(join(String(source.path), "..", "0.bmp"));

test("drawn conversations, prompts and references", () => {
	const columnsOf = (columns: object) => {
		const { data } = withStandIns(
			{
				...recipe,
				data: {
					...recipe.data,
					train: { ...recipe.data.train, filters: [] } as never,
					columns: { ...recipe.data.columns, ...columns },
				},
			},
			1,
			temporaryFolder(),
		);
		return data.train.kind === "jsonl" ? linesOf(data.train.path)[0] : {};
	};
	const talk = columnsOf({ messages: "chat", image: "photo" });
	assert.equal(Object.keys(talk), ["chat", "photo"]);
	assert.equal(
		talk.chat.map(({ role }: { role: string }) => role),
		["user", "assistant"],
	);
	const plain = columnsOf({ answer: "a", prompt: "p", references: "r" });
	assert.equal(Object.keys(plain), ["a", "p", "r", "image"]);
});

const columnError = (issues: readonly Issue[]) =>
	explained(new InputError("DATA_INVALID", "rows", { issues }), recipe);

test("a column that no row has is told once, as the field that names it", () => {
	const error = columnError(
		[0, 1].map((row) => ({
			path: `/data/train.parquet row ${row}`,
			code: "COLUMN_MISSING",
			reason: 'has no column "clip_tags_ViT_L_14"',
			remedy: 'Did you mean "clip_tags"?',
		})),
	);
	assert.ok(SpecError.isInstance(error));
	assert.is(error.code, "SPEC_INVALID");
	assert.equal(error.issues, [
		{
			path: "data.columns.answer",
			value: "clip_tags_ViT_L_14",
			reason: "is no column of /data/train.parquet",
			remedy: 'Did you mean "clip_tags"?',
		},
	]);
});

test("a hub that cannot be reached is data that is not here; another fault of the data stays one", () => {
	const away = columnError([
		{
			path: "data.train.nameOrPath",
			reason:
				"cannot be loaded: ConnectionError: Couldn't reach 'x' on the Hub",
		},
	]);
	assert.ok(CaptuneError.isInstance(away));
	assert.is(away.code, "DATA_NOT_FOUND");
	assert.match(away.message, "--stand-in-rows");
	const bad = new InputError("DATA_INVALID", "rows", {
		issues: [{ path: "r.jsonl:1", code: "TEXT_EMPTY", reason: "is empty" }],
	});
	assert.is(explained(bad, recipe), bad);
	const gone = resolveSpec({
		model: { nameOrPath: "x/y" },
		data: {
			train: { kind: "csv", path: "/no/rows.csv" },
			test: { kind: "dataset", nameOrPath: "/no/dataset" },
		},
	});
	assert.throws(
		() => demandFiles(gone),
		(error: CaptuneError) =>
			error.code === "DATA_NOT_FOUND" &&
			error.issues.map(({ path }) => path).join() ===
				"data.train.path,data.test.nameOrPath",
	);
});

test("what comes after a failed check is skipped; what is no error of captune's passes through", async () => {
	const told: SmokeCheck[] = [];
	const list = new Checklist((check) => told.push(check));
	const fault = new InputError("DATA_INVALID", "It is bad.");
	assert.is(await list.check("spec", () => ({ value: 7, detail: "fine" })), 7);
	const thrown = await list
		.check("environment", () => Promise.reject(fault))
		.catch((error) => error);
	assert.instance(thrown, CheckFailed);
	const bug = new TypeError("a fault");
	const passed = await list
		.check("data", () => Promise.reject(bug))
		.catch((error) => error);
	assert.is(passed, bug);
	const checks = list.close();
	assert.equal(told, checks);
	assert.equal(
		checks.map(({ name, status }) => [name, status]),
		checkNames.map((name, at) => [name, ["passed", "failed"][at] ?? "skipped"]),
	);
	assert.is(checks[1]?.error, fault);
});

test("JUnit: counts, failures, and texts that are no XML", () => {
	const text = toJunit({
		passed: false,
		name: 'a & <b> "c"',
		seconds: 1.25,
		notChecked: [{ what: "it", why: "'so'" }],
		checks: [
			{
				name: "spec",
				status: "passed",
				seconds: 0.5,
				detail: "a\u0000\ud800b",
			},
			{
				name: "data",
				status: "failed",
				seconds: 0.75,
				detail: "first <line>\nsecond",
				error: new InputError("DATA_INVALID", "first"),
			},
			{ name: "train", status: "skipped", seconds: 0, detail: "not come to" },
		],
	});
	for (const part of [
		'tests="3" failures="1" errors="0" skipped="1" time="1.250"',
		'name="a &amp; &lt;b&gt; &quot;c&quot;"',
		'<property name="not checked: it" value="&apos;so&apos;"/>',
		"<system-out>a\ufffd\ufffdb</system-out>",
		'<failure message="first &lt;line&gt;" type="DATA_INVALID">first &lt;line&gt;&#10;second</failure>',
		'<skipped message="not come to"/>',
	])
		assert.ok(text.includes(part), `${part}\n${text}`);
});

test("options that cannot work are told at once", async () => {
	const error = await smoke(airplanesSpec(), { standInRows: 0 }).catch(
		(one) => one,
	);
	assert.ok(SpecError.isInstance(error));
	assert.is(error.issues[0]?.path, "standInRows");
});

test("a spec that is not valid is a check that failed", async () => {
	const { passed, checks } = await smoke({
		...airplanesSpec(),
		training: { epochs: -1 },
	});
	assert.is(passed, false);
	assert.is(checks[0]?.status, "failed");
	assert.is(checks[0]?.error?.issues[0]?.path, "training.epochs");
});

test.run();
