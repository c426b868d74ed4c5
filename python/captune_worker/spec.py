"""The resolved spec: everything the worker obeys, without a default of its own.

``schemas/resolved-spec.schema.json`` decides what is valid; these structs only give
it names and types in Python. A test holds them to the schema.
"""

import functools
import json
import math
from pathlib import Path
from typing import Any, Literal

import jsonschema
import msgspec

from .errors import Refusal, issue
from .pictures import ColorJitter, Crop, HorizontalFlip, Rotation

SCHEMAS = Path(__file__).parents[2] / "schemas"

Auto = Literal["auto"] | bool
Optimizer = Literal[
    "adamw",
    "adamw_8bit",
    "paged_adamw_8bit",
    "paged_adamw_32bit",
    "lion_32bit",
    "lion_8bit",
    "adafactor",
    "adagrad",
    "nadam",
    "radam",
    "rmsprop",
    "sgd",
]
Schedule = Literal[
    "constant",
    "constant_with_warmup",
    "linear",
    "cosine",
    "cosine_with_restarts",
    "cosine_with_min_lr",
    "cosine_warmup_with_min_lr",
    "polynomial",
    "inverse_sqrt",
    "warmup_stable_decay",
    "reduce_lr_on_plateau",
    "greedy",
]


class Section(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
    tag_field="kind",
):
    """A part of the spec."""


class Model(Section, tag=False):
    name_or_path: str
    revision: str | None
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    attention: Literal["auto", "flash", "sdpa", "eager"]
    image_crops: int


class Filter(Section, tag=False):
    column: str
    includes_any: list[str] | None
    includes_all: list[str] | None


class Selection(Section):
    """What every source of rows can do with them."""

    filters: list[Filter]
    shuffle_seed: int | None
    limit: int | None


class File(Selection):
    path: str


class JsonLinesSource(File, tag="jsonl"):
    pass


class JsonSource(File, tag="json"):
    pass


class CsvSource(File, tag="csv"):
    pass


class ParquetSource(File, tag="parquet"):
    pass


class ImageFolderSource(File, tag="imagefolder"):
    pass


class RowsSource(File, tag="rows"):
    pass


class DatasetSource(Selection, tag="dataset"):
    name_or_path: str
    config: str | None
    split: str
    revision: str | None


class AirplanesSource(Selection, tag="airplanes"):
    split: Literal["train", "validation", "test"]
    seed: int | None
    count: int | None


class SplitSource(Section, tag="split"):
    fraction: float
    seed: int


class NoSource(Section, tag="none"):
    pass


Source = (
    JsonLinesSource
    | JsonSource
    | CsvSource
    | ParquetSource
    | ImageFolderSource
    | RowsSource
    | DatasetSource
    | AirplanesSource
)
OptionalSource = (
    JsonLinesSource
    | JsonSource
    | CsvSource
    | ParquetSource
    | ImageFolderSource
    | RowsSource
    | DatasetSource
    | AirplanesSource
    | SplitSource
    | NoSource
)


class Columns(Section, tag=False):
    image: str
    answer: str
    prompt: str | None
    references: str | None
    messages: str | None


class Pictures(Section, tag=False):
    check: Literal["auto", "all", "headers"]
    max_pixels: int
    roots: list[str]
    hosts: list[str]
    max_download_bytes: int
    download_timeout_ms: int
    cache_bytes: int


class Data(Section, tag=False):
    train: Source | NoSource
    validation: OptionalSource
    test: OptionalSource
    columns: Columns
    prompt: str
    answer_separator: str | None
    max_tokens: int | None
    on_bad_row: Literal["fail", "drop"]
    augmentation: list[HorizontalFlip | Crop | Rotation | ColorJitter]
    pictures: Pictures


class Adapters(Section):
    """What every method with adapters says about them."""

    rank: int
    alpha: float
    dropout: float
    target_modules: str | list[str]
    dora: bool
    rslora: bool
    bias: Literal["none", "all", "lora_only"]
    modules_to_save: list[str]


