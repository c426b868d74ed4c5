"""One run, from the spec to the trained weights: the story in one screen.

That of an evaluation by itself is in ``assessment.py``.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from transformers.utils import logging as transformers_logging

from . import facts
from .assessment import assess
from .checkpoint import Checkpoints, Found, save_weights, write_folder
from .control import Control, Evaluate, Train
from .data import RunData, Screen
from .errors import Refusal, issue
from .evaluate import Evaluator
from .hub import fetch_model
from .kernels import AttentionKernels
from .loading import load_model
from .model import TrainedModel
from .pixels import Pool
from .preparation import load_of, open_data, report_download
from .report import Report
from .resolution import fit, resolve, restored
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
    task: Train | Evaluate,
) -> Outcome:
    """Trains what the spec says and saves it, or scores what is there.

    Raises:
        Refusal: when data, model or device cannot serve the spec; before any step.
        Canceled, Abandoned: by the outside.
    """
    # Deprecations inside the libraries are no news to the user of a run.
    warnings.simplefilter("ignore", FutureWarning)
    # A step that is left out is told by an event.
    warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    # Forked before anything touches the GPU.
    pool = Pool(spec.compute.loader_workers)
    try:
        if isinstance(task, Evaluate):
            assess(spec, task, run_folder, cache_folder, report, control, pool)
            return Outcome(status="completed", adapter=None, kept_step=task.step)
        scored = task.scored
        return _train(spec, run_folder, cache_folder, report, control, scored, pool)
    finally:
        pool.close()


def _train(
    spec: Spec,
    run_folder: Path,
    cache_folder: Path,
    report: Report,
    control: Control,
    scored: list[int] | None,
    pool: Pool,
) -> Outcome:
    processor, data = open_data(spec, run_folder, cache_folder, report, pool)
    control.check()
    checkpoints = Checkpoints(run_folder)
    found = find_checkpoint(checkpoints, data, report) if scored is not None else None
    download = report_download(report)
    folder = fetch_model(spec.model, cache_folder / "verified", download)

    report.stage(stage="load", state="started")
    torch.manual_seed(spec.seed)
    resolution = (
        resolve(spec, len(data.splits["train"]))
        if found is None
        else restored(found.state.plain["resolved"], spec)
    )
    model = load_model(spec, folder, resolution, processor, data.preparer)
    load = load_of(model, data)
    if found is None:
        resolution = fit(spec, resolution, load)
    model.obey(resolution)
    facts.report_resolution(report, resolution)
    screen = Screen(model.features.problem, data.problems, report, run_folder)
    kernels = AttentionKernels(resolution.attention, report)
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
        load=load,
        model=model,
        examples=data.splits["train"],
        evaluator=evaluator,
        screen=screen,
        checkpoints=checkpoints,
        kernels=kernels,
        report=report,
        control=control,
        fingerprint=data.fingerprint,
    )
    trainer.watch_attention()
    evaluator.watch_attention()
    if spec.model.attention == "flash":
        kernels.demand_flash()
    facts.report_model(report, model, kernels)
    if found is not None:
        checkpoints.load(found.step, model)
        trainer.restore(found.step, found.state)
        report.checkpoint(
            step=found.step, state="loaded", path=str(found.path), bytes=found.bytes
        )
    report.stage(stage="load", state="completed")

    if found is None:
        evaluator.run("test", step=0, model="base")
        control.check()
    report.stage(stage="train", state="started")
    trainer.run(
        resumed=found is not None,
        is_decided=found is not None and found.step in scored,
    )
    report.stage(stage="train", state="completed")

    progress = trainer.progress
    kept_step = keep_best(model, checkpoints, progress)
    completed = progress.step == resolution.total_steps or not control.stopping
    if completed:
        evaluate_result(spec, evaluator, kept_step)
    adapter = save_result(run_folder, model, report)
    status = "completed" if completed else "stopped"
    return Outcome(status=status, adapter=adapter, kept_step=kept_step)


def find_checkpoint(
    checkpoints: Checkpoints, data: RunData, report: Report
) -> Found | None:
    """Where to go on; None, with a warning, when there is nothing to go on from.

    Raises:
        Refusal: ``DATA_CHANGED`` when the rows are not those that were trained on.
    """
    found = checkpoints.newest(report)
    if found is None:
        report.warning(
            code="NO_CHECKPOINT",
            message="There is no whole checkpoint to go on from; training begins anew.",
        )
    elif found.state.plain["fingerprint"] != data.fingerprint:
        problem = issue(
            "data.train",
            "gives other rows than when the run began",
            remedy="Bring the old ones back, or start a new run.",
        )
        raise Refusal("DATA_CHANGED", "The run cannot go on", [problem])
    return found


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
