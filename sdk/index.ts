// The whole public surface.

export { type AttachOptions, attach } from "./attach.js";
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
export type { RowsOfSplits } from "./data/splits.js";
export {
	CallbackError,
	CanceledError,
	CaptuneError,
	DetachedError,
	EnvironmentError,
	type ErrorCode,
	type ErrorDetails,
	InputError,
	type Issue,
	SpecError,
	WorkerError,
} from "./errors.js";
export {
	type EvaluateOptions,
	type EvaluationSettings,
	type EvaluationSpec,
	evaluate,
	type RowsToEvaluate,
} from "./evaluate.js";
export {
	type AdapterFacts,
	type ExportedModel,
	type ExportForm,
	type ExportOptions,
	type ExportVerification,
	exportModel,
} from "./export/export.js";
export {
	type PushedModel,
	type PushOptions,
	pushToHub,
} from "./export/push.js";
export { finetune, type SpecOfRows, type StartOptions } from "./finetune.js";
export {
	type DoctorOptions,
	doctor,
	type Finding,
} from "./inspect/doctor.js";
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
	type LoadModelOptions,
	type LoadProgress,
	loadModel,
	type ModelToLoad,
} from "./load-model.js";
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
	type MetricFailure,
	type OwnCorpusMetric,
	type OwnExampleMetric,
	type OwnMetric,
	type RougeScore,
	type RougeType,
	rougeS,
	type SkipOptions,
	scoreCorpus,
	scoreRouge,
	type TextExample,
	type TextMetricName,
	type TokenMetricName,
	type TokenOptions,
	tagF1,
} from "./metrics/index.js";
export type { MimeBundle } from "./notebook/kernel.js";
export { showInNotebook } from "./notebook/live.js";
export { type ShowPicturesOptions, showPictures } from "./notebook/pictures.js";
export { showPreview } from "./notebook/preview.js";
export { showRun } from "./notebook/run.js";
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
export type { BestCheckpoint } from "./run/checkpoints.js";
export type { EvaluationResult } from "./run/conclusion.js";
export type * from "./run/event.generated.js";
export { listRuns, type RunListing } from "./run/list.js";
export type { WorkerStage } from "./run/liveness.js";
export type { FinetuneResult, SplitResult, SplitScores } from "./run/result.js";
export type {
	Detached,
	EvaluationRun,
	FinetuneRun,
	RunHandle,
	RunState,
} from "./run/run.js";
export type { EventOf, EventType } from "./run/stream.js";
export type { Answer, AnswerPiece, GenerateCall } from "./serving/call.js";
export type {
	GenerateInput,
	MessagesInput,
	PromptInput,
} from "./serving/inputs.js";
export type {
	GenerateOptions,
	LoadedModel,
	ModelFacts,
} from "./serving/loaded-model.js";
export {
	type NotChecked,
	type SmokeCheck,
	type SmokeCheckName,
	type SmokeOptions,
	type SmokeResult,
	smoke,
} from "./smoke.js";
export { hashSpec } from "./spec/hash.js";
export {
	defineSpec,
	type ResolveOptions,
	resolveSpec,
} from "./spec/resolve.js";
export type * from "./spec/spec.generated.js";
export { showProgress } from "./terminal/progress.js";
export { summarize } from "./terminal/summary.js";
