// Drawn rows of the columns that a spec declares, for a machine that has neither the data nor a network.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ResolvedSpec } from "../spec/spec.generated.js";

type Data = ResolvedSpec["data"];
type Filters = readonly {
	readonly column: string;
	readonly includesAny: readonly string[] | null;
	readonly includesAll: readonly string[] | null;
}[];

const splits = ["train", "validation", "test"] as const;

/** The spec with `count` drawn rows, written into `folder`, in place of every source that reads files or the hub. */
export function withStandIns(
	spec: ResolvedSpec,
	count: number,
	folder: string,
): ResolvedSpec {
	const data = { ...spec.data };
	for (const [seed, split] of splits.entries()) {
		const source = data[split];
		if (!("filters" in source) || source.kind === "airplanes") continue;
		const { filters, shuffleSeed, limit } = source;
		const place = join(folder, split);
		const path = writeRows(data.columns, filters, count, place, seed * count);
		data[split] = { kind: "jsonl", path, filters, shuffleSeed, limit };
	}
	return { ...spec, data };
}

function writeRows(
	columns: Data["columns"],
	filters: Filters,
	count: number,
	folder: string,
	firstNumber: number,
): string {
	mkdirSync(folder, { recursive: true });
	const lines = Array.from({ length: count }, (_, at) => {
		const image = `${at}.bmp`;
		writeFileSync(join(folder, image), drawAirplane(firstNumber + at));
		return JSON.stringify(row(columns, filters, image, at));
	});
	const path = join(folder, "rows.jsonl");
	writeFileSync(path, `${lines.join("\n")}\n`);
	return path;
}

/** Passes every filter: a list column passes by its elements. */
function row(
	{ image, answer, prompt, references, messages }: Data["columns"],
	filters: Filters,
	picture: string,
	at: number,
): Readonly<Record<string, unknown>> {
	const text = `a drawn airplane, number ${at}`;
	const said = [
		{ role: "user", content: "What is on this picture?" },
		{ role: "assistant", content: text },
	];
	const chosen: Record<string, string[]> = {};
	for (const { column, includesAny, includesAll } of filters) {
		const any = includesAny?.[at % includesAny.length];
		const wanted = [
			...(any === undefined ? [] : [any]),
			...(includesAll ?? []),
		];
		chosen[column] = [...new Set([...(chosen[column] ?? []), ...wanted])];
	}
	return {
		...(messages === null ? { [answer]: text } : { [messages]: said }),
		...(prompt === null ? {} : { [prompt]: "What is on this picture?" }),
		...(references === null ? {} : { [references]: [text] }),
		...chosen,
		[image]: picture,
	};
}

const width = 96;
const height = 64;

/** A BMP of a fuselage and a wing before the sky; colours and place by the number. */
function drawAirplane(number: number): Buffer {
	const file = Buffer.alloc(54 + width * height * 3);
	file.write("BM", "latin1");
	for (const [at, value] of [
		[2, file.length],
		[10, 54],
		[14, 40],
		[18, width],
		[22, height],
	] as const)
		file.writeUInt32LE(value, at);
	file.writeUInt16LE(1, 26); // planes
	file.writeUInt16LE(24, 28); // bits of a pixel
	const top = 16 + ((number * 7) % 24);
	const paint = [40, 90, 160].map((tone) => (tone * (number + 1)) % 200);
	for (let y = 0; y < height; y++)
		for (let x = 0; x < width; x++) {
			const isBody = Math.abs(y - top) < 4 && x > 12 && x < 84;
			const isWing = Math.abs(x - 48) < 8 - Math.abs(y - top) / 3;
			const sky = [220 - y, 180 - y, 120 - y];
			const color = isBody || isWing ? paint : sky;
			for (const [channel, tone] of color.entries())
				file[54 + (y * width + x) * 3 + channel] = tone;
		}
	return file;
}
