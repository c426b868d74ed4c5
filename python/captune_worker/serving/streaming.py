"""Answers on their way: text as soon as it is certain, and a way to break off."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria
from transformers.generation import BaseStreamer

from ..model import Answer, TrainedModel

UNFINISHED = "\ufffd"
"""What a character decodes to of which only some bytes are there."""


class PieceStreamer(BaseStreamer):
    """Tells the text of each row of a batch as its tokens come.

    White space at the end, which the answer has not if nothing follows, and half a
    character wait for the next token. The pieces of a row and its rest are its answer.
    """

    def __init__(
        self,
        model: TrainedModel,
        rows: int,
        on_piece: Callable[[int, str], None],
        on_answer: Callable[[int, str, Answer], None],
    ) -> None:
        """``on_piece`` gets row and text, ``on_answer`` row, rest and the whole."""
        self._model = model
        self._ids: list[list[int]] = [[] for _ in range(rows)]
        self._told = [""] * rows
        self._open = set(range(rows))
        self._has_prompt = False
        self._on_piece = on_piece
        self._on_answer = on_answer

    def put(self, value: Tensor) -> None:
        """The prompts first, then one token for each row."""
        if not self._has_prompt:
            self._has_prompt = True
            return
        for row, token in enumerate(value.flatten().tolist()):
            if row not in self._open:
                continue
            self._ids[row].append(token)
            answer = self._model.read(self._ids[row])
            if answer.stopped:
                self._finish(row, answer)
                continue
            text = answer.text.rstrip(UNFINISHED).rstrip()
            told = self._told[row]
            if len(text) > len(told) and text.startswith(told):
                self._told[row] = text
                self._on_piece(row, text[len(told) :])

    def end(self) -> None:
        """Nothing more comes; what was broken off is told by ``close``."""

    def close(self) -> None:
        """Tells the rows that had no end of their own."""
        for row in sorted(self._open):
            self._finish(row, self._model.read(self._ids[row]))

    def _finish(self, row: int, answer: Answer) -> None:
        self._open.discard(row)
        self._on_answer(row, answer.text[len(self._told[row]) :], answer)


class Until(StoppingCriteria):
    """Ends a batch as soon as nobody wants it any more."""

    def __init__(self, is_wanted: Callable[[], bool]) -> None:
        self._is_wanted = is_wanted

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        return torch.full(
            (len(input_ids),), not self._is_wanted(), device=input_ids.device
        )


def only(rows: Sequence[int], tell: Callable[..., None]) -> Callable[..., None]:
    """The same about rows as they are numbered outside the batch."""
    return lambda row, *what: tell(rows[row], *what)
