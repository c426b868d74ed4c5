import { createHash } from "node:crypto";
import {
	appendFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execaSync } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	CanceledError,
	InputError,
	materialize,
	type RowInput,
	type RowsInput,
} from "../../sdk/index.js";
import { temporaryFolder } from "../support/folders.js";

/** The smallest PNG: one white pixel. */
const png = Buffer.from(
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2GAAAAABJRU5ErkJggg==",
	"base64",
);
const pngName = nameOf(png, "png");

/** Beginnings of files; the worker decodes the rest. */
const heads: Readonly<Record<string, Buffer>> = {
	jpg: Buffer.from("ffd8ffe000104a464946", "hex"),
	png,
	webp: Buffer.from("RIFF\x24\0\0\0WEBPVP8 ", "latin1"),
	gif: Buffer.from("GIF89a\x01\0\x01\0", "latin1"),
	bmp: Buffer.concat([
		Buffer.from("BM\x46\0\0\0\0\0\0\0\x36\0\0\0", "latin1"),
		Buffer.from("2800000001000000", "hex"),
	]),
	tif: Buffer.from("II*\0\x08\0\0\0", "latin1"),
};

function nameOf(bytes: Uint8Array, extension: string): string {
	const hash = createHash("sha256").update(bytes).digest("hex");
	return `images/${hash}.${extension}`;
}

function readRows(folder: string): unknown[] {
	const text = readFileSync(join(folder, "rows.jsonl"), "utf8");
	assert.is(text.at(-1), "\n");
	return text
		.slice(0, -1)
		.split("\n")
		.map((line) => JSON.parse(line));
}

const filesIn = (folder: string) =>
	(readdirSync(folder, { recursive: true }) as string[]).sort();

/** A folder that is not there yet, below another that is not either. */
const freshFolder = () => join(temporaryFolder(), "new", "data");

async function failure(work: Promise<unknown>): Promise<unknown> {
	return work.then(
		() => assert.unreachable("nothing was thrown"),
		(error: unknown) => error,
	);
}

/** What is said of rows that are wrong in ways that types forbid. */
async function problems(rows: readonly unknown[]): Promise<InputError> {
	const folder = freshFolder();
	const error = await failure(materialize(rows as RowInput[], folder));
	assert.instance(error, InputError);
	assert.is((error as InputError).code, "DATA_INVALID");
	assert.not(existsSync(join(folder, "..")));
	return error as InputError;
}

test("lists, generators and async generators give the same file", async () => {
	const rows: RowInput[] = [1, 2, 3].map((n) => ({
		image: png,
		answer: `plane ${n}`,
	}));
	function* drawn() {
		yield* rows;
	}
	async function* fetched() {
		yield* rows;
	}
	for (const input of [rows, drawn(), fetched(), new Set(rows)]) {
		const folder = freshFolder();
		const source = await materialize(input, folder);
		assert.equal(source, { kind: "rows", path: join(folder, "rows.jsonl") });
		assert.equal(
			readRows(folder),
			rows.map(({ answer }) => ({ image: pngName, answer })),
		);
		assert.equal(filesIn(folder), ["images", pngName, "rows.jsonl"]);
	}
});

test("a relative folder starts at the current one, and the path returned is absolute", async () => {
	const parent = temporaryFolder();
	const before = process.cwd();
	process.chdir(parent);
	try {
		const here = process.cwd();
		writeFileSync("plane.png", png);
		const rows = [{ image: "plane.png", answer: "a" }];
		const { path } = await materialize(rows, "data");
		assert.is(path, join(here, "data", "rows.jsonl"));
	} finally {
		process.chdir(before);
	}
	assert.equal(readFileSync(join(parent, "data", pngName)), png);
});

