"""In which order rows are learnt: the same for the same seed, from any point on."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in the order of all epochs."""

    epoch: int = 0
    next: int = 0
    """Rows of that epoch that have been dealt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """The rows of one optimizer step."""

    epoch: int
    rows: list[int]
    soon: list[int]
    """The rows that come after them, as far as it is good to know."""
    then: Position
    """Where to go on."""


class Sampler:
    """Deals the numbers of rows, every one once in an epoch, in another order each time.

    The last step of an epoch takes what is left; no row is dropped.
    """

    def __init__(self, rows: int, step_rows: int, seed: int, lookahead: int) -> None:
        self._rows = rows
        self._step_rows = step_rows
        self._seed = seed
        self._lookahead = lookahead

    def deal(self, start: Position) -> Iterator[Deal]:
        """Steps without end, from a position on."""
        first = start.next
        for epoch in itertools.count(start.epoch):
            order = list(range(self._rows))
            random.Random(f"{self._seed} {epoch}").shuffle(order)
            for at in range(first, self._rows, self._step_rows):
                end = min(at + self._step_rows, self._rows)
                yield Deal(
                    epoch=epoch,
                    rows=order[at:end],
                    soon=order[end : end + self._step_rows + self._lookahead],
                    then=Position(epoch=epoch, next=end),
                )
            first = 0
