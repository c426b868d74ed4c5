"""The training loop."""

import itertools
import math
import random
import re
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import get_scheduler

from . import tensors
from .checkpoint import Checkpoints
from .control import Control, Decision
from .data import Screen
from .evaluate import Evaluator
from .examples import IGNORED, Batch, Example, by_regime, collate, views_of
from .kernels import AttentionKernels
from .model import TrainedModel
from .report import Report
from .resolution import Resolution
from .spec import Spec, Training

LOOKAHEAD = 16
"""Rows whose pictures are made ready, beyond the next step's."""

SCHEDULERS = {
    "constant": "constant_with_warmup",
    "linear": "linear",
    "cosine": "cosine",
}
"""Our names of schedules, and transformers' ones for the same with warm-up."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far training has come."""

    step: int = 0
    """Optimizer steps made."""
    best_step: int | None = None
    """Step of the best checkpoint, as TypeScript decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """Trains a model on examples; everything it must know comes with it."""

    spec: Spec
    resolution: Resolution
    model: TrainedModel
    examples: list[Example]
    evaluator: Evaluator
    screen: Screen
    checkpoints: Checkpoints
    kernels: AttentionKernels
    report: Report
    control: Control
    progress: Progress

    def run(self) -> None:
        """Makes the steps of the spec, or as many as the outside allows.

        Raises:
            Canceled: at a boundary; nothing more is saved.
            Abandoned: at a boundary or in an evaluation, with the last step saved.
        """
        optimizer = make_optimizer(self.model, self.spec.training)
        scheduler = get_scheduler(
            SCHEDULERS[self.spec.training.schedule],
            optimizer,
            num_warmup_steps=self.resolution.warmup_steps,
            num_training_steps=self.resolution.total_steps,
        )
        every = self.spec.evaluation.every_steps
        for batches in self._steps():
            self._make_step(batches, optimizer, scheduler)
            is_last = self.progress.step == self.resolution.total_steps
            stop = self._at_boundary() or is_last
            if stop or self.progress.step % every == 0:
                decision = self._save_and_evaluate()
                self.watch_attention()
                stop = self._at_boundary() or stop
                if stop or (decision is not None and decision.stop):
                    return

    def watch_attention(self) -> None:
        """Notes the kernel of the first micro-batch, which leaves no trace otherwise."""
        (batch, *_) = next(self._steps())
        devices = [self.model.device] if self.model.device.type == "cuda" else []
        self.model.causal.train()
        with torch.random.fork_rng(devices), self.kernels.observe("training"):
            self.model.answer_sums(batch, self.model.inputs(batch))

    def _at_boundary(self) -> bool:
        """Does what the outside wants between two steps; True when that is to stop."""
        wishes = self.control.at_boundary()
        for step in wishes.prune:
            self.checkpoints.remove(step)
            path = str(self.checkpoints.path(step))
            self.report.checkpoint(step=step, state="pruned", path=path, bytes=0)
        for request_id, pattern in wishes.statistics:
            self.report.tensors(
                of="statistics",
                step=self.progress.step,
                request_id=request_id,
                tensors=[
                    tensors.describe(name, parameter, with_statistics=True)
                    for name, parameter in self.model.trainable()
                    if re.search(pattern, name)
                ],
            )
        return wishes.stop

    def _make_step(
        self,
        batches: list[Batch],
        optimizer: torch.optim.Optimizer,
        scheduler: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        started = time.monotonic()
        tokens = sum(int((batch.labels != IGNORED).sum()) for batch in batches)
        self.model.causal.train()
        loss = torch.zeros((), device=self.model.device)
        for batch in batches:
            inputs = self.model.inputs(batch)
            if self.progress.step == 0 and batch is batches[0]:
                self._describe_batch(batch, inputs)
            # Summed and divided by the tokens of the whole step: each token counts alike,
            # however the step is cut into micro-batches.
            part = self.model.answer_sums(batch, inputs).loss.sum() / tokens
            part.backward()
            loss += part.detach()
        parameters = [parameter for _, parameter in self.model.trainable()]
        norm = nn.utils.clip_grad_norm_(parameters, self.spec.training.max_grad_norm)
        learning_rate = scheduler.get_last_lr()[0]
        loss_value, norm_value = torch.stack((loss, norm.float())).tolist()
        is_finite = math.isfinite(loss_value) and math.isfinite(norm_value)
        if is_finite:
            optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        self.progress.step += 1
        seconds = time.monotonic() - started
        examples = sum(len(batch.examples) for batch in batches)
        positions = sum(int(batch.lengths.sum()) for batch in batches)
        self.report.step(
            step=self.progress.step,
            epoch=self.progress.step / self.resolution.steps_per_epoch,
            loss=loss_value if math.isfinite(loss_value) else None,
            finite=is_finite,
            learning_rate=learning_rate,
            grad_norm=norm_value if math.isfinite(norm_value) else None,
            examples=examples,
            tokens=tokens,
            examples_per_second=examples / seconds,
            tokens_per_second=positions / seconds,
            memory_bytes=peak_memory(self.model.device),
        )

    def _steps(self) -> Iterator[list[Batch]]:
        """The micro-batches of every optimizer step, epoch after epoch.

        The last step of an epoch takes what is left; no example is dropped.
        """
        training = self.spec.training
        size = training.batch_size * training.gradient_accumulation_steps
        for epoch in itertools.count():
            order = list(range(len(self.examples)))
            random.Random(f"{self.spec.seed} {epoch}").shuffle(order)
            for first in range(0, len(order), size):
                self._expect(epoch, order[first : first + 2 * size + LOOKAHEAD])
                batches = self._batches(epoch, order[first : first + size])
                if batches:
                    yield batches

    def _batches(self, epoch: int, numbers: list[int]) -> list[Batch]:
        """The micro-batches of one step; empty where none of its rows can be used."""
        seeds = {
            id(self.examples[number]): self._seed(epoch, number) for number in numbers
        }
        usable = [
            example
            for example in (self.examples[number] for number in numbers)
            if self.screen.passes("train", example, seeds[id(example)])
        ]
        size = self.spec.training.batch_size
        return [
            collate(part, self.model.pad_id, [seeds[id(one)] for one in part])
            for part in by_regime(usable, self.model.regime_limit, size)
        ]

    def _expect(self, epoch: int, numbers: list[int]) -> None:
        examples = [self.examples[number] for number in numbers]
        seeds = [self._seed(epoch, number) for number in numbers]
        self.model.features.expect(views_of(examples, seeds))

    def _seed(self, epoch: int, number: int) -> str | None:
        """Seeds what chance makes of the pictures of a row in an epoch."""
        if not self.spec.data.augmentation:
            return None
        return f"{self.spec.seed} {epoch} {number}"

    def _save_and_evaluate(self) -> Decision | None:
        """A checkpoint, then its evaluation, then what TypeScript makes of it.

        Raises:
            Abandoned, Canceled: in the evaluation; the checkpoint is there by then.
        """
        step = self.progress.step
        self.report.stage(stage="save", state="started")
        size = self.checkpoints.save(step, self.model, {})
        path = str(self.checkpoints.path(step))
        self.report.checkpoint(step=step, state="saved", path=path, bytes=size)
        self.report.stage(stage="save", state="completed")
        self.evaluator.run("validation", step)
        self.report.stage(stage="train", state="started")
        timeout = self.spec.evaluation.score_timeout_ms
        decision = self.control.decision(step, timeout)
        if decision is None:
            self.report.warning(
                code="SCORE_LATE",
                message=f"No decision on step {step} came within {timeout} ms; "
                "training goes on and its checkpoint is kept.",
                data={"step": step},
            )
            return None
        self.progress.best_step = decision.best
        return decision

    def _describe_batch(self, batch: Batch, inputs: dict[str, Any]) -> None:
        """Every tensor that the model gets with the first micro-batch."""
        features = inputs["image_features"]
        pixels = self.model.features.pixels(batch.views) if batch.views else {}
        named = {
            "input_ids": inputs["input_ids"],
            "labels": batch.labels,
            "row_lengths": inputs["row_lengths"],
            **pixels,
            **{f"image_features.{at}": one for at, one in enumerate(features)},
        }
        self.report.tensors(
            of="batch",
            step=0,
            tensors=[tensors.describe(name, one) for name, one in named.items()],
        )


def make_optimizer(model: TrainedModel, training: Training) -> torch.optim.Optimizer:
    """AdamW; norms and biases, being vectors, are not decayed."""
    parameters = [parameter for _, parameter in model.trainable()]
    groups = [
        {
            "params": [one for one in parameters if one.ndim >= 2],
            "weight_decay": training.weight_decay,
        },
        {
            "params": [one for one in parameters if one.ndim < 2],
            "weight_decay": 0.0,
        },
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=training.learning_rate
    )


def peak_memory(device: torch.device) -> int:
    """Bytes: of the GPU's allocator, else the resident set of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
