"""From rows to token ids, and from examples to padded batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .data import Row

IGNORED = -100
"""Label of a position that is not learnt; the default of torch's cross-entropy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row as the model gets it, but for the picture itself."""

    row: Row
    prompt_ids: list[int]
    """The whole turn of the user and the opening of the answer, with placeholders."""
    answer_ids: list[int]
    """The answer and the end token: what is learnt."""
    visual_tokens: int

    @property
    def length(self) -> int:
        return len(self.prompt_ids) + len(self.answer_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Examples padded to one width.

    ``input_ids`` and ``labels`` are int64 [batch, width]; ``lengths`` int64 [batch]
    counts the real tokens of each row, prompt and answer.
    """

    examples: list[Example]
    input_ids: Tensor
    labels: Tensor
    lengths: Tensor


def encode_row(row: Row, processor: Any) -> Example:
    """Tokenises a row; its picture counts by its size and is not opened."""
    content = [{"type": "image"}, {"type": "text", "text": row.prompt}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    visual_tokens = processor.image_processor.visual_tokens(*row.size)
    tokenizer = processor.tokenizer
    answer = tokenizer(row.answer, add_special_tokens=False).input_ids
    return Example(
        row=row,
        prompt_ids=processor.prompt_ids(prompt, [visual_tokens]),
        answer_ids=[*answer, tokenizer.convert_tokens_to_ids("<|end|>")],
        visual_tokens=visual_tokens,
    )


def collate(examples: Sequence[Example], pad_id: int) -> Batch:
    """Prompts with their answers, padded on the right, for training and forcing.

    A causal model never looks to the right, so no attention mask is needed, and flash
    kernels can run; ``lengths`` tells the rope regime of each row.
    """
    width = max(example.length for example in examples)
    input_ids = torch.full((len(examples), width), pad_id)
    labels = torch.full_like(input_ids, IGNORED)
    for index, example in enumerate(examples):
        start, end = len(example.prompt_ids), example.length
        input_ids[index, :start] = torch.tensor(example.prompt_ids)
        input_ids[index, start:end] = torch.tensor(example.answer_ids)
        labels[index, start:end] = input_ids[index, start:end]
    lengths = torch.tensor([example.length for example in examples])
    return Batch(
        examples=list(examples), input_ids=input_ids, labels=labels, lengths=lengths
    )


def collate_prompts(examples: Sequence[Example], pad_id: int) -> tuple[Tensor, Tensor]:
    """Prompts alone, padded on the left, to generate from.

    Returns ``input_ids`` and ``attention_mask``, both int64 [batch, width].
    """
    width = max(len(example.prompt_ids) for example in examples)
    input_ids = torch.full((len(examples), width), pad_id)
    attention_mask = torch.zeros_like(input_ids)
    for index, example in enumerate(examples):
        start = width - len(example.prompt_ids)
        input_ids[index, start:] = torch.tensor(example.prompt_ids)
        attention_mask[index, start:] = 1
    return input_ids, attention_mask
