"""Tells of steps, reading their numbers back from the device as seldom as asked."""

import math
import resource
import sys
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from .report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """What the host knows of a step without asking the device."""

    step: int
    epoch: float
    learning_rate: float
    examples: int
    tokens: int
    """Answer tokens."""
    positions: int
    """Tokens in all, prompts and pictures included."""


class StepLog:
    """Collects steps and reports them together: one blocking read for all of them."""

    def __init__(self, report: Report, device: torch.device, every: int) -> None:
        self._report = report
        self._device = device
        self._every = every
        self._waiting: list[tuple[StepFacts, Tensor]] = []
        self._since = time.monotonic()
        self.reads = 0
        """Blocking reads of the device so far."""
        self.not_finite: list[int] = []
        """Steps whose loss or gradients were not finite, as far as is known."""

    def start(self) -> None:
        """Time runs from now: what came before was no step."""
        self._since = time.monotonic()

    def add(self, facts: StepFacts, loss_and_norm: Tensor) -> None:
        """Notes a step; ``loss_and_norm`` is float32 [2] on the device."""
        self._waiting.append((facts, loss_and_norm))
        if len(self._waiting) >= self._every:
            self.flush()

    def read(self, values: Tensor) -> list:
        """The values of a tensor; waits until the device has computed them."""
        self.reads += 1
        return values.tolist()

    def flush(self) -> None:
        """Reports every step that is waiting."""
        if not self._waiting:
            return
        numbers = self.read(torch.stack([values for _, values in self._waiting]))
        seconds = (time.monotonic() - self._since) / len(self._waiting)
        for (facts, _), (loss, norm) in zip(self._waiting, numbers, strict=True):
            is_finite = math.isfinite(loss) and math.isfinite(norm)
            if not is_finite:
                self.not_finite.append(facts.step)
            self._report.step(
                step=facts.step,
                epoch=facts.epoch,
                loss=loss if math.isfinite(loss) else None,
                finite=is_finite,
                learning_rate=facts.learning_rate,
                grad_norm=norm if math.isfinite(norm) else None,
                examples=facts.examples,
                tokens=facts.tokens,
                examples_per_second=facts.examples / seconds,
                tokens_per_second=facts.positions / seconds,
                memory_bytes=peak_memory(self._device),
            )
        self._waiting.clear()
        self.start()


def peak_memory(device: torch.device) -> int:
    """Bytes: of the GPU's allocator, else the resident set of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
