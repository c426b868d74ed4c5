"""What a run of any kind begins with: the data read, and progress told."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from . import facts
from .adapters import is_adapter
from .data import Progress as DataProgress
from .data import RunData, load_data
from .hub import Progress as DownloadProgress
from .hub import fetch_processor
from .loading import load_processor, longest_row
from .model import TrainedModel
from .pixels import Pool
from .report import Report
from .resolution import Load, demand_device
from .rows import SPLITS
from .spec import Spec


def open_data(
    spec: Spec,
    run_folder: Path,
    cache_folder: Path,
    report: Report,
    pool: Pool,
    wanted: Sequence[str] = SPLITS,
) -> tuple[Any, RunData]:
    """The processor of the model, and the wanted splits as it reads them.

    Raises:
        Refusal: when device, model or data cannot serve the spec.
    """
    demand_device(spec)
    facts.report_ready(report, spec)
    report.stage(stage="encode", state="started")
    settings = fetch_processor(spec.model, report_download(report))
    processor = load_processor(spec.model, settings)
    data = load_data(
        spec.data,
        processor,
        longest_row(settings),
        cache_folder,
        pool,
        report_pictures(report),
        wanted,
    )
    data.problems.write(run_folder)
    facts.report_data(report, data)
    report.stage(stage="encode", state="completed")
    return processor, data


def load_of(model: TrainedModel, data: RunData) -> Load:
    """What training this model on this data, or running it, asks of memory."""
    trainable = list(model.trainable())
    examples = data.splits.get("train") or list(chain(*data.splits.values()))
    pictures = {
        picture: example.visual_tokens // len(example.row.pictures)
        for examples in data.splits.values()
        for example in examples
        for picture in example.row.pictures
    }
    return Load(
        config=model.causal.config,
        trained=sum(one.numel() for _, one in trainable),
        trains_weights=not all(is_adapter(name) for name, _ in trainable),
        trains_features=model.features.are_trained,
        longest=max(example.length for example in examples),
        answer_tokens=max(example.answer_tokens for example in examples),
        pictures=sum(pictures.values()),
    )


def report_pictures(report: Report) -> DataProgress:
    """Tells of pictures that are ready, about twenty times in all."""

    def tell(done: int, total: int) -> None:
        if done % max(total // 20, 1) == 0 or done == total:
            report.stage(
                stage="encode", state="progress", done=done, total=total, unit="rows"
            )

    return tell


def report_download(report: Report) -> DownloadProgress:
    """Tells the bytes that have arrived."""

    def tell(done: int, total: int) -> None:
        state = "completed" if done == total else "progress"
        report.stage(
            stage="download", state=state, done=done, total=total, unit="bytes"
        )

    return tell
