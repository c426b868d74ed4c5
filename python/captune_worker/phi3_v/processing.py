"""From prompts with image tags to token ids with placeholders, padded into a batch."""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import BatchFeature
from transformers.processing_utils import ProcessorMixin

# `<|image_1|>` is plain text that stands for a picture; the vocabulary's own token is
# `<|image|>`.
TAG = re.compile(r"<\|image_(\d+)\|>")
IMAGE_TOKEN = "<|image|>"

# Phi-3's template. A message's content may also be a list of text and image parts; an
# image part becomes the next tag and a line break, the way the model's documentation
# writes prompts.
CHAT_TEMPLATE = """\
{%- set images = namespace(count=0) -%} {%- for message in messages -%} {{- '<|' +
message['role'] + '|>\\n' -}} {%- if message['content'] is string -%} {{-
message['content'] -}} {%- else -%} {%- for part in message['content'] -%} {%- if
part['type'] == 'image' -%} {%- set images.count = images.count + 1 -%} {{- '<|image_' ~
images.count ~ '|>\\n' -}} {%- elif part['type'] == 'text' -%} {{- part['text'] -}} {%-
else -%} {{- raise_exception('A message is made of text and images, not ' ~ part['type']
~ '.') -}} {%- endif -%} {%- endfor -%} {%- endif -%} {{- '<|end|>\\n' -}} {%- endfor
-%} {%- if add_generation_prompt and messages[-1]['role'] != 'assistant' -%} {{-
'<|assistant|>\\n' -}} {%- endif -%}
"""


class Phi3VProcessor(ProcessorMixin):
    """The hub's ``Phi3VProcessor`` (its files refer to it by this name).

    It differs from the original where that fails without a sign: a picture goes to the
    tag that names it, whatever the order of the tags; a repeated tag is refused;
    batches work; placeholders are the vocabulary's ``<|image|>`` and not negative
    numbers, which cannot be decoded.
    """

    def __init__(
        self, image_processor: Any, tokenizer: Any, chat_template: str | None = None
    ) -> None:
        super().__init__(
            image_processor, tokenizer, chat_template=chat_template or CHAT_TEMPLATE
        )
        self.image_token = IMAGE_TOKEN
        self.image_token_id = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        # LlamaTokenizer, which the hub's file names, rebuilds the pipeline from its own
        # rules and loses the space that follows a special token.
        if "".join(tokenizer.tokenize("<|end|>x")) != "<|end|>\u2581x":
            raise ValueError(
                f"{type(tokenizer).__name__} does not split text the way the model was "
                "trained. Load the tokenizer with AutoTokenizer from a folder whose "
                "config.json has the model type phi3_v."
            )

    def __call__(
        self,
        text: str | Sequence[str],
        images: Any = None,
        *,
        padding_side: str = "left",
        num_crops: int | None = None,
        return_tensors: str | None = "pt",
        videos: None = None,
        audio: None = None,
    ) -> BatchFeature:
        """Tokenise one prompt or a batch of prompts, with their pictures.

        ``images`` is, for one prompt, a picture or a list of pictures and, for a batch,
        one such entry or None per prompt; picture k belongs to the tag ``<|image_k|>``.
        ``padding_side`` is "left" to generate and "right" to train.

        Gives ``input_ids`` and ``attention_mask``, int64 [batch, length] (the sums of
        the mask are the row lengths), and with pictures ``pixel_values`` and
        ``image_sizes`` as ``Phi3VImageProcessor.preprocess``, row by row in the order
        of the tags. Raises ``ValueError`` when tags and pictures do not fit.
        """
        if videos is not None or audio is not None:
            raise ValueError("This model takes text and images only.")
        if return_tensors not in (None, "pt"):
            raise ValueError(f"return_tensors must be 'pt', not {return_tensors!r}.")
        if padding_side not in ("left", "right"):
            raise ValueError(f"padding_side must be left or right, not {padding_side}.")
        prompts, pictures = _rows(text, images)
        tags = [_tags(prompt, len(row)) for prompt, row in zip(prompts, pictures)]
        ordered = [row[tag - 1] for row, own in zip(pictures, tags) for tag in own]
        seen: dict[str, Tensor] = {}
        if ordered:
            seen = dict(self.image_processor(ordered, num_crops=num_crops))
            counts = iter(self.image_processor.token_counts(seen["image_sizes"]))
        rows = [
            self._encode(prompt, [next(counts) for _ in own])
            for prompt, own in zip(prompts, tags)
        ]
        return BatchFeature(self._pad(rows, padding_side) | seen)

    def prompt_ids(self, prompt: str, counts: Sequence[int]) -> list[int]:
        """Give the token ids of one prompt without its pictures at hand.

        ``counts`` holds the visual tokens of picture 1, 2 and so on, as
        ``image_processor.visual_tokens`` counts them. The ids are those that a call
        with the pictures gives; it raises as that does.
        """
        tags = _tags(prompt, len(counts))
        return self._encode(prompt, [counts[tag - 1] for tag in tags])

    def stretches(self, text: str, is_continued: bool = False) -> list[list[int] | int]:
        """Give the token ids of the text between tags, and the tags' numbers, in turn.

        Every stretch, an empty one too, is tokenised by itself with the tokenizer's
        defaults and so starts with BOS: the model was trained on that. Only the first
        does not where the text ``is_continued`` from an earlier one.
        """
        pieces: list[list[int] | int] = []
        for at, piece in enumerate(TAG.split(text)):
            if at % 2 == 1:
                pieces.append(int(piece))
                continue
            special = at > 0 or not is_continued
            ids = self.tokenizer(piece, add_special_tokens=special).input_ids
            if self.image_token_id in ids:
                raise ValueError(
                    f"The prompt holds {IMAGE_TOKEN} as text. Write <|image_1|>, "
                    "<|image_2|> and so on where pictures belong."
                )
            pieces.append(ids)
        return pieces

    @property
    def model_input_names(self) -> list[str]:
        return ["input_ids", "attention_mask", *self.image_processor.model_input_names]

    def _encode(self, prompt: str, counts: Sequence[int]) -> list[int]:
        """Give the token ids of one prompt whose pictures make ``counts`` tokens."""
        left = iter(counts)
        ids: list[int] = []
        for piece in self.stretches(prompt):
            ids += (
                [self.image_token_id] * next(left) if isinstance(piece, int) else piece
            )
        return ids

    def _pad(self, rows: list[list[int]], padding_side: str) -> dict[str, Tensor]:
        width = max(len(row) for row in rows)
        input_ids = torch.full((len(rows), width), self.tokenizer.pad_token_id)
        attention_mask = torch.zeros_like(input_ids)
        for number, row in enumerate(rows):
            start = width - len(row) if padding_side == "left" else 0
            input_ids[number, start : start + len(row)] = torch.tensor(row)
            attention_mask[number, start : start + len(row)] = 1
        return {"input_ids": input_ids, "attention_mask": attention_mask}