test("paths, file URLs, buffers and views into larger buffers are one picture, stored once", async () => {
	const file = join(temporaryFolder(), "plane with 100% ü.dat");
	writeFileSync(file, png);
	const large = new Uint8Array(png.length + 200).fill(7);
	large.set(png, 100);
	const images = [
		file,
		pathToFileURL(file),
		png,
		new Uint8Array(png),
		large.subarray(100, 100 + png.length),
	];
	const folder = freshFolder();
	await materialize(
		images.map((image) => ({ image, answer: "a" })),
		folder,
	);
	assert.equal(
		readRows(folder),
		images.map(() => ({ image: pngName, answer: "a" })),
	);
	assert.equal(readdirSync(join(folder, "images")).length, 1);
	assert.equal(readFileSync(join(folder, pngName)), png);
	appendFileSync(file, "changed later");
	assert.equal(readFileSync(join(folder, pngName)), png);
});

test("the extension follows the content, whatever the file was called", async () => {
	const folder = freshFolder();
	await materialize(
		Object.values(heads).map((image) => ({ image, answer: "a" })),
		folder,
	);
	assert.equal(
		readRows(folder).map((row) => (row as { image: string }).image),
		Object.entries(heads).map(([extension, bytes]) => nameOf(bytes, extension)),
	);
});

test("a large file is copied whole, also when it comes twice and through a link", async () => {
	const home = temporaryFolder();
	const large = Buffer.concat([png, Buffer.alloc(9_000_001, 5)]);
	writeFileSync(join(home, "large.png"), large);
	symlinkSync("large.png", join(home, "link.png"));
	const rows = ["large.png", "link.png"].map((name) => ({
		image: join(home, name),
		answer: "a",
	}));
	const folder = freshFolder();
	await materialize([...rows, { image: large, answer: "a" }], folder);
	const name = nameOf(large, "png");
	assert.equal(filesIn(folder), ["images", name, "rows.jsonl"]);
	assert.ok(readFileSync(join(folder, name)).equals(large));
	assert.not(statSync(join(folder, name)).nlink > 1);
});

test("every field of a row is written, and none that was not given", async () => {
	const folder = freshFolder();
	const odd = 'line\nbreak "quoted" \u2028 ü 😀';
	await materialize(
		[
			{ image: png, prompt: odd, answer: ["a", "b"], references: ["c"] },
			{ image: png, answer: odd, references: [] },
			{
				messages: [
					{ role: "system", content: "Be brief." },
					{
						role: "user",
						content: [
							{ type: "image", image: png },
							{ type: "text", text: odd },
							{ type: "image", image: heads["gif"] as Buffer },
						],
					},
					{ role: "assistant", content: [{ type: "text", text: "a plane" }] },
				],
			},
		],
		folder,
	);
	assert.equal(readRows(folder), [
		{ image: pngName, prompt: odd, answer: ["a", "b"], references: ["c"] },
		{ image: pngName, answer: odd },
		{
			messages: [
				{ role: "system", content: "Be brief." },
				{
					role: "user",
					content: [
						{ type: "image", image: pngName },
						{ type: "text", text: odd },
						{ type: "image", image: nameOf(heads["gif"] as Buffer, "gif") },
					],
				},
				{ role: "assistant", content: [{ type: "text", text: "a plane" }] },
			],
		},
	]);
});

test("a row is asked for when the one before is written", async () => {
	const folder = freshFolder();
	let stored = 0;
	async function* rows() {
		for (let n = 0; n < 5; n++) {
			const image = Buffer.concat([png, Buffer.from([n])]);
			yield { image, answer: "a" };
			const names = filesIn(folder).filter((name) => name.endsWith(".png"));
			assert.is(names.length, n + 1);
			stored = n + 1;
		}
	}
	await materialize(rows(), folder);
	assert.is(stored, 5);
});

