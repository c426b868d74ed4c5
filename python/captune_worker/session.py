"""One run, from the spec to the trained weights: the story in one screen."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from transformers.utils import logging as transformers_logging

from . import facts
from .checkpoint import Checkpoints, save_weights, write_folder
from .control import Control
from .data import Progress as DataProgress
from .data import Screen, load_data
from .evaluate import Evaluator
from .hub import Progress as DownloadProgress
from .hub import fetch_model, fetch_processor
from .kernels import AttentionKernels
from .model import TrainedModel, load_model, load_processor, longest_row
from .pixels import Pool
from .report import Report
from .resolution import demand_device, resolve
from .spec import Spec
from .train import Progress, Trainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended well."""

    status: Literal["completed", "stopped"]
    adapter: Path | None
    kept_step: int | None


def conduct(
    spec: Spec,
    run_folder: Path,
    cache_folder: Path,
    report: Report,
    control: Control,
) -> Outcome:
    """Trains what the spec says and saves it.

    Raises:
        Refusal: when data, model or device cannot serve the spec; before any step.
        Canceled, Abandoned: by the outside.
    """
    # Deprecations inside the libraries are no news to the user of a run.
    warnings.simplefilter("ignore", FutureWarning)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    # Forked before anything touches the GPU.
    pool = Pool(spec.compute.loader_workers)
    try:
        return _conduct(spec, run_folder, cache_folder, report, control, pool)
    finally:
        pool.close()


def _conduct(
    spec: Spec,
    run_folder: Path,
    cache_folder: Path,
    report: Report,
    control: Control,
    pool: Pool,
) -> Outcome:
    demand_device(spec)
    facts.report_ready(report, spec)
    report.stage(stage="encode", state="started")
    download = report_download(report)
    settings = fetch_processor(spec.model, download)
    processor = load_processor(spec, settings)
    data = load_data(
        spec.data,
        processor,
        longest_row(settings),
        cache_folder,
        pool,
        report_pictures(report),
    )
    data.problems.write(run_folder)
    resolution = resolve(spec, len(data.splits["train"]))
    facts.report_resolution(report, resolution)
    facts.report_data(report, data)
    report.stage(stage="encode", state="completed")
    control.check()
    folder = fetch_model(spec.model, cache_folder / "verified", download)

    report.stage(stage="load", state="started")
    torch.manual_seed(spec.seed)
    model = load_model(spec, folder, resolution, processor, data.preparer)
    screen = Screen(model.features.problem, data.problems, report, run_folder)
    kernels = AttentionKernels(resolution.attention, report)
    checkpoints = Checkpoints(run_folder)
    progress = Progress()
    evaluator = Evaluator(
        spec=spec,
        model=model,
        splits=data.splits,
        encoder=data.encoder,
        screen=screen,
        pictures=run_folder / "pictures",
        kernels=kernels,
        report=report,
        control=control,
    )
    trainer = Trainer(
        spec=spec,
        resolution=resolution,
        model=model,
        examples=data.splits["train"],
        evaluator=evaluator,
        screen=screen,
        checkpoints=checkpoints,
        kernels=kernels,
        report=report,
        control=control,
        progress=progress,
    )
    trainer.watch_attention()
    evaluator.watch_attention()
    if spec.model.attention == "flash":
        kernels.demand_flash()
    facts.report_model(report, model, kernels)
    report.stage(stage="load", state="completed")

    evaluator.run("test", step=0, model="base")
    control.check()
    report.stage(stage="train", state="started")
    trainer.run()
    report.stage(stage="train", state="completed")

    kept_step = keep_best(model, checkpoints, progress)
    completed = progress.step == resolution.total_steps or not control.stopping
    if completed:
        evaluate_result(spec, evaluator, kept_step)
    adapter = save_result(run_folder, model, report)
    status = "completed" if completed else "stopped"
    return Outcome(status=status, adapter=adapter, kept_step=kept_step)


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


def keep_best(model: TrainedModel, checkpoints: Checkpoints, progress: Progress) -> int:
    """Puts the best checkpoint's weights into the model; without one the last stay."""
    best = progress.best_step
    if best is None or best == progress.step:
        return progress.step
    checkpoints.load(best, model)
    return best


def evaluate_result(spec: Spec, evaluator: Evaluator, step: int) -> None:
    """Scores what is kept on the test split, and what it owes to the pictures."""
    evaluator.run("test", step)
    if spec.evaluation.shuffled_images:
        evaluator.run("validation", step, images="shuffled")
        evaluator.run("test", step, images="shuffled")


def save_result(run_folder: Path, model: TrainedModel, report: Report) -> Path:
    """The trained weights, under the name by which people look for them."""
    report.stage(stage="save", state="started")
    folder = run_folder / ("model" if model.peft is None else "adapter")
    write_folder(folder, lambda partial: save_weights(model, partial))
    report.stage(stage="save", state="completed")
    return folder
