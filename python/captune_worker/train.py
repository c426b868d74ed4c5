"""The training loop."""

import gc
import math
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
from .errors import Refusal, issue
from .evaluate import Evaluator
from .examples import IGNORED, Batch, Example, by_regime, collate, views_of
from .facts import report_resolution
from .kernels import AttentionKernels
from .model import TrainedModel
from .optimizers import BY_SCORE, make_optimizer, make_schedule, rates, skips_by_itself
from .report import Report
from .resolution import Load, Resolution, fitting_tokens, saved, shrink
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
        self._examples = examples
        self._evaluator = evaluator
        self._screen = screen
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
            self._check_gradients()
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
            tokens=_answer_tokens(batches),
            positions=sum(int(batch.lengths.sum()) for batch in batches),
        )
        told = len(self.log.not_finite)
        self.log.add(facts, numbers)
        for step in self.log.not_finite[told:]:
            self._judge_bad_step(step)

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
            self._make_room(batches, message)
            batches = self._batches(deal)

    def _accumulate(self, batches: list[Batch]) -> Tensor:
        self._model.causal.train()
        shares = self._shares(batches)
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

    def _shares(self, batches: list[Batch]) -> list[Tensor]:
        """What the summed loss of every example counts, float32 [batch] per micro-batch.

        They regard the whole step, so that cutting it otherwise changes nothing.
        """
        counts = [(batch.labels != IGNORED).sum(1) for batch in batches]
        if self._spec.training.loss_reduction == "tokens":
            total = _answer_tokens(batches)
            return [torch.full((len(one),), 1 / total) for one in counts]
        examples = sum(len(one) for one in counts)
        return [1 / (one * examples) for one in counts]

    def _step_unless_bad(self, numbers: Tensor) -> None:
        """The optimizer's step, but for one whose loss or gradients are not finite."""
        if self._scaler.is_enabled():
            self._scaler.step(self._optimizer)
            self._scaler.update()
        elif skips_by_itself(self._optimizer):
            self._optimizer.grad_scale = None
            self._optimizer.found_inf = (~numbers.isfinite().all()).float()
            self._optimizer.step()
        elif all(map(math.isfinite, self.log.read(numbers))):
            self._optimizer.step()

    def _judge_bad_step(self, step: int) -> None:
        """Says that a step was left out, or ends the run for it.

        Raises:
            Refusal: ``NON_FINITE`` when the spec says so.
        """
        if self._scaler.is_enabled() and self._scaler.get_scale() >= 1:
            return  # loss scaling feels its way: a scale too large is no fault
        count = len(self.log.not_finite)
        if self._spec.training.on_non_finite == "stop":
            problem = issue(
                "training.learningRate",
                f"leads to a loss or gradients that are not finite in step {step}",
                self._spec.training.learning_rate,
                "Lower it, lower training.maxGradNorm, look at the rows of that step, "
                'or set training.onNonFinite to "skip".',
            )
            raise Refusal(
                "NON_FINITE", "Training has diverged", [problem], {"step": step}
            )
        self._report.warning(
            code="NON_FINITE",
            message=f"Loss or gradients of step {step} are not finite; it changed "
            f"nothing. Steps left out so far: {count}.",
            data={"step": step, "count": count},
        )

    def _make_room(self, batches: list[Batch], message: str) -> None:
        """Settles for less memory, and says so.

        Raises:
            Refusal: ``OUT_OF_MEMORY`` when nothing is left to try.
        """
        smaller = shrink(self._spec, self.resolution)
        if smaller is None:
            raise self._too_long(batches, message)
        self.resolution = smaller
        self._model.obey(smaller)
        self._report.warning(
            code="OUT_OF_MEMORY",
            message="Memory did not hold the step; it is computed in parts of "
            f"{smaller.micro_batch_size}"
            f"{', with recomputation' if smaller.gradient_checkpointing else ''}.",
            data={
                "microBatchSize": smaller.micro_batch_size,
                "gradientCheckpointing": smaller.gradient_checkpointing,
            },
        )
        report_resolution(self._report, smaller)

    def _too_long(self, batches: list[Batch], message: str) -> Refusal:
        """What to say when one example is too much."""
        longest = max(int(batch.lengths.max()) for batch in batches)
        fits = fitting_tokens(self.resolution, self._load)
        # An estimate that says it should have fitted is no help.
        limit = f" to about {fits}, which would fit" if fits < longest else ""
        problem = issue(
            "model.imageCrops",
            f"makes a row of {longest} tokens, which does not fit into memory even "
            "alone",
            self._spec.model.image_crops,
            f"Lower it, or set data.maxTokens{limit}; set "
            'training.gradientCheckpointing to "auto" or true; or use the method '
            '"qlora".',
        )
        return Refusal(
            "OUT_OF_MEMORY",
            "The device has too little memory for one example",
            [problem],
            {"longest": longest, "fits": fits, "message": message},
        )

    def _check_gradients(self) -> None:
        """Warns of trainable parameters that the first step does not reach."""
        named = list(self._model.trainable())
        missing = [name for name, one in named if one.grad is None]
        present = [(name, one.grad) for name, one in named if one.grad is not None]
        finite = torch.stack([one.isfinite().all() for _, one in present])
        broken = [
            name
            for (name, _), is_finite in zip(present, self.log.read(finite), strict=True)
            if not is_finite
        ]
        if missing:
            self._report.warning(
                code="GRADIENT_MISSING",
                message=f"{len(missing)} trainable parameters got no gradient in the "
                f"first step, the first of them {missing[0]}: they will not learn.",
                data={"parameters": missing},
            )
        if broken and not self._scaler.is_enabled():
            self._report.warning(
                code="GRADIENT_NOT_FINITE",
                message=f"{len(broken)} trainable parameters have gradients that are "
                f"not finite in the first step, the first of them {broken[0]}.",
                data={"parameters": broken},
            )

    def _batches(self, deal: Deal) -> list[Batch]:
        """The micro-batches of a step; none where none of its rows can be used."""
        self._expect(deal)
        seeds = {
            id(self._examples[row]): self._seed(deal.epoch, row) for row in deal.rows
        }
        usable = [
            example
            for example in (self._examples[row] for row in deal.rows)
            if self._screen.passes("train", example, seeds[id(example)])
        ]
        size = self.resolution.micro_batch_size
        return [
            collate(part, self._model.pad_id, [seeds[id(one)] for one in part])
            for part in by_regime(usable, self._model.regime_limit, size)
        ]

    def _expect(self, deal: Deal) -> None:
        rows = [*deal.rows, *deal.soon]
        examples = [self._examples[row] for row in rows]
        seeds = [self._seed(deal.epoch, row) for row in rows]
        self._model.features.expect(views_of(examples, seeds))

    def _seed(self, epoch: int, row: int) -> str | None:
        """Seeds what chance makes of the pictures of a row in an epoch."""
        if not self._spec.data.augmentation:
            return None
        return f"{self._spec.seed} {epoch} {row}"

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


def _answer_tokens(batches: list[Batch]) -> int:
    return sum(int((batch.labels != IGNORED).sum()) for batch in batches)
