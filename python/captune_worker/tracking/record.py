"""What a tracker is told: some numbers at a step of an axis.

Training and every kind of evaluation have an axis each, so that a score that comes
late still lands at its step.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from .. import events

TRAIN = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Numbers that belong together."""

    axis: str
    step: int
    time: float
    """Milliseconds since 1970-01-01 UTC."""
    values: dict[str, float]
    """By full name, ``train/loss``; what is not finite is left out."""


def of_step(step: events.Step) -> Record:
    """What a step came to, by the names that other trainers log."""
    values = {
        "loss": step.loss,
        "epoch": step.epoch,
        "learning_rate": step.learning_rate,
        "grad_norm": step.grad_norm,
        "examples_per_second": step.examples_per_second,
        "tokens_per_second": step.tokens_per_second,
        "memory_bytes": step.memory_bytes,
    }
    return _record(TRAIN, step.step, step.time, values)


def of_score(score: dict[str, Any], time: float) -> Record:
    """What an evaluation came to: the body of a ``score`` message.

    The axis is the split; the base model, and pictures dealt to other rows, have one
    of their own (``test_base``, ``test_shuffled``).
    """
    parts = [score["split"]]
    if score["model"] == "base":
        parts.append("base")
    if score["images"] == "shuffled":
        parts.append("shuffled")
    return _record("_".join(parts), score["step"], time, score["values"])


def earlier_steps(log: Path, last: int) -> list[Record]:
    """What all attempts wrote down of the steps up to ``last``; the latest counts."""
    known: dict[int, events.Step] = {}
    with log.open("rb") as lines:
        for line in lines:
            if line.startswith(b'{"type":"step"'):
                step = msgspec.json.decode(line, type=events.Step)
                known[step.step] = step
    return [of_step(known[step]) for step in sorted(known) if step <= last]


def _record(
    axis: str, step: int, time: float, values: dict[str, float | None]
) -> Record:
    return Record(
        axis=axis,
        step=step,
        time=time,
        values={
            f"{axis}/{name}": float(value)
            for name, value in values.items()
            if value is not None
        },
    )
