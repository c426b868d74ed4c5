"""The training loop."""

import gc
import re
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from . import tensors, training_state
from .checkpoint import Checkpoints, State
from .control import Control, Decision
from .data import Screen
from .evaluate import Evaluator
from .examples import Batch, Example
from .feed import Feed, answer_tokens
from .finiteness import Finiteness
from .kernels import AttentionKernels
from .memory import make_room
from .model import TrainedModel
from .optimizers import BY_SCORE, make_optimizer, make_schedule, rates
from .report import Report
from .resolution import Load, Resolution, saved
from .sampler import Deal, Position, Sampler
from .spec import Spec
from .steplog import StepFacts, StepLog

LOOKAHEAD = 16
"""Rows whose pictures are made ready, beyond the next step's."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far training has come."""

    step: int = 0
    """Optimizer steps made."""
    position: Position = field(default_factory=Position)
    best_step: int | None = None
    """Step of the best checkpoint, as TypeScript decided."""
    scores: dict[int, float | None] = field(default_factory=dict)
    """What the best one is told by, of every checkpoint that was decided on."""


class Trainer:
    """Trains a model on examples; everything it must know comes with it."""

    def __init__(
        self,
        *,
        spec: Spec,
        resolution: Resolution,
        load: Load,
        model: TrainedModel,
        examples: list[Example],
        evaluator: Evaluator,
        screen: Screen,
        checkpoints: Checkpoints,
        kernels: AttentionKernels,
        report: Report,
        control: Control,
        fingerprint: str,
    ) -> None:
        """``fingerprint`` names the training rows, for whoever resumes."""
        self.progress = Progress()
        self.resolution = resolution
        self._spec = spec
        self._load = load
        self._model = model
        self._feed = Feed(spec, model, examples, screen)
        self._evaluator = evaluator
        self._checkpoints = checkpoints
        self._kernels = kernels
        self._report = report
        self._control = control
        self._fingerprint = fingerprint
        self._parameters = [parameter for _, parameter in model.trainable()]
        self._optimizer = make_optimizer(model.trainable(), spec.training)
        self._schedule = make_schedule(self._optimizer, spec, resolution)
        self._scaler = torch.amp.GradScaler(
            model.device.type, enabled=resolution.dtype == torch.float16
        )
        self._sampler = Sampler(
            len(examples), resolution.step_examples, spec.seed, LOOKAHEAD
        )
        self.log = StepLog(report, model.device, spec.training.logging_steps)
        self._finiteness = Finiteness(spec.training, self._scaler, self.log, report)
        self._undecided: list[int] = []
        self._is_watching = False

    def run(self, *, resumed: bool = False, is_decided: bool = False) -> None:
        """Makes the steps of the spec, or as many as the outside allows.

        A resumed run stands at a checkpoint that has just been loaded; ``is_decided``
        tells that it needs no evaluation any more.

        Raises:
            Canceled: at a boundary; nothing more is saved.
            Abandoned: at a boundary or in an evaluation, with the last step saved.
            Refusal: ``OUT_OF_MEMORY``, ``NON_FINITE``.
        """
        total = self.resolution.total_steps
        if resumed and self._conclude(is_decided):
            return
        every = self._spec.evaluation.every_steps
        self.log.start()
        for deal in self._sampler.deal(self.progress.position):
            if self.progress.step >= total:
                return
            self._learn(deal)
            stop = self._at_boundary() or self.progress.step == total
            if stop or self.progress.step % every == 0:
                self.log.flush()
                self._finiteness.judge()
                self._save()
                stop = self._conclude(is_decided=False) or stop
                self.log.start()
            if stop:
                return

    def watch_attention(self) -> None:
        """Notes the kernel of the first micro-batch, which leaves no trace otherwise."""
        deals = self._sampler.deal(self.progress.position)
        (batch, *_) = next(filter(None, map(self._batches, deals)))
        devices = [self._model.device] if self._model.device.type == "cuda" else []
        self._model.causal.train()
        with (
            torch.random.fork_rng(devices),
            self._kernels.observe("training"),
            torch.no_grad(),
        ):
            self._model.answer_sums(batch, self._model.inputs(batch))

    def state(self) -> State:
        """Everything but the weights."""
        optimizer, moments = training_state.optimizer_state(self._optimizer)
        generators, generator_tensors = training_state.random_state()
        return State(
            plain={
                "position": asdict(self.progress.position),
                "best": self.progress.best_step,
                "scores": [[step, one] for step, one in self.progress.scores.items()],
                "resolved": saved(self.resolution),
                "fingerprint": self._fingerprint,
                "optimizer": optimizer,
                "schedule": training_state.schedule_state(self._schedule),
                "scaler": self._scaler.state_dict(),
                "random": generators,
            },
            tensors={
                **training_state.prefixed("optimizer", moments),
                **training_state.prefixed("random", generator_tensors),
            },
        )

    def restore(self, step: int, state: State) -> None:
        """Stands where ``state`` was taken; the weights are the caller's matter."""
        plain = state.plain
        self.progress.step = step
        self.progress.position = Position(**plain["position"])
        self.progress.best_step = plain["best"]
        self.progress.scores = dict(map(tuple, plain["scores"]))
        training_state.load_optimizer(
            self._optimizer,
            plain["optimizer"],
            training_state.unprefixed("optimizer", state.tensors),
        )
        training_state.load_schedule(self._schedule, plain["schedule"])
        self._scaler.load_state_dict(plain["scaler"])
        training_state.load_random(
            plain["random"], training_state.unprefixed("random", state.tensors)
        )

    def _learn(self, deal: Deal) -> None:
        """One optimizer step, unless none of its rows can be used."""
        batches = self._batches(deal)
        self.progress.position = deal.then
        if not batches:
            return
        losses = self._gradients(deal, batches)
        self._scaler.unscale_(self._optimizer)
        if self.progress.step == 0:
            self._finiteness.check_gradients(self._model.trainable())
        norm = nn.utils.clip_grad_norm_(
            self._parameters, self._spec.training.max_grad_norm
        )
        learning_rate = rates(self._optimizer)
        numbers = torch.stack((losses, norm.float()))
        self._step_unless_bad(numbers)
        if self._spec.training.schedule not in BY_SCORE:
            self._schedule.step()
        self._optimizer.zero_grad()
        self.progress.step += 1
        facts = StepFacts(
            step=self.progress.step,
            epoch=self.progress.step / self.resolution.steps_per_epoch,
            learning_rate=learning_rate,
            examples=sum(len(batch.examples) for batch in batches),
            tokens=answer_tokens(batches),
            positions=sum(int(batch.lengths.sum()) for batch in batches),
        )
        self.log.add(facts, numbers)
        self._finiteness.judge()

    def _gradients(self, deal: Deal, batches: list[Batch]) -> Tensor:
        """Accumulates the gradients of a step; gives its loss.

        Where memory does not hold, it is cut into smaller parts and begun again.

        Raises:
            Refusal: ``OUT_OF_MEMORY`` when nothing is left to cut.
        """
        while True:
            try:
                return self._accumulate(batches)
            except torch.OutOfMemoryError as error:
                message = str(error)
            # Out of the handler, whose traceback holds the tensors of the failed part.
            self._optimizer.zero_grad()
            gc.collect()
            torch.cuda.empty_cache()
            self.resolution = make_room(
                self._spec, self.resolution, self._load, batches, message, self._report
            )
            self._model.obey(self.resolution)
            batches = self._batches(deal)

    def _batches(self, deal: Deal) -> list[Batch]:
        return self._feed.batches(deal, self.resolution.micro_batch_size)

    def _accumulate(self, batches: list[Batch]) -> Tensor:
        self._model.causal.train()
        shares = self._feed.shares(batches)
        loss = torch.zeros((), device=self._model.device)
        for batch, share in zip(batches, shares, strict=True):
            inputs = self._model.inputs(batch)
            if self.progress.step == 0 and batch is batches[0]:
                self._describe_batch(batch, inputs)
            if self._is_watching:
                self._is_watching = False
                with self._kernels.observe("training"):
                    sums = self._model.answer_sums(batch, inputs)
            else:
                sums = self._model.answer_sums(batch, inputs)
            self._report.moved()
            part = (sums.loss * share.to(sums.loss.device, non_blocking=True)).sum()
            self._scaler.scale(part).backward()
            loss += part.detach()
        return loss

    def _step_unless_bad(self, numbers: Tensor) -> None:
        """The optimizer's step, but for one whose loss or gradients are not finite."""
        self._finiteness.step_unless_bad(self._optimizer, numbers)

    def _at_boundary(self) -> bool:
        """Does what the outside wants between two steps; True when that is to stop."""
        wishes = self._control.at_boundary()
        for step in wishes.prune:
            self._checkpoints.remove(step)
            path = str(self._checkpoints.path(step))
            self._report.checkpoint(step=step, state="pruned", path=path, bytes=0)
        for request_id, pattern in wishes.statistics:
            self._report.tensors(
                of="statistics",
                step=self.progress.step,
                request_id=request_id,
                tensors=[
                    tensors.describe(name, parameter, with_statistics=True)
                    for name, parameter in self._model.trainable()
                    if re.search(pattern, name)
                ],
            )
        return wishes.stop

    def _save(self) -> None:
        """A checkpoint of the step just made."""
        step = self.progress.step
        self._report.stage(stage="save", state="started")
        size = self._checkpoints.save(step, self._model, self.state())
        path = str(self._checkpoints.path(step))
        self._report.checkpoint(step=step, state="saved", path=path, bytes=size)
        self._report.stage(stage="save", state="completed")

    def _conclude(self, is_decided: bool) -> bool:
        """Evaluates the checkpoint just saved and obeys what TypeScript makes of it.

        Returns whether to stop.

        Raises:
            Abandoned, Canceled: in the evaluation; the checkpoint is there by then.
        """
        step = self.progress.step
        if not is_decided:
            self._evaluator.run("validation", step)
            self._report.stage(stage="train", state="started")
        self._undecided.append(step)
        stop = self.hear()
        if self._undecided:
            self._report.warning(
                code="SCORE_LATE",
                message=f"No decision on step {step} came within "
                f"{self._spec.evaluation.score_timeout_ms} ms; training goes on and "
                "its checkpoint is kept.",
                data={"step": step},
            )
        self._is_watching = True
        return self._at_boundary() or stop

    def hear(self) -> bool:
        """Obeys the decisions that are due, in order, as far as they come in time.

        Returns whether one of them ends training.

        Raises:
            Abandoned, Canceled: while waiting.
        """
        stop = False
        deadline = time.monotonic() + self._spec.evaluation.score_timeout_ms / 1000
        while self._undecided:
            step = self._undecided[0]
            wait = max(deadline - time.monotonic(), 0)
            decision = self._control.decision(step, round(wait * 1000))
            if decision is None:
                break
            self._undecided.pop(0)
            self._obey(step, decision)
            stop = stop or decision.stop
        return stop

    def _obey(self, step: int, decision: Decision) -> None:
        self.progress.best_step = decision.best
        self.progress.scores[step] = decision.value
        if self._spec.training.schedule in BY_SCORE and decision.value is not None:
            self._schedule.step(decision.value)

    def _describe_batch(self, batch: Batch, inputs: dict[str, Any]) -> None:
        """Every tensor that the model gets with the first micro-batch."""
        features = inputs["image_features"]
        pixels = self._model.features.pixels(batch.views) if batch.views else {}
        named = {
            "input_ids": inputs["input_ids"],
            "labels": batch.labels,
            "row_lengths": inputs["row_lengths"],
            **pixels,
            **{f"image_features.{at}": one for at, one in enumerate(features)},
        }
        self._report.tensors(
            of="batch",
            step=0,
            tensors=[tensors.describe(name, one) for name, one in named.items()],
        )
