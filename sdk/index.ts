// The whole public surface.

export type { ImageInput } from "./data/image-file.js";
export {
	type MaterializeOptions,
	materialize,
	type RowsInput,
} from "./data/materialize.js";
export type {
	AnswerRow,
	ChatMessage,
	ContentPart,
	MessagesRow,
	RowInput,
} from "./data/rows.js";
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
export {
	finetune,
	type RowsOfSplits,
	type SpecOfRows,
} from "./finetune.js";
export {
	type DeviceReport,
	type EnvironmentReport,
	type InspectOptions,
	inspectEnvironment,
} from "./inspect/inspect.js";
export type {
	EnvironmentOptions,
	InstallProgress,
} from "./launch/environment.js";
export {
	type BootstrapOptions,
	bestConstantAnswer,
	bootstrapDifference,
	type ConstantAnswer,
	type CorpusOptions,
	type CorpusScore,
	type Difference,
	exactMatch,
	MetricError,
	type OwnMetric,
	type RougeScore,
	type RougeType,
	rougeS,
	scoreCorpus,
	scoreRouge,
	type TextExample,
	type TextMetricName,
	type TokenMetricName,
	tagF1,
} from "./metrics/index.js";
export type { FinetuneOptions } from "./options.js";
export { Preview, type PreviewOptions, preview } from "./preview/preview.js";
export type {
	PreviewData,
	PreviewPicture,
	PreviewRow,
	PreviewSpan,
} from "./preview/types.js";
export {
	type AirplanesSettings,
	airplanesSpec,
	boeings,
} from "./recipes/airplanes.js";
export type { Chart } from "./report/charts.js";
export { report } from "./report/report.js";
export { resume } from "./resume.js";
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
export { showProgress } from "./terminal/progress.js";
export { summarize } from "./terminal/summary.js";
