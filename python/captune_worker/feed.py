"""From the rows of a step to its micro-batches, and what each example counts."""

import torch
from torch import Tensor

from .data import Screen
from .examples import IGNORED, Batch, Example, by_regime, collate, views_of
from .model import TrainedModel
from .sampler import Deal
from .spec import Spec


class Feed:
    """Makes micro-batches of the training rows that are dealt."""

    def __init__(
        self, spec: Spec, model: TrainedModel, examples: list[Example], screen: Screen
    ) -> None:
        self._spec = spec
        self._model = model
        self._examples = examples
        self._screen = screen

    def batches(self, deal: Deal, size: int) -> list[Batch]:
        """Those of a step, of ``size`` at most; none where no row can be used."""
        self._expect(deal)
        seeds = {
            id(self._examples[row]): self._seed(deal.epoch, row) for row in deal.rows
        }
        usable = [
            example
            for example in (self._examples[row] for row in deal.rows)
            if self._screen.passes("train", example, seeds[id(example)])
        ]
        return [
            collate(part, self._model.pad_id, [seeds[id(one)] for one in part])
            for part in by_regime(usable, self._model.regime_limit, size)
        ]

    def shares(self, batches: list[Batch]) -> list[Tensor]:
        """What the summed loss of every example counts, float32 [batch] per micro-batch.

        They regard the whole step, so that cutting it otherwise changes nothing.
        """
        counts = [(batch.labels != IGNORED).sum(1) for batch in batches]
        if self._spec.training.loss_reduction == "tokens":
            total = answer_tokens(batches)
            return [torch.full((len(one),), 1 / total) for one in counts]
        examples = sum(len(one) for one in counts)
        return [1 / (one * examples) for one in counts]

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


def answer_tokens(batches: list[Batch]) -> int:
    """Tokens that are learnt."""
    return sum(int((batch.labels != IGNORED).sum()) for batch in batches)
