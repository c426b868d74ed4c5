"""Muon for the matrices within blocks, AdamW for the rest, and one schedule for both."""

from collections.abc import Iterable
from math import cos, pi

import torch
from torch import Tensor
from torch.nn import Parameter

WEIGHT_DECAY = 0.05
MOMENTUM = 0.95
BETAS = (0.9, 0.98)
WARMUP_STEPS = 100
LAST_SHARE = 0.02
"""Of the learning rate, at the end of the cosine."""


class Optimizer:
    """Takes ``steps`` steps at a rate that warms up and then falls along a cosine.

    Muon (Jordan 2024, with the update size of arXiv 2502.16982) needs a fraction of
    AdamW's steps here; vectors, embeddings and the output layer are not for it.
    """

    def __init__(
        self, parameters: Iterable[tuple[str, Parameter]], rate: float, steps: int
    ) -> None:
        matrices, rest = [], []
        for name, parameter in parameters:
            inner = ".layers." in name or "img_projection" in name
            (matrices if inner and parameter.ndim == 2 else rest).append(parameter)
        self._parameters = [*matrices, *rest]
        self._parts = (
            torch.optim.Muon(
                matrices,
                lr=rate,
                weight_decay=WEIGHT_DECAY,
                momentum=MOMENTUM,
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(rest, lr=rate, betas=BETAS, weight_decay=WEIGHT_DECAY),
        )
        self._rate, self._steps, self._taken = rate, steps, 0

    def step(self, loss: Tensor) -> None:
        """One step down the gradient of ``loss``, clipped to a norm of 1."""
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        rate = self._rate * self._share()
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()
            part.zero_grad()
        self._taken += 1

    def _share(self) -> float:
        warm = min(1.0, (self._taken + 1) / WARMUP_STEPS)
        fallen = (1 + cos(pi * self._taken / self._steps)) / 2
        return warm * (LAST_SHARE + (1 - LAST_SHARE) * fallen)
