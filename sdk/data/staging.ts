// A data folder that gets its new files all at once: they are written beside and moved in at the end.
import { existsSync } from "node:fs";
import {
	type FileHandle,
	mkdir,
	mkdtemp,
	open,
	opendir,
	rename,
	rm,
	rmdir,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { CaptuneError, diskCode, InputError } from "../errors.js";
import { type Picture, storePicture, UnusablePicture } from "./image-file.js";

const imagesName = "images";
const rowsName = "rows.jsonl";

export class Staging {
	readonly #folder: string;
	/** The topmost folder that had to be made. */
	readonly #made: string | undefined;
	readonly #staged: string;
	readonly #rows: FileHandle;

	/** @throws {InputError} OUTPUT_UNWRITABLE or DISK_FULL, as every other method. */
	static async open(folder: string): Promise<Staging> {
		return writing(folder, async () => {
			const made = await mkdir(folder, { recursive: true });
			const staged = await mkdtemp(join(folder, "partial-"));
			await mkdir(join(staged, imagesName));
			const rows = await open(join(staged, rowsName), "wx");
			return new Staging(folder, made, staged, rows);
		});
	}

	private constructor(
		folder: string,
		made: string | undefined,
		staged: string,
		rows: FileHandle,
	) {
		this.#folder = folder;
		this.#made = made;
		this.#staged = staged;
		this.#rows = rows;
	}

	/** Takes a picture in. Returns its path relative to the folder. */
	async keepPicture(picture: Picture): Promise<string> {
		const staged = join(this.#staged, imagesName);
		const kept = join(this.#folder, imagesName);
		const name = await writing(this.#folder, () =>
			storePicture(
				picture,
				staged,
				(name) =>
					existsSync(join(kept, name)) || existsSync(join(staged, name)),
			),
		);
		return `${imagesName}/${name}`;
	}

	async addLine(line: string): Promise<void> {
		await writing(this.#folder, () => this.#rows.appendFile(`${line}\n`));
	}

	/** Moves everything to its place, the rows last. Returns the path of rows.jsonl. */
	async commit(): Promise<string> {
		const file = join(this.#folder, rowsName);
		await writing(this.#folder, async () => {
			await this.#rows.close();
			const images = join(this.#folder, imagesName);
			await mkdir(images, { recursive: true });
			const staged = join(this.#staged, imagesName);
			for await (const { name } of await opendir(staged))
				await rename(join(staged, name), join(images, name));
			await rename(join(this.#staged, rowsName), file);
			await rm(this.#staged, { recursive: true });
		});
		return file;
	}

	/** Removes what was written, and the folders that were made for it, unless somebody else uses them. */
	async discard(): Promise<void> {
		await this.#rows.close().catch(() => {});
		await rm(this.#staged, { recursive: true, force: true }).catch(() => {});
		if (this.#made === undefined) return;
		let folder = this.#folder;
		for (;;) {
			const isGone = await rmdir(folder).then(
				() => true,
				() => false,
			);
			if (!isGone || folder === this.#made) return;
			folder = dirname(folder);
		}
	}
}

async function writing<T>(folder: string, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (error instanceof UnusablePicture || CaptuneError.isInstance(error))
			throw error;
		const { message } = error as Error;
		const code = diskCode(error);
		throw new InputError(
			code,
			`The folder ${folder} cannot be written: ${message}. ${code === "DISK_FULL" ? "Free space on its disk" : "Choose another"}.`,
			{ cause: error, data: { folder } },
		);
	}
}