test("every bad row is told at once, with its place, its reason and what to do", async () => {
	const home = temporaryFolder();
	const text = join(home, "text.png");
	const empty = join(home, "empty.png");
	writeFileSync(text, "BMW is no bitmap, and this is no picture");
	writeFileSync(empty, "");
	const answer = "a";
	const user = { role: "user", content: "What?" };
	const assistant = { role: "assistant", content: "a plane" };
	const image = png;
	const cases: readonly [row: unknown, path: string, said: RegExp][] = [
		[7, "", /must be an object \(got 7\)/],
		[null, "", /must be an object/],
		[[], "", /must be an object \(got "a list of 0"\)/],
		[{}, "", /neither `messages` nor `image` and `answer`/],
		[{ image, answer, messages: [assistant] }, "", /both `messages` and/],
		[{ answer }, ".image", /is missing/],
		[{ image }, ".answer", /is missing/],
		[{ image, answer, promt: "x" }, ".promt", /not a field.*"prompt"\?/],
		[{ image, answer, prompt: 3 }, ".prompt", /must be a string \(got 3\)/],
		[{ image, answer, prompt: "" }, ".prompt", /not be empty.*Leave it out/],
		[{ image, answer: "  \n" }, ".answer", /must not be empty/],
		[{ image, answer: [] }, ".answer", /must not be empty/],
		[{ image, answer: ["a", ""] }, ".answer[1]", /must not be empty/],
		[{ image, answer: { a: 1 } }, ".answer", /a string \(got "an object"\)/],
		[{ image, answer, references: "b" }, ".references", /list of strings/],
		[{ image, answer, references: ["b", 1] }, ".references[1]", /a string/],
		[
			{ image: join(home, "gone.png"), answer },
			".image",
			/does not exist.*Relative paths/,
		],
		[{ image: home, answer }, ".image", /is a folder/],
		[{ image: "/dev/null", answer }, ".image", /is no regular file/],
		[{ image: "", answer }, ".image", /must not be empty/],
		[{ image: "a\0b", answer }, ".image", /NUL/],
		[{ image: empty, answer }, ".image", /is empty/],
		[{ image: Buffer.alloc(0), answer }, ".image", /is empty/],
		[{ image: text, answer }, ".image", /no JPEG, PNG.*Convert/],
		[
			{ image: Buffer.alloc(64, 9), answer },
			".image",
			/no JPEG, PNG.*\(got "64 bytes"\).*not pixels/,
		],
		[
			{ image: "https://example.org/a.png", answer },
			".image",
			/is a URL.*`data\.pictures\.hosts`/,
		],
		[
			{ image: new URL("http://example.org/a.png"), answer },
			".image",
			/is a URL.*`data\.pictures\.hosts`/,
		],
		[{ image: "file:///a.png", answer }, ".image", /new URL/],
		[{ image: "data:image/png;base64,AA", answer }, ".image", /its bytes/],
		[{ image: 5, answer }, ".image", /a path, a file: URL or bytes/],
		[{ image: new ArrayBuffer(8), answer }, ".image", /new Uint8Array/],
		[{ messages: "hi" }, ".messages", /must be a list of messages/],
		[{ messages: [] }, ".messages", /no message of the assistant/],
		[{ messages: [user] }, ".messages", /no message of the assistant/],
		[{ messages: [assistant], note: 1 }, ".note", /is not a field/],
		[{ messages: [3, assistant] }, ".messages[0]", /must be an object/],
		[
			{ messages: [{ ...user, role: "usr" }, assistant] },
			".messages[0].role",
			/must be "system" or "user" or "assistant".*"user"\?/,
		],
		[
			{ messages: [{ content: "x" }, assistant] },
			".messages[0].role",
			/is missing/,
		],
		[
			{ messages: [{ ...user, name: "Ann" }, assistant] },
			".messages[0].name",
			/is not a field/,
		],
		[
			{ messages: [{ role: "user" }, assistant] },
			".messages[0].content",
			/is missing/,
		],
		[
			{ messages: [user, { ...assistant, content: "" }] },
			".messages[1].content",
			/must not be empty/,
		],
		[
			{ messages: [{ ...user, content: [{ type: "video" }] }, assistant] },
			".messages[0].content[0].type",
			/must be "text" or "image"/,
		],
		[
			{ messages: [{ ...user, content: [{ type: "text" }] }, assistant] },
			".messages[0].content[0].text",
			/is missing/,
		],
		[
			{
				messages: [
					{ ...user, content: [{ type: "image", image: "gone.png" }] },
					assistant,
				],
			},
			".messages[0].content[0].image",
			/does not exist/,
		],
	];
	for (const [row, path, said] of cases) {
		const error = await problems([{ image, answer }, row]);
		assert.equal(
			error.issues.map((one) => one.path),
			[`rows[1]${path}`],
			String(said),
		);
		assert.match(error.message, said);
		assert.equal(error.data, { total: 2, bad: 1 });
	}
});

