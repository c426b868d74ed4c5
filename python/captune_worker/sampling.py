"""Answers drawn by chance, each row by a chance of its own.

``generate`` draws for a whole batch from one generator, so that what one row gets hangs
on its neighbours. Here each row has noise of its own, and the likeliest token after the
noise is a draw from the distribution before it (Gumbel-max): neither batches nor the
device's generator have a say in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

SEED_STRIDE = 0x9E3779B97F4A7C15
"""Odd, so that no two rows of a seed share theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn."""

    temperature: float
    top_p: float
    """The likeliest tokens that have this probability together are drawn from."""
    top_k: int | None
    """How many of the likeliest tokens are drawn from; None: all."""
    seed: int


def drawing(sampling: Sampling | None, rows: Sequence[int]) -> dict[str, Any]:
    """Arguments that make greedy ``generate`` draw, if it is to.

    ``rows`` number the rows of the batch.
    """
    if sampling is None:
        return {}
    return {"logits_processor": draws(sampling, rows)}


def draws(sampling: Sampling, rows: Sequence[int]) -> LogitsProcessorList:
    """The steps from logits to what is drawn by taking the largest."""
    steps = LogitsProcessorList()
    if sampling.temperature != 1:
        steps.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k is not None:
        steps.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        steps.append(TopPLogitsWarper(sampling.top_p))
    steps.append(RowNoise(sampling.seed, rows))
    return steps


class RowNoise(LogitsProcessor):
    """Adds Gumbel noise to logits [rows, vocabulary], for each row from its own seed."""

    def __init__(self, seed: int, rows: Sequence[int]) -> None:
        self._generators = [
            torch.Generator().manual_seed((seed + row * SEED_STRIDE) % 2**63)
            for row in rows
        ]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        waits = torch.empty(scores.shape)
        for row, generator in zip(waits, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores - waits.log().to(scores.device)
