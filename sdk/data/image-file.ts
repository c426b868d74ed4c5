// A picture that the user gave: found, told by its first bytes, stored under the name of its content.
import { createHash, type Hash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isUint8Array } from "node:util/types";

/** A picture: the path or the `file:` URL of a file, or its bytes as a file would hold them (JPEG, PNG, WebP, GIF, BMP, TIFF). */
export type ImageInput = string | URL | Buffer | Uint8Array;

/** A picture that is there and of a known format. */
export interface Picture {
	/** Path of its file, or its bytes. */
	readonly content: string | Uint8Array;
	readonly bytes: number;
	readonly extension: string;
}

/** A picture that cannot be used; `reason` completes the sentence that its place begins. */
export class UnusablePicture extends Error {
	readonly value: unknown;
	readonly reason: string;
	readonly remedy: string | undefined;

	constructor(value: unknown, reason: string, remedy?: string) {
		super(`The picture ${reason}`);
		this.value = value;
		this.reason = reason;
		this.remedy = remedy;
	}
}

/** Larger files are copied piece by piece. */
const maxBytesInMemory = 4 * 2 ** 20;

/** What tells every format apart lies in these. */
const headBytes = 18;

/**
 * Finds a picture and its format.
 *
 * @throws {UnusablePicture}
 */
export async function findPicture(input: unknown): Promise<Picture> {
	const content = isUint8Array(input) ? input : pathOf(input);
	const isPath = typeof content === "string";
	const { bytes, head } = isPath
		? await readHead(content)
		: { bytes: content.length, head: content.subarray(0, headBytes) };
	if (bytes === 0) throw new UnusablePicture(content, "is empty");
	const extension = extensionOf(Buffer.from(head));
	if (extension === undefined)
		throw new UnusablePicture(
			content,
			"is no JPEG, PNG, WebP, GIF, BMP or TIFF",
			isPath
				? "Convert it to one of them."
				: "Give the bytes as a file would hold them, not pixels.",
		);
	return { content, bytes, extension };
}

/**
 * Writes a picture into `folder` and returns its name, `<SHA-256 of its content>.<extension>`. Where `isKept` says that
 * the name is there already, nothing is written.
 */
export async function storePicture(
	{ content, bytes, extension }: Picture,
	folder: string,
	isKept: (name: string) => boolean,
): Promise<string> {
	const nameBy = (hash: Hash) => `${hash.digest("hex")}.${extension}`;
	const partial = join(folder, `${randomUUID()}.partial`);
	if (typeof content === "string" && bytes > maxBytesInMemory) {
		const name = nameBy(await copyHashed(content, partial));
		if (isKept(name)) await rm(partial);
		else await rename(partial, join(folder, name));
		return name;
	}
	const whole =
		typeof content === "string" ? await reading(content, readFile) : content;
	const name = nameBy(createHash("sha256").update(whole));
	if (isKept(name)) return name;
	await writeFile(partial, whole);
	await rename(partial, join(folder, name));
	return name;
}

function pathOf(input: unknown): string {
	if (typeof input === "string") return checkedPath(input);
	// Notebooks run cells in a realm of their own, where `instanceof URL` fails.
	if (typeof input === "object" && input !== null && "href" in input)
		return fromUrl(String(input.href));
	throw new UnusablePicture(
		input,
		"must be a path, a file: URL or bytes",
		isBuffer(input) ? "Wrap it: new Uint8Array(buffer)." : undefined,
	);
}

function checkedPath(path: string): string {
	if (path === "") throw new UnusablePicture(path, "must not be empty");
	if (path.includes("\0"))
		throw new UnusablePicture(path, "must not hold a NUL character");
	if (/^(https?|data|file):/i.test(path)) throw urlProblem(path);
	return path;
}

function fromUrl(href: string): string {
	if (!/^file:/i.test(href)) throw urlProblem(href);
	try {
		return fileURLToPath(href);
	} catch (error) {
		throw new UnusablePicture(href, `is no file: ${(error as Error).message}`);
	}
}

function urlProblem(url: string): UnusablePicture {
	const remedy = /^https?:/i.test(url)
		? "Write such rows in a JSONL file and allow the host in `data.pictures.hosts`."
		: /^file:/i.test(url)
			? "Give `new URL(...)`, or the path."
			: "Give the path of a file, or its bytes.";
	return new UnusablePicture(url, "is a URL, not the path of a file", remedy);
}

async function readHead(
	path: string,
): Promise<{ bytes: number; head: Uint8Array }> {
	return reading(path, async () => {
		// Opening a pipe would wait for whoever writes into it.
		const { size } = await checkedFile(path);
		await using file = await open(path);
		const { bytesRead, buffer } = await file.read({
			buffer: Buffer.alloc(headBytes),
			position: 0,
		});
		return { bytes: size, head: buffer.subarray(0, bytesRead) };
	});
}

async function checkedFile(path: string) {
	const facts = await stat(path);
	if (facts.isFile()) return facts;
	throw new UnusablePicture(
		path,
		facts.isDirectory() ? "is a folder" : "is no regular file",
	);
}

async function copyHashed(from: string, to: string): Promise<Hash> {
	const hash = createHash("sha256");
	await using file = await open(to, "wx");
	const chunks = createReadStream(from)[Symbol.asyncIterator]();
	for (;;) {
		const { done, value } = await reading(from, () => chunks.next());
		if (done) return hash;
		hash.update(value);
		await file.appendFile(value);
	}
}

/** What fails in `work` is the fault of the picture's file, not of the folder it goes to. */
async function reading<T>(
	path: string,
	work: (path: string) => Promise<T>,
): Promise<T> {
	try {
		return await work(path);
	} catch (error) {
		if (error instanceof UnusablePicture) throw error;
		const { code, message } = error as NodeJS.ErrnoException;
		throw code === "ENOENT"
			? new UnusablePicture(
					path,
					"does not exist",
					`Relative paths start at ${process.cwd()}.`,
				)
			: new UnusablePicture(path, `cannot be read: ${message}`);
	}
}

function extensionOf(head: Buffer): string | undefined {
	const text = head.toString("latin1");
	if (text.startsWith("\xff\xd8\xff")) return "jpg";
	if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
	if (text.startsWith("RIFF") && text.startsWith("WEBP", 8)) return "webp";
	if (/^GIF8[79]a/.test(text)) return "gif";
	if (/^(II[*+]\0|MM\0[*+])/.test(text)) return "tif";
	// "BM" alone begins many a text; the size of the header after it does not.
	const isBitmap = text.startsWith("BM") && head.length === headBytes;
	return isBitmap && bitmapHeaders.has(head.readUInt32LE(14))
		? "bmp"
		: undefined;
}

const bitmapHeaders = new Set([12, 16, 40, 52, 56, 64, 108, 124]);

const isBuffer = (input: unknown) =>
	ArrayBuffer.isView(input) || input instanceof ArrayBuffer;
