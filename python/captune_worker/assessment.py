"""One evaluation by itself, of weights as they are: the story in one screen."""

import dataclasses
from pathlib import Path

import msgspec
import torch

from . import facts
from .attachment import CONFIG
from .control import Control, Evaluate
from .data import Screen
from .evaluate import Evaluator
from .hub import fetch_model
from .kernels import AttentionKernels
from .loading import load_finished
from .pixels import Pool
from .preparation import load_of, open_data, report_download
from .report import Report
from .resolution import fit, resolve
from .spec import Spec

SPLITS = ("validation", "test")


def assess(
    spec: Spec,
    task: Evaluate,
    run_folder: Path,
    cache_folder: Path,
    report: Report,
    control: Control,
    pool: Pool,
) -> None:
    """Evaluates the splits of a spec that are not trained on; writes no weights.

    Raises:
        Refusal: when data, model, weights or device cannot serve the spec.
        Canceled, Abandoned: by the outside.
    """
    adapter = task.weights
    if adapter is not None and not (adapter / CONFIG).is_file():
        spec, adapter = _of_whole(spec, adapter), None
    processor, data = open_data(
        spec, run_folder, cache_folder, report, pool, wanted=SPLITS
    )
    control.check()
    download = report_download(report)
    folder = fetch_model(spec.model, cache_folder / "verified", download)

    report.stage(stage="load", state="started")
    torch.manual_seed(spec.seed)
    resolution = resolve(spec, train_rows=0)
    model = load_finished(spec, folder, resolution, processor, data.preparer, adapter)
    resolution = dataclasses.replace(
        fit(spec, resolution, load_of(model, data)),
        gradient_checkpointing=False,
        micro_batch_size=spec.evaluation.batch_size,
    )
    model.obey(resolution)
    facts.report_resolution(report, resolution)
    kernels = AttentionKernels(resolution.attention, report)
    evaluator = Evaluator(
        spec=spec,
        model=model,
        splits=data.splits,
        encoder=data.encoder,
        screen=Screen(model.features.problem, data.problems, report, run_folder),
        pictures=run_folder / "pictures",
        kernels=kernels,
        report=report,
        control=control,
    )
    evaluator.watch_attention()
    facts.report_model(report, model, kernels)
    report.stage(stage="load", state="completed")

    which = "base" if task.weights is None else "tuned"
    for split in SPLITS:
        evaluator.run(split, task.step, which)
        if spec.evaluation.shuffled_images:
            evaluator.run(split, task.step, which, images="shuffled")


def _of_whole(spec: Spec, folder: Path) -> Spec:
    """The same with the model that a folder holds."""
    model = msgspec.structs.replace(spec.model, name_or_path=str(folder), revision=None)
    return msgspec.structs.replace(spec, model=model)
