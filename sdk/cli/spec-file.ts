// Reads a spec from a file: TypeScript or JavaScript by its default export, or JSON.
import { existsSync, readFileSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { RowsOfSplits } from "../data/splits.js";
import { InputError, SpecError } from "../errors.js";
import type { FinetuneOptions } from "../options.js";
import { suggestion } from "../schema/judge.js";
import type { Spec } from "../spec/spec.generated.js";

/** What a spec file gives. */
export interface SpecFile {
	readonly spec: Spec;
	/** Metrics of one's own, rows made by the file, and whatever else `finetune` takes. */
	readonly options: FinetuneOptions & { readonly data?: RowsOfSplits };
}

const moduleExtensions = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];

const optionNames = [
	"data",
	"graceMs",
	"metrics",
	"python",
	"startTimeoutMs",
	"wheels",
];

/**
 * Loads a spec file. A module exports the spec, or `{ spec, options }`, as its default; its type is not checked here.
 *
 * @throws {InputError} SPEC_NOT_FOUND. @throws {SpecError} for a file that cannot be loaded or exports something else.
 */
export async function loadSpecFile(path: string): Promise<SpecFile> {
	const file = resolve(path);
	if (!existsSync(file))
		throw new InputError("SPEC_NOT_FOUND", `There is no spec file ${file}.`, {
			data: { file },
		});
	const extension = extname(file);
	if (extension === ".json") return { spec: readJson(file), options: {} };
	if (!moduleExtensions.includes(extension))
		throw fileError(file, "is neither TypeScript, JavaScript nor JSON", {
			remedy: `Known: ${[...moduleExtensions, ".json"].join(", ")}.`,
		});
	return fromExport(file, await importDefault(file));
}

/** Only the metrics of a spec file, where one is named: for work whose spec is known. */
export async function loadMetrics(
	path: string | undefined,
): Promise<Pick<FinetuneOptions, "metrics">> {
	if (path === undefined) return {};
	const { metrics } = (await loadSpecFile(path)).options;
	return metrics === undefined ? {} : { metrics };
}

function readJson(file: string): Spec {
	try {
		return JSON.parse(readFileSync(file, "utf8"));
	} catch (error) {
		throw fileError(file, `is no JSON: ${(error as Error).message}`, {
			cause: error,
		});
	}
}

async function importDefault(file: string): Promise<unknown> {
	const { tsImport } = await import("tsx/esm/api");
	let module: { readonly default?: unknown };
	try {
		module = await tsImport(pathToFileURL(file).href, import.meta.url);
	} catch (error) {
		const { message, code } = error as NodeJS.ErrnoException;
		// The one of ESM, the other of CommonJS, which then lists who asked.
		const isMissing =
			/^(ERR_)?MODULE_NOT_FOUND$/.test(code ?? "") && /'captune'/.test(message);
		const [said] = message.split("\nRequire stack:");
		throw fileError(file, `cannot be loaded: ${said}`, {
			cause: error,
			...(isMissing
				? {
						remedy:
							"Install captune in the project of the file: npm install captune.",
					}
				: {}),
		});
	}
	const value = module.default;
	// A CommonJS module that was ESM in its source hides its default export one level down.
	return isObject(value) && "__esModule" in value ? value["default"] : value;
}

function fromExport(file: string, value: unknown): SpecFile {
	if (!isObject(value))
		throw fileError(
			file,
			value === undefined
				? "has no default export"
				: `has a default export that is no spec but ${value === null ? "null" : `a ${typeof value}`}`,
			{ remedy: "Write `export default { model: ..., data: ... }`." },
		);
	if (!("spec" in value))
		return { spec: value as unknown as Spec, options: {} };
	const { spec, options = {}, ...others } = value;
	const [other] = Object.keys(others);
	if (other !== undefined)
		throw fileError(file, `exports \`${other}\` beside \`spec\``, {
			remedy: "Its default export is a spec, or { spec, options }.",
		});
	if (!isObject(options)) throw fileError(file, "has `options` that are none");
	const unknown = Object.keys(options).find(
		(name) => !optionNames.includes(name),
	);
	if (unknown !== undefined)
		throw fileError(file, `has an unknown option \`${unknown}\``, {
			remedy: suggestion(unknown, optionNames),
		});
	return { spec: spec as Spec, options };
}

function fileError(
	file: string,
	reason: string,
	{
		remedy,
		cause,
	}: { readonly remedy?: string; readonly cause?: unknown } = {},
): SpecError {
	const error = new SpecError(
		[{ path: file, reason, ...(remedy === undefined ? {} : { remedy }) }],
		"The spec file is",
	);
	if (cause !== undefined) error.cause = cause;
	return error;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
	typeof value === "object" && value !== null && !Array.isArray(value);
