"""Every event a worker sends: the twins of ``sdk/run/event-schema.ts``.

The schema holds the descriptions and decides; a test holds each struct to it.
"""

from typing import Any, Literal

import msgspec

Split = Literal["train", "validation", "test"]


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of an event."""


class Event(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"
):
    """What every event carries."""

    run_id: str
    attempt: int
    seq: int
    time: float


class Stage(Event, tag="stage"):
    stage: Literal[
        "install",
        "start",
        "download",
        "load",
        "encode",
        "train",
        "evaluate",
        "save",
    ]
    state: Literal["started", "progress", "completed"]
    done: float | None = None
    total: float | None = None
    unit: Literal["bytes", "rows", "steps"] | None = None
    message: str | None = None


class Device(Part):
    kind: Literal["cpu", "cuda"]
    name: str
    memory_bytes: int | None


class Ready(Event, tag="ready"):
    pid: int
    versions: dict[str, str]
    device: Device


class Resolved(Event, tag="resolved"):
    device: str
    dtype: Literal["float32", "bfloat16", "float16"]
    attention: str
    steps_per_epoch: float
    total_steps: int
    warmup_steps: int
    micro_batch_size: int
    gradient_accumulation_steps: int
    gradient_checkpointing: bool
    cache_image_features: bool
    answer_rows_only: bool
    autocast: bool


class Range(Part):
    min: int
    mean: float
    max: int


class SplitFacts(Part):
    split: Split
    rows: int
    dropped: dict[str, int]
    prompt_tokens: Range
    visual_tokens: Range
    answer_tokens: Range


class Data(Event, tag="data"):
    splits: list[SplitFacts]
    train_answers: list[str]


class MatchedModules(Part):
    target: str
    tower: Literal["language", "projector", "vision"]
    count: int
    trainable: int


class Model(Event, tag="model"):
    parameters: int
    trainable: int
    attention: str
    evaluation_attention: str | None
    modules: list[MatchedModules]


class TensorStatistics(Part):
    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    non_finite: float


class TensorInfo(Part):
    name: str
    shape: list[int]
    dtype: str
    device: str
    bytes: int
    trainable: bool
    statistics: TensorStatistics | None = None


class Tensors(Event, tag="tensors"):
    of: Literal["batch", "trainable", "statistics"]
    step: int
    tensors: list[TensorInfo]
    request_id: str | None = None


class Step(Event, tag="step"):
    step: int
    epoch: float
    loss: float | None
    finite: bool
    learning_rate: float
    grad_norm: float | None
    examples: int
    tokens: int
    examples_per_second: float
    tokens_per_second: float
    memory_bytes: int


class Scored(Event):
    """What predictions, sums and scores of one evaluation share."""

    evaluation_id: str
    split: Split
    step: int
    model: Literal["base", "tuned"]
    images: Literal["own", "shuffled"]


class ExampleSums(Part):
    row: int
    loss_sum: float | None
    tokens: int
    correct_tokens: int


class Evaluation(Scored, tag="evaluation"):
    examples: list[ExampleSums]
    seconds: float


class Prediction(Part):
    row: int
    images: list[str]
    prompt: str
    references: list[str]
    prediction: str
    tokens: int
    stopped: bool


class Predictions(Scored, tag="predictions"):
    items: list[Prediction]


class Checkpoint(Event, tag="checkpoint"):
    step: int
    state: Literal["saved", "pruned", "loaded"]
    path: str
    bytes: int


class Warning(Event, tag="warning"):
    code: str
    message: str
    data: Any = None


class EndIssue(Part):
    path: str
    reason: str
    code: str | None = None
    value: Any = None
    remedy: str | None = None


class EndError(Part):
    code: str
    message: str
    issues: list[EndIssue] = []
    traceback: str | None = None
    data: Any = None


class End(Event, tag="end"):
    status: Literal["completed", "stopped", "failed", "canceled"]
    steps: int
    adapter: str | None = None
    kept_step: int | None = None
    error: EndError | None = None