test("problems of many rows come together, and beyond twenty they are counted", async () => {
	const bad = { image: "gone.png", answer: "", extra: 1 };
	const rows = Array.from({ length: 30 }, (_, at) =>
		at % 3 === 0 ? bad : { image: png, answer: "a" },
	);
	const error = await problems(rows);
	assert.equal(error.data, { total: 30, bad: 10 });
	assert.is(error.issues.length, 20);
	assert.equal(
		error.issues.slice(0, 4).map(({ path }) => path),
		["rows[0].extra", "rows[0].answer", "rows[0].image", "rows[3].extra"],
	);
	assert.match(error.message, "10 of 30 rows cannot be used");
	assert.match(error.message, "and 10 more problems");
});

test("an issue shows little of a value, and never bytes", async () => {
	const long = "x".repeat(5_000);
	const error = await problems([
		{ image: Buffer.alloc(100_000, 1), answer: "a" },
		{ image: long, answer: "a" },
		{ image: png, answer: "a", prompt: Buffer.alloc(9) },
	]);
	assert.equal(
		error.issues.map(({ value }) => value),
		["100000 bytes", `${"x".repeat(77)}...`, "9 bytes"],
	);
});

test("no rows, and what is no rows at all", async () => {
	assert.equal((await problems([])).issues, [
		{ path: "rows", reason: "has no rows" },
	]);
	for (const rows of [undefined, null, 7, "rows.jsonl", {}, png, () => []]) {
		const folder = freshFolder();
		const error = await failure(
			materialize(rows as unknown as RowsInput, folder),
		);
		assert.instance(error, InputError);
		assert.is((error as InputError).issues[0]?.path, "rows");
		assert.not(existsSync(join(folder, "..")));
	}
});

test("what the rows throw passes through, and nothing is left", async () => {
	const thrown = new RangeError("the database is gone");
	async function* rows() {
		yield { image: png, answer: "a" };
		throw thrown;
	}
	const folder = freshFolder();
	assert.is(await failure(materialize(rows(), folder)), thrown);
	assert.not(existsSync(join(folder, "..")));
});

test("a failure leaves the folder as it was", async () => {
	const folder = temporaryFolder();
	await materialize([{ image: png, answer: "before" }], folder);
	writeFileSync(join(folder, "note.txt"), "the user's own");
	const before = filesIn(folder);
	const rows = readFileSync(join(folder, "rows.jsonl"), "utf8");
	await failure(
		materialize(
			[
				{ image: heads["gif"] as Buffer, answer: "after" },
				{ image: png, answer: "" },
			],
			folder,
		),
	);
	assert.equal(filesIn(folder), before);
	assert.is(readFileSync(join(folder, "rows.jsonl"), "utf8"), rows);
});

test("folders made for a failed call go, but not what somebody else put into them", async () => {
	const parent = temporaryFolder();
	const folder = join(parent, "new", "data");
	function* rows() {
		writeFileSync(join(parent, "new", "note.txt"), "the user's own");
		yield { image: png, answer: "" };
	}
	await failure(materialize(rows(), folder));
	assert.equal(filesIn(parent), ["new", "new/note.txt"]);
});

test("abort between rows closes the generator and leaves nothing", async () => {
	const controller = new AbortController();
	let isClosed = false;
	function* rows() {
		try {
			for (let n = 0; ; n++) {
				if (n === 3) controller.abort("enough");
				yield { image: png, answer: "a" };
			}
		} finally {
			isClosed = true;
		}
	}
	const folder = freshFolder();
	const { signal } = controller;
	const error = await failure(materialize(rows(), folder, { signal }));
	assert.instance(error, CanceledError);
	assert.match((error as CanceledError).message, "enough");
	assert.ok(isClosed);
	assert.not(existsSync(join(folder, "..")));
});