class Lora(Adapters, tag="lora"):
    pass


class Qlora(Adapters, tag="qlora"):
    quant_type: Literal["nf4", "fp4"]
    double_quant: bool


class Full(Section, tag="full"):
    pass


class LearningRates(Section, tag=False):
    language: float | None
    projector: float | None
    vision: float | None


class Training(Section, tag=False):
    epochs: float
    max_steps: int | None
    batch_size: int
    gradient_accumulation_steps: int
    combine_micro_batches: Auto
    loss_reduction: Literal["tokens", "examples"]
    optimizer: Optimizer
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    learning_rate: float
    learning_rates: LearningRates
    schedule: Schedule
    schedule_arguments: dict[str, float]
    warmup_ratio: float
    warmup_steps: int | None
    weight_decay: float
    max_grad_norm: float
    on_non_finite: Literal["skip", "stop"]
    logging_steps: int
    gradient_checkpointing: Auto
    cache_image_features: Auto
    answer_rows_only: Auto
    autocast: Auto


class Best(Section, tag=False):
    metric: str
    direction: Literal["max", "min"]


class EarlyStopping(Section, tag=False):
    patience: int
    threshold: float


class Evaluation(Section):
    every_steps: int
    max_examples: int | None
    batch_size: int
    shuffled_images: bool
    early_stopping: EarlyStopping | None
    score_timeout_ms: int
    metrics: list[str]
    best: Best


class Sampling(Section, tag=False):
    temperature: float
    top_p: float
    top_k: int | None


class Generate(Evaluation, tag="generate"):
    stemming: bool
    max_new_tokens: int
    sampling: Sampling | None


class TeacherForced(Evaluation, tag="teacherForced"):
    pass


class Checkpoints(Section, tag=False):
    keep: int


class Hub(Section, tag=False):
    repository: str
    private: bool
    revision: str | None
    form: Literal["adapter", "merged"]


class Output(Section, tag=False):
    folder: str | None
    report: bool
    merged: bool
    hub: Hub | None


class Wandb(Section, tag="wandb"):
    project: str
    entity: str | None
    mode: Literal["online", "offline"]


class Mlflow(Section, tag="mlflow"):
    experiment: str
    tracking_uri: str | None


class Tensorboard(Section, tag="tensorboard"):
    folder: str | None


class Trackio(Section, tag="trackio"):
    project: str
    folder: str | None
    space: str | None


Tracker = Wandb | Mlflow | Tensorboard | Trackio


class LocalCompute(Section, tag="local"):
    device: Literal["auto", "cpu", "cuda"]
    loader_workers: int | None


class Spec(Section, tag=False):
    name: str | None
    seed: int
    model: Model
    data: Data
    method: Lora | Qlora | Full
    training: Training
    evaluation: Generate | TeacherForced
    checkpoints: Checkpoints
    output: Output
    tracking: list[Tracker]
    compute: LocalCompute


def parse(plain: dict[str, Any]) -> Spec:
    """The spec, checked against the schema that the SDK has generated.

    Raises:
        Refusal: ``SPEC_INVALID``, with every problem.
    """
    problems = [
        issue(error.json_path.removeprefix("$."), error.message)
        for error in _validator().iter_errors(plain)
    ]
    if problems:
        raise Refusal("SPEC_INVALID", "The resolved spec is not valid", problems)
    return msgspec.convert(plain, Spec)


@functools.cache
def _validator() -> jsonschema.protocols.Validator:
    """Judges as the SDK does, for which NaN and infinity are no numbers."""

    def is_number(_: object, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return math.isfinite(value)

    base = jsonschema.Draft202012Validator
    checker = base.TYPE_CHECKER.redefine("number", is_number)
    schema = json.loads((SCHEMAS / "resolved-spec.schema.json").read_bytes())
    return jsonschema.validators.extend(base, type_checker=checker)(schema)
