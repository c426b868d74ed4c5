// The whole public surface.
export {
	CallbackError,
	CanceledError,
	CaptuneError,
	EnvironmentError,
	type ErrorCode,
	type ErrorDetails,
	InputError,
	type Issue,
	SpecError,
	WorkerError,
} from "./errors.js";
export { type FinetuneOptions, finetune } from "./finetune.js";
export * from "./metrics/index.js";
export type * from "./run/event.generated.js";
export type { FinetuneResult, SplitResult, SplitScores } from "./run/result.js";
export type { FinetuneRun, RunState } from "./run/run.js";
export type { EventOf, EventType } from "./run/stream.js";
export { hashSpec } from "./spec/hash.js";
export {
	defineSpec,
	type ResolveOptions,
	resolveSpec,
} from "./spec/resolve.js";
export type * from "./spec/spec.generated.js";
