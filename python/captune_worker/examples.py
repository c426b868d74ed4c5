"""From rows to token ids, and from examples to padded batches."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from .pictures import Picture
from .pixels import View
from .rows import BadRow, Message, Row, RowCode

IGNORED = -100
"""Label of a position that is not learnt; the default of torch's cross-entropy."""
END = "<|end|>"
MARK = "\x00"
"""Stands for an answer while its conversation is put into the model's own format."""
TEXTS_AT_ONCE = 1_000
"""The tokenizer keeps kilobytes about each text that it reads, until all are read."""

SpanKind = Literal["prompt", "image", "answer", "end"]


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens of one kind in a row."""

    kind: SpanKind
    ids: tuple[int, ...]
    repeat: int = 1
    """How often they stand there: a picture is one placeholder, many times over."""

    def __len__(self) -> int:
        return len(self.ids) * self.repeat

    @property
    def is_trained(self) -> bool:
        return self.kind in ("answer", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row as the model gets it, but for the pictures themselves."""

    row: Row
    spans: tuple[Span, ...]

    @property
    def length(self) -> int:
        """Tokens in all."""
        return sum(len(span) for span in self.spans)

    @property
    def visual_tokens(self) -> int:
        return self._count("image")

    @property
    def prompt_tokens(self) -> int:
        """Tokens of text that is not learnt."""
        return self._count("prompt")

    @property
    def answer_tokens(self) -> int:
        """Tokens that are learnt, end tokens included."""
        return self._count("answer") + self._count("end")

    @property
    def ids(self) -> list[int]:
        return _ids(self.spans)

    @property
    def labels(self) -> list[int]:
        """The ids where they are learnt, ``IGNORED`` elsewhere."""
        return [
            one
            for span in self.spans
            for one in (span.ids if span.is_trained else (IGNORED,) * len(span))
        ]

    @property
    def prompt_ids(self) -> list[int]:
        """Everything before the last answer."""
        return _ids(self.spans[: self._last_answer])

    @property
    def prompt_length(self) -> int:
        return sum(len(span) for span in self.spans[: self._last_answer])

    def views(self, seed: str | None = None) -> list[View]:
        """Its pictures, as they are or changed by chance."""
        pictures = enumerate(self.row.pictures)
        return [
            View(picture, None if seed is None else f"{seed} {at}")
            for at, picture in pictures
        ]

    @property
    def _last_answer(self) -> int:
        kinds = [span.kind for span in self.spans]
        return len(kinds) - 1 - kinds[::-1].index("answer")

    def _count(self, kind: SpanKind) -> int:
        return sum(len(span) for span in self.spans if span.kind == kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Examples padded to one width.

    ``input_ids`` and ``labels`` are int64 [batch, width]; ``lengths`` int64 [batch]
    counts the real tokens of each row, prompt and answer; ``views`` are the pictures of
    all rows, in order.
    """

    examples: list[Example]
    views: list[View]
    input_ids: Tensor
    labels: Tensor
    lengths: Tensor


class Encoder:
    """Makes examples of rows; pictures count by their size and are not opened."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        tokenizer = processor.tokenizer
        self._image = (processor.image_token_id,)
        self._end_id = tokenizer.convert_tokens_to_ids(END)
        self._end = Span("end", (self._end_id,))
        signs = [str(one) for one in tokenizer.added_tokens_decoder.values()]
        self._reserved = re.compile(
            "|".join([*map(re.escape, signs), r"<\|image_\d+\|>", MARK])
        )
        self._frames: dict[tuple, list[list[list[int] | int]]] = {}
        self._answers: dict[str, Span] = {}
        self._pictures: dict[int, Span] = {}

    def encode_all(self, rows: Sequence[Row]) -> Iterator[Example | BadRow]:
        """Examples in the order of the rows, or why a row gives none."""
        self._read_answers(rows)
        for row in rows:
            try:
                yield self.encode(row)
            except BadRow as bad:
                yield bad

    def encode(self, row: Row) -> Example:
        """Raises:
        BadRow: for text that the model would take for a sign, or a picture so thin
            that nothing is left of it.
        """
        answers = [one.text for one in row.messages if one.role == "assistant"]
        pictures = row.pictures
        spans: list[Span] = []
        for at, frame in enumerate(self._frame(row.messages)):
            if at > 0:
                # The end token opens the text that follows an answer.
                spans += [self._answer(answers[at - 1]), self._end]
            for piece in frame:
                if isinstance(piece, int):
                    spans.append(self._picture(pictures[piece - 1]))
                elif piece:
                    spans.append(Span("prompt", tuple(piece)))
        return Example(row=row, spans=tuple(spans))

    def _frame(self, messages: Sequence[Message]) -> list[list[list[int] | int]]:
        """Everything but the answers: the text around each, and places of pictures."""
        key = tuple(
            one.role
            if one.role == "assistant"
            else (
                one.role,
                tuple(part if isinstance(part, str) else 0 for part in one.parts),
            )
            for one in messages
        )
        if key not in self._frames:
            self._frames[key] = self._make_frame(messages)
        return self._frames[key]

    def _make_frame(self, messages: Sequence[Message]) -> list[list[list[int] | int]]:
        text = self._processor.apply_chat_template(
            [
                {
                    "role": one.role,
                    "content": MARK
                    if one.role == "assistant"
                    else [self._content(part) for part in one.parts],
                }
                for one in messages
            ]
        )
        first, *others = text.split(MARK)
        frame = [self._processor.stretches(first)]
        for at, other in enumerate(others, 1):
            (opening, *rest), *pieces = self._processor.stretches(other, True)
            if opening != self._end_id:
                raise ValueError(f"The model's format does not end answers with {END}.")
            # What follows the last answer is never asked of the model.
            frame.append([] if at == len(others) else [rest, *pieces])
        return frame

    def _content(self, part: str | Picture) -> dict[str, str]:
        if isinstance(part, Picture):
            return {"type": "image"}
        return {"type": "text", "text": self._clean(part)}

    def _clean(self, text: str) -> str:
        sign = self._reserved.search(text)
        if sign is not None:
            raise BadRow(
                RowCode.TEXT_RESERVED,
                f"has a text with {sign.group()!r}, a sign of the model's own format",
                text[:120],
                "Take it out: pictures and turns are put in by captune.",
            )
        return text

    def _answer(self, text: str) -> Span:
        if text not in self._answers:
            tokenizer = self._processor.tokenizer
            ids = tokenizer(self._clean(text), add_special_tokens=False).input_ids
            self._answers[text] = Span("answer", tuple(ids))
        return self._answers[text]

    def _read_answers(self, rows: Sequence[Row]) -> None:
        """Many at once, which is many times faster."""
        texts = {
            message.text: None
            for row in rows
            for message in row.messages
            if message.role == "assistant"
        }
        new = [
            text
            for text in texts
            if text not in self._answers and not self._reserved.search(text)
        ]
        for first in range(0, len(new), TEXTS_AT_ONCE):
            part = new[first : first + TEXTS_AT_ONCE]
            read = self._processor.tokenizer(part, add_special_tokens=False).input_ids
            spans = (Span("answer", tuple(ids)) for ids in read)
            self._answers.update(zip(part, spans, strict=True))

    def _picture(self, picture: Picture) -> Span:
        width, height = picture.size
        try:
            count = self._processor.image_processor.visual_tokens(width, height)
        except ValueError:
            raise BadRow(
                RowCode.PICTURE_THIN,
                f"has a picture of {width} by {height} pixels, of whose short side "
                "nothing is left",
                picture.name,
            ) from None
        if count not in self._pictures:
            self._pictures[count] = Span("image", self._image, count)
        return self._pictures[count]


def collate(
    examples: Sequence[Example], pad_id: int, seeds: Sequence[str | None] | None = None
) -> Batch:
    """Prompts with their answers, padded on the right, for training and forcing.

    A causal model never looks to the right, so no attention mask is needed, and flash
    kernels can run; ``lengths`` tells the rope regime of each row. ``seeds`` change the
    pictures of each example by chance.
    """
    width = max(example.length for example in examples)
    input_ids = torch.full((len(examples), width), pad_id)
    labels = torch.full_like(input_ids, IGNORED)
    for index, example in enumerate(examples):
        input_ids[index, : example.length] = torch.tensor(example.ids)
        labels[index, : example.length] = torch.tensor(example.labels)
    lengths = torch.tensor([example.length for example in examples])
    return Batch(
        examples=list(examples),
        views=views_of(examples, seeds),
        input_ids=input_ids,
        labels=labels,
        lengths=lengths,
    )


def views_of(
    examples: Sequence[Example], seeds: Sequence[str | None] | None = None
) -> list[View]:
    """The pictures of several examples, in order."""
    chances = [None] * len(examples) if seeds is None else seeds
    return [
        view
        for example, seed in zip(examples, chances, strict=True)
        for view in example.views(seed)
    ]


def collate_prompts(examples: Sequence[Example], pad_id: int) -> tuple[Tensor, Tensor]:
    """Prompts alone, padded on the left, to generate from.

    Returns ``input_ids`` and ``attention_mask``, both int64 [batch, width].
    """
    width = max(example.prompt_length for example in examples)
    input_ids = torch.full((len(examples), width), pad_id)
    attention_mask = torch.zeros_like(input_ids)
    for index, example in enumerate(examples):
        start = width - example.prompt_length
        input_ids[index, start:] = torch.tensor(example.prompt_ids)
        attention_mask[index, start:] = 1
    return input_ids, attention_mask


def by_regime(
    examples: Iterable[Example], limit: int, size: int
) -> Iterator[list[Example]]:
    """Batches of at most ``size`` examples, none of them of both rope regimes.

    Rows longer than ``limit`` use other rope factors; those come last. Within a regime
    the order stays.
    """
    short: list[Example] = []
    long: list[Example] = []
    for example in examples:
        (long if example.length > limit else short).append(example)
    for regime in (short, long):
        for first in range(0, len(regime), size):
            yield regime[first : first + size]


def _ids(spans: Sequence[Span]) -> list[int]:
    return [one for span in spans for one in span.ids * span.repeat]