test("abort does not wait for a row that is not coming", async () => {
	const controller = new AbortController();
	async function* rows() {
		yield { image: png, answer: "a" };
		setImmediate(() => controller.abort());
		await new Promise(() => {});
	}
	const folder = freshFolder();
	const { signal } = controller;
	const error = await failure(materialize(rows(), folder, { signal }));
	assert.instance(error, CanceledError);
	assert.not(existsSync(join(folder, "..")));
});

test("a signal that has fired already is obeyed before any row is asked for", async () => {
	const folder = freshFolder();
	function* rows() {
		assert.unreachable("a row was asked for");
		yield { image: png, answer: "a" };
	}
	const signal = AbortSignal.abort();
	const error = await failure(materialize(rows(), folder, { signal }));
	assert.instance(error, CanceledError);
	assert.not(existsSync(join(folder, "..")));
});

test("a second call replaces the rows in one move and keeps the pictures of the first", async () => {
	const folder = temporaryFolder();
	await materialize([{ image: png, answer: "first" }], folder);
	const old = readFileSync(join(folder, "rows.jsonl"), "utf8");
	const inode = statSync(join(folder, pngName)).ino;
	const gif = heads["gif"] as Buffer;
	function* rows() {
		yield { image: png, answer: "second" };
		yield { image: gif, answer: "second" };
		assert.is(readFileSync(join(folder, "rows.jsonl"), "utf8"), old);
	}
	await materialize(rows(), folder);
	assert.equal(readRows(folder), [
		{ image: pngName, answer: "second" },
		{ image: nameOf(gif, "gif"), answer: "second" },
	]);
	assert.is(statSync(join(folder, pngName)).ino, inode);
	assert.equal(
		filesIn(folder),
		["images", pngName, nameOf(gif, "gif"), "rows.jsonl"].sort(),
	);
});

test("a folder that cannot be written is said to be one", async () => {
	const parent = temporaryFolder();
	const file = join(parent, "file");
	writeFileSync(file, "");
	for (const folder of [file, join(file, "data")]) {
		const error = await failure(
			materialize([{ image: png, answer: "a" }], folder),
		);
		assert.instance(error, InputError);
		assert.is((error as InputError).code, "OUTPUT_UNWRITABLE");
		assert.match((error as InputError).message, folder);
	}
	const blocked = join(parent, "blocked");
	mkdirSync(blocked);
	writeFileSync(join(blocked, "images"), "");
	const error = await failure(
		materialize([{ image: png, answer: "a" }], blocked),
	);
	assert.is((error as InputError).code, "OUTPUT_UNWRITABLE");
	assert.equal(filesIn(blocked), ["images"]);
});

test("memory does not grow with the rows", () => {
	const folder = freshFolder();
	const script = `
		import { materialize } from ${JSON.stringify(new URL("../../sdk/index.ts", import.meta.url).href)};
		const image = Buffer.from("${png.toString("base64")}", "base64");
		const heap = () => (gc(), process.memoryUsage().heapUsed);
		let early = 0, late = 0;
		async function* rows() {
			for (let n = 0; n < 20_000; n++) {
				if (n === 2_000) early = heap();
				if (n === 19_999) late = heap();
				yield { image, answer: n + " " + "long ".repeat(400) };
			}
		}
		const { signal } = new AbortController();
		await materialize(rows(), ${JSON.stringify(folder)}, { signal });
		console.log(late - early);
	`;
	const { stdout } = execaSync(process.execPath, [
		"--expose-gc",
		"--import",
		"tsx",
		"--input-type=module",
		"--eval",
		script,
	]);
	const lines = readRows(folder) as { answer: string }[];
	assert.is(lines.length, 20_000);
	assert.ok(lines.every(({ answer }, at) => answer.startsWith(`${at} `)));
	assert.equal(filesIn(folder), ["images", pngName, "rows.jsonl"]);
	// The answers alone are 36 MB.
	const grown = Number(stdout);
	assert.ok(grown < 8e6, `the heap grew by ${grown} bytes`);
});

test.run();
