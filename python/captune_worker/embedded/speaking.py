"""Second stage: the decoder learns to say what the tower, now frozen, has seen.

A picture is followed by several questions with their answers, each of which sees the
picture and itself alone: the picture's tokens, most of a row, are computed once.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from ..airplanes import Scene, pretraining_scene
from ..airplanes.chance import pick, rng_for
from ..examples import IGNORED
from ..phi3_v import Phi3VForCausalLM
from .architecture import NUM_CROPS
from .captions import Exchange, exchange, keywords
from .optimizer import Optimizer
from .pictures import picture_tiles
from .spelling import Speller

BATCH = 8
LEARNING_RATE = 2e-3
EXCHANGES = 3
"""Per picture, besides its keywords."""
KEYWORDS_ALONE = 0.15
"""Part of the pictures, at the start, of which nothing but keywords is learnt."""
CROPS = (1, NUM_CROPS)
SHORT = 1
"""Row length told to the model: each branch is short, so short factors apply."""


class Chat:
    """Exchanges as token ids, in the template of the released model."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._speller = Speller(tokenizer)
        user, end, assistant, image, pad = (
            tokenizer.token_to_id(token)
            for token in (
                *("<|user|>", "<|end|>", "<|assistant|>", "<|image|>"),
                "<|endoftext|>",
            )
        )
        bos = tokenizer.token_to_id("<s>")
        # "\n" as the released tokenizer writes it at the start of a text: a space, a byte.
        newline = [tokenizer.token_to_id("\u2581"), tokenizer.token_to_id("<0x0A>")]
        self.opening = [bos, user, *newline]
        self.image, self.pad, self._end = image, pad, end
        self._before = [bos]
        self._after = [end, *newline, assistant]

    def branch(
        self, said: Exchange, rng: random.Random, spelled_out: float | None = None
    ) -> tuple[list[int], list[int]]:
        """Ids after the picture, and which of them are to be predicted.

        The prompt is learnt too: its words are text like any other.
        """
        prompt = self._speller.encode(f"\n{said.prompt}", rng, spelled_out)
        answer = [*self._speller.encode(said.answer, rng, spelled_out), self._end]
        ids = [*self._before, *prompt, *self._after, *answer]
        # A newline follows every picture; it is not worth predicting.
        known, silent = 1 + 2, len(self._after)
        labels = [
            *[IGNORED] * known,
            *prompt[known - 1 :],
            *[IGNORED] * silent,
            *answer,
        ]
        return ids, labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """``input_ids``, ``position_ids`` and ``targets``, int64 [pictures, width].

    ``targets`` holds each position's next token, or IGNORED; ``mask``, bool [pictures,
    1, width, width], tells which positions a position sees.
    """

    input_ids: Tensor
    position_ids: Tensor
    targets: Tensor
    mask: Tensor


def assemble(
    chat: Chat,
    branches: Sequence[Sequence[tuple[list[int], list[int]]]],
    visual: list[int],
) -> Rows:
    """Rows of a picture's tokens and its branches, padded on the right."""
    rows = []
    for own, count in zip(branches, visual, strict=True):
        ids = [*chat.opening, *[chat.image] * count]
        start = len(ids)
        positions, numbers = list(range(start)), [0] * start
        targets = [IGNORED] * start
        for number, (branch, labels) in enumerate(own, 1):
            ids += branch
            positions += range(start, start + len(branch))
            numbers += [number] * len(branch)
            targets += [*labels[1:], IGNORED]
        rows.append((ids, positions, targets, numbers))
    fillers = (chat.pad, 0, IGNORED, -1)
    input_ids, position_ids, targets, numbers = (
        _pad(list(column), filler)
        for column, filler in zip(zip(*rows, strict=True), fillers, strict=True)
    )
    width = input_ids.shape[1]
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    is_picture = numbers[:, None, :] == 0
    is_same = numbers[:, None, :] == numbers[:, :, None]
    mask = (causal & (is_picture | is_same))[:, None]
    return Rows(
        input_ids=input_ids, position_ids=position_ids, targets=targets, mask=mask
    )


def learn_to_speak(
    model: Phi3VForCausalLM,
    tokenizer: Tokenizer,
    seed: int,
    pictures: int,
    tell: Callable[[int, float], None],
) -> None:
    """Train the decoder on questions and answers about ``pictures`` pictures."""
    chat = Chat(tokenizer)
    model.model.vision_embed_tokens.requires_grad_(False)
    learnt = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    steps = pictures // BATCH
    optimizer = Optimizer(learnt, LEARNING_RATE, steps)
    for step in range(steps):
        rng = rng_for("captune embedded model", seed, step)
        scenes = [pretraining_scene(seed, step * BATCH + n) for n in range(BATCH)]
        extra = EXCHANGES if step >= KEYWORDS_ALONE * steps else 0
        branches = [_branches(chat, scene, extra, rng) for scene in scenes]
        with torch.no_grad():
            features = model.get_image_features(
                *picture_tiles(scenes, pick(rng, CROPS))
            )
        loss = _loss(
            model, assemble(chat, branches, list(map(len, features))), features
        )
        optimizer.step(loss)
        tell(step + 1, loss.item())


def _branches(
    chat: Chat, scene: Scene, extra: int, rng: random.Random
) -> list[tuple[list[int], list[int]]]:
    spoken = [chat.branch(exchange(scene, rng), rng) for _ in range(extra)]
    return [chat.branch(keywords(scene), rng, spelled_out=0), *spoken]


def _loss(model: Phi3VForCausalLM, rows: Rows, features: list[Tensor]) -> Tensor:
    kept = rows.targets != IGNORED
    logits = model(
        input_ids=rows.input_ids,
        image_features=features,
        position_ids=rows.position_ids,
        attention_mask=rows.mask,
        row_lengths=torch.full((len(kept),), SHORT),
        use_cache=False,
        logits_to_keep=kept,
    ).logits
    return functional.cross_entropy(logits, rows.targets[kept])


def _pad(rows: list[list[int]], filler: int) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])
