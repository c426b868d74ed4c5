// What other rooms and users may take from the metrics.

export {
	type BootstrapOptions,
	bootstrapDifference,
	type Difference,
} from "./bootstrap.js";
export { bestConstantAnswer, type ConstantAnswer } from "./constant.js";
export {
	type CorpusOptions,
	type CorpusScore,
	type OwnCorpusMetric,
	type OwnExampleMetric,
	type OwnMetric,
	scoreCorpus,
	type TextExample,
} from "./corpus.js";
export { MetricError, type MetricFailure } from "./error.js";
export { exactMatch } from "./exact-match.js";
export {
	isTextMetric,
	isTokenMetric,
	type MetricDirection,
	metricDirections,
	type TextMetric,
	type TextMetricName,
	type TokenMetricName,
	textMetricNames,
	textMetrics,
	tokenMetricNames,
} from "./metric.js";
export type { RougeScore } from "./overlap.js";
export { stem } from "./porter.js";
export { type RougeType, scoreRouge } from "./rouge.js";
export { rougeS, type SkipOptions } from "./skip-bigrams.js";
export { tagF1 } from "./tag-f1.js";
export { scoreTokenSums, type TokenSums } from "./token-sums.js";
export { type TokenOptions, tokenize } from "./tokens.js";
