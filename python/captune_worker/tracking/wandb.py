"""Weights & Biases."""

import wandb

from .. import spec
from .record import Record
from .tracker import Run

FLUSH_SECONDS = 1.0
"""How often wandb's own process writes; it ends with the worker, however that ends."""


class WandbTracker:
    """A run of wandb under captune's run id.

    wandb's own step only rises, and drops what comes late; so every axis brings its
    step as a metric (``train/step``).
    """

    settle_seconds = 2 * FLUSH_SECONDS

    def __init__(self, settings: spec.Wandb, run: Run) -> None:
        self._axes: set[str] = set()
        self._run = wandb.init(
            project=settings.project,
            entity=settings.entity,
            mode=settings.mode,
            dir=run.folder,
            id=run.id,
            name=run.name,
            resume="allow",
            config=run.settings,
            # What the worker prints is the run's log already.
            settings=wandb.Settings(
                silent=True,
                console="off",
                x_transaction_log_flush_interval=FLUSH_SECONDS,
            ),
        )

    def log(self, records: list[Record]) -> None:
        for record in records:
            step = f"{record.axis}/step"
            if record.axis not in self._axes:
                self._axes.add(record.axis)
                self._run.define_metric(step, hidden=True)
                self._run.define_metric(f"{record.axis}/*", step_metric=step)
            self._run.log({step: record.step, **record.values})

    def finish(self, completed: bool) -> None:
        self._run.finish(exit_code=0 if completed else 1)
