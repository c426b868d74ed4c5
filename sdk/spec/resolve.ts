// From the spec as written to the spec as obeyed: checked, defaults filled, paths made absolute, frozen.
import { existsSync } from "node:fs";
import { resolve as absolute } from "node:path";
import { type Issue, SpecError } from "../errors.js";
import type { JsonSchema } from "../schema/fields.js";
import { compileJudge, type Judge } from "../schema/judge.js";
import { isHubId } from "./hash.js";
import { copyPlain, deepFreeze } from "./plain.js";
import { breaches, naturalDirection } from "./rules.js";
import { specSchema } from "./schema.js";
import type { ResolvedSpec, Spec } from "./spec.generated.js";

export interface ResolveOptions {
	/** Names of the user's own metrics. */
	readonly metrics?: readonly string[];
	/** Relative paths start here; the current folder when left out. */
	readonly cwd?: string;
}

/**
 * Checks a spec and fills every default.
 *
 * @throws {SpecError} listing every problem at once, each with path, value, reason and remedy.
 */
export function resolveSpec(
	spec: Spec,
	options: ResolveOptions = {},
): ResolvedSpec {
	return resolve(spec, specSchema, options);
}

/** What a spec is for. */
export interface Purpose {
	/** Lays a copy of what was written over what is known besides. */
	readonly complete: (written: Readonly<Record<string, unknown>>) => object;
	/** Is anything trained? */
	readonly trains: boolean;
}

/**
 * A draft becomes a spec by a schema: what is missing is filled, what is wrong is told.
 *
 * @throws {SpecError}
 */
export function resolve(
	spec: unknown,
	schema: JsonSchema,
	{ metrics = [], cwd = process.cwd() }: ResolveOptions,
	{ complete, trains }: Purpose = { complete: (one) => one, trains: true },
): ResolvedSpec {
	const issues: Issue[] = [];
	const written = copyPlain(spec, issues);
	if (typeof written !== "object" || written === null)
		throw new SpecError([{ path: "", reason: "must be an object" }]);
	const given = pathsOf(written);
	const draft = complete({ ...written }) as Draft;
	const faults = judgeBy(schema)(draft);
	issues.push(
		...faults.filter(({ path }) => !issues.some((one) => one.path === path)),
	);
	const best = draft.evaluation?.best;
	if (best) best.direction ??= naturalDirection(best.metric) ?? "max";
	const hub = draft.output?.hub;
	if (typeof hub === "object" && hub !== null)
		hub.form ??= draft.method?.kind === "full" ? "merged" : "adapter";
	issues.push(
		...breaches(draft, { given, ownMetrics: metrics, trains }, issues),
	);
	if (issues.length > 0) throw new SpecError(issues);
	delete draft.$schema;
	makeAbsolute(draft, cwd);
	return deepFreeze(draft as ResolvedSpec);
}

/** Gives a spec its type, so that an editor completes and checks it where it is written. Returns it unchanged. */
export const defineSpec = (spec: Spec): Spec => spec;

type Draft = Mutable<ResolvedSpec> & { $schema?: string };

type Mutable<T> = T extends string
	? T
	: T extends object
		? { -readonly [Key in keyof T]: Mutable<T[Key]> }
		: T;

const judges = new Map<JsonSchema, Judge>();

function judgeBy(schema: JsonSchema): Judge {
	const judge = judges.get(schema) ?? compileJudge(schema);
	judges.set(schema, judge);
	return judge;
}

function makeAbsolute(draft: Draft, cwd: string): void {
	const { model, data, output, tracking } = draft;
	model.nameOrPath = folderOrHubId(model.nameOrPath, cwd);
	for (const source of [data.train, data.validation, data.test]) {
		if ("path" in source) source.path = absolute(cwd, source.path);
		if (source.kind === "dataset")
			source.nameOrPath = folderOrHubId(source.nameOrPath, cwd);
	}
	data.pictures.roots = data.pictures.roots.map((root) => absolute(cwd, root));
	if (output.folder !== null) output.folder = absolute(cwd, output.folder);
	for (const tracker of tracking)
		if ("folder" in tracker && tracker.folder !== null)
			tracker.folder = absolute(cwd, tracker.folder);
}

/** As in transformers, a folder of that name wins over a hub id. */
export function folderOrHubId(nameOrPath: string, cwd = process.cwd()): string {
	const folder = absolute(cwd, nameOrPath);
	return !isHubId(nameOrPath) || existsSync(folder) ? folder : nameOrPath;
}

function pathsOf(value: unknown, path = ""): Set<string> {
	const paths = new Set<string>(path === "" ? [] : [path]);
	if (typeof value !== "object" || value === null) return paths;
	for (const [key, item] of Object.entries(value))
		for (const inner of pathsOf(item, path === "" ? key : `${path}.${key}`))
			paths.add(inner);
	return paths;
}
