// The spec of an evaluation: nothing need be trained, and what is not written may be known from elsewhere.
import { SpecError } from "../errors.js";
import { type ResolveOptions, resolve } from "./resolve.js";
import { evaluationSpecSchema } from "./schema.js";
import type {
	Compute,
	DataSpec,
	Evaluation,
	Method,
	ModelSpec,
	ResolvedSpec,
	Source,
	Spec,
} from "./spec.generated.js";

/** What is evaluated on what: a spec whose training rows may be left out. */
export type EvaluationSpec = Omit<Spec, "data"> & {
	readonly data?: Omit<DataSpec, "train"> & { readonly train?: Source };
};

/** Parts of such a spec; a `kind` that stays as it is may be left out. */
export type EvaluationSettings = Partial<Pick<Spec, "name" | "seed">> & {
	readonly model?: Partial<ModelSpec>;
	readonly data?: Partial<DataSpec>;
	readonly method?: Partial<Method>;
	readonly evaluation?: Partial<Evaluation>;
	readonly compute?: Partial<Compute>;
};

/** What is known of a spec before anything is written. */
export type KnownSpec = Readonly<
	Record<string, object | string | number | null>
>;

/** Sections of several kinds as they are where nobody says anything. */
export const defaultKinds: KnownSpec = Object.fromEntries(
	["method", "evaluation", "compute"].map((name) => [
		name,
		evaluationSpecSchema.properties?.[name]?.default as object,
	]),
);

/**
 * Checks the spec of an evaluation and fills it: field by field from `known`, then with defaults. Of `known`, splits
 * count only where none is written.
 *
 * @throws {SpecError} listing every problem at once.
 */
export function resolveEvaluation(
	written: EvaluationSpec | EvaluationSettings,
	known: KnownSpec,
	options: ResolveOptions,
): ResolvedSpec {
	const complete = (own: Readonly<Fields>) => {
		const draft = layOver(known, own);
		chooseBest(draft["evaluation"], own["evaluation"]);
		// The folder of a training run is not that of its evaluation, nor are its trackers.
		if (isSection(draft["output"])) draft["output"]["folder"] = null;
		draft["tracking"] = [];
		return draft;
	};
	const spec = resolve(written, evaluationSpecSchema, options, {
		complete,
		trains: false,
	});
	const { validation, test } = spec.data;
	if (validation.kind === "none" && test.kind === "none")
		throw new SpecError([
			{
				path: "data",
				reason: "has nothing to evaluate",
				remedy: "Give data.validation, data.test or both.",
			},
		]);
	return spec;
}

type Fields = Record<string, unknown>;

const splits = ["train", "validation", "test"];

/** Sections are laid over each other field by field, unless they are of two kinds. */
function layOver(known: KnownSpec, own: Readonly<Fields>): Fields {
	const draft: Fields = structuredClone({ ...known });
	for (const [name, section] of Object.entries(own)) {
		const base = draft[name];
		if (!isSection(section) || !isSection(base)) {
			draft[name] = section;
			continue;
		}
		if (name === "data" && splits.some((split) => section[split] !== undefined))
			for (const split of splits) delete base[split];
		const isOther =
			section["kind"] !== undefined && section["kind"] !== base["kind"];
		draft[name] = isOther ? section : { ...base, ...section };
	}
	return draft;
}

/** No checkpoint is chosen by an evaluation: whoever names other metrics need not name the best one. */
function chooseBest(evaluation: unknown, own: unknown): void {
	if (!isSection(evaluation) || !isSection(own) || own["best"] !== undefined)
		return;
	const metrics: unknown = own["metrics"];
	if (Array.isArray(metrics) && metrics.length > 0)
		evaluation["best"] = { metric: metrics[0] };
}

const isSection = (value: unknown): value is Fields =>
	typeof value === "object" && value !== null && !Array.isArray(value);