def _rows(text: str | Sequence[str], images: Any) -> tuple[list[str], list[list[Any]]]:
    """Give prompts and, per prompt, the list of its pictures."""
    if isinstance(text, str):
        # `apply_chat_template` nests the pictures of a single conversation once more.
        nested = isinstance(images, (list, tuple)) and len(images) == 1
        images = images if nested else [images]
        text = [text]
    prompts = list(text)
    if not prompts:
        raise ValueError("There is no prompt.")
    images = [None] * len(prompts) if images is None else list(images)
    if len(images) != len(prompts):
        raise ValueError(
            f"{len(prompts)} prompts need as many entries in images, not "
            f"{len(images)}: one picture, a list of pictures or None for each."
        )
    rows = []
    for entry in images:
        if entry is None:
            entry = []
        rows.append(list(entry) if isinstance(entry, (list, tuple)) else [entry])
    return prompts, rows


def _tags(prompt: str, pictures: int) -> list[int]:
    """Give the tags' numbers in order; they must be 1 to ``pictures``, each once."""
    tags = [int(number) for number in TAG.findall(prompt)]
    for tag in tags:
        if tags.count(tag) > 1:
            raise ValueError(
                f"The tag <|image_{tag}|> stands {tags.count(tag)} times in one "
                "prompt; each picture has one place."
            )
    if sorted(tags) != list(range(1, len(tags) + 1)):
        names = ", ".join(f"<|image_{tag}|>" for tag in tags)
        raise ValueError(
            f"The tags of a prompt count from 1 without a gap, not {names}."
        )
    if len(tags) != pictures:
        raise ValueError(
            f"A prompt with {len(tags)} image tags came with {pictures} pictures."
        )
    return tags
