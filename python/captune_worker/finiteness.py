"""Losses and gradients that are not finite: the step is left out, told, or the end."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .errors import Refusal, issue
from .optimizers import skips_by_itself
from .report import Report
from .spec import Training
from .steplog import StepLog


class Finiteness:
    """Guards the weights against steps whose numbers are not finite."""

    def __init__(
        self,
        training: Training,
        scaler: torch.amp.GradScaler,
        log: StepLog,
        report: Report,
    ) -> None:
        """``scaler`` is that of the loss; a disabled one where it is not scaled."""
        self._training = training
        self._scaler = scaler
        self._log = log
        self._report = report
        self._judged = 0

    def step_unless_bad(
        self, optimizer: torch.optim.Optimizer, numbers: Tensor
    ) -> None:
        """The optimizer's step, but for one whose loss or gradients are not finite.

        ``numbers`` are its loss and the norm of its gradients, float32 [2].
        """
        if self._scaler.is_enabled():
            self._scaler.step(optimizer)
            self._scaler.update()
        elif skips_by_itself(optimizer):
            optimizer.grad_scale = None
            optimizer.found_inf = (~numbers.isfinite().all()).float()
            optimizer.step()
        elif all(map(math.isfinite, self._log.read(numbers))):
            optimizer.step()

    def judge(self) -> None:
        """Says which steps were left out since it was last asked, or ends the run.

        Raises:
            Refusal: ``NON_FINITE`` when the spec says so.
        """
        steps = self._log.not_finite[self._judged :]
        for step in steps:
            self._judged += 1
            # Loss scaling feels its way: a scale too large is no fault.
            if not (self._scaler.is_enabled() and self._scaler.get_scale() >= 1):
                self._tell(step)

    def check_gradients(self, named: Iterable[tuple[str, nn.Parameter]]) -> None:
        """Warns of trainable parameters that the first step does not reach."""
        gradients = [(name, one.grad) for name, one in named]
        missing = [name for name, one in gradients if one is None]
        present = [(name, one) for name, one in gradients if one is not None]
        finite = torch.stack([one.isfinite().all() for _, one in present])
        verdicts = zip(present, self._log.read(finite), strict=True)
        broken = [name for (name, _), is_finite in verdicts if not is_finite]
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

    def _tell(self, step: int) -> None:
        if self._training.on_non_finite == "stop":
            problem = issue(
                "training.learningRate",
                f"leads to a loss or gradients that are not finite in step {step}",
                self._training.learning_rate,
                "Lower it, lower training.maxGradNorm, look at the rows of that step, "
                'or set training.onNonFinite to "skip".',
            )
            raise Refusal(
                "NON_FINITE", "Training has diverged", [problem], {"step": step}
            )
        count = self._judged
        self._report.warning(
            code="NON_FINITE",
            message=f"Loss or gradients of step {step} are not finite; it changed "
            f"nothing. Steps left out so far: {count}.",
            data={"step": step, "count": count},
        )
