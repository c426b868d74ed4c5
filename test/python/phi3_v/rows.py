"""Random rows of text and images for a tiny model, alone and collated."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captune_worker.phi3_v import Phi3VConfig
from captune_worker.phi3_v.tiling import grid_tokens
from torch import Tensor

from .tiny import IDS

LETTERS = (IDS["\u2581"], IDS["~"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One example: token ids, labels, and its images as tiles and padded sizes."""

    ids: list[int]
    labels: list[int]
    tiles: list[Tensor]
    sizes: list[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.ids)


def draw_row(
    config: Phi3VConfig, draw: np.random.RandomState, *, length: int, images: int
) -> Row:
    """Draw a row of ``length`` tokens, or more where its images need more."""
    side = config.tile_size
    ids = [1]
    tiles, sizes = [], []
    for _ in range(images):
        rows, columns = draw.randint(1, 3), draw.randint(1, 3)
        sizes.append((rows * side, columns * side))
        values = draw.standard_normal((rows * columns + 1, 3, side, side))
        tiles.append(torch.from_numpy(values.astype(np.float32)))
        tokens = grid_tokens(rows, columns, config.cells_per_side)
        ids += draw.randint(*LETTERS, size=draw.randint(0, 3)).tolist()
        ids += [config.image_token_id] * tokens
    ids += draw.randint(*LETTERS, size=max(2, length - len(ids))).tolist()
    answer = draw.randint(1, max(2, min(5, length)))
    labels = [-100] * (len(ids) - answer) + ids[-answer:]
    labels = [-100 if i == config.image_token_id else i for i in labels]
    return Row(ids=ids, labels=labels, tiles=tiles, sizes=sizes)


def collate(
    rows: list[Row], side: str = "right", lengths: str = "attention_mask"
) -> dict[str, Any]:
    """Pad rows into arguments of ``forward``.

    ``lengths`` says how the model learns the rows' lengths: by ``attention_mask`` or by
    ``row_lengths``.
    """
    width = max(len(row) for row in rows)
    input_ids = torch.full((len(rows), width), IDS["<|endoftext|>"])
    labels = torch.full_like(input_ids, -100)
    mask = torch.zeros_like(input_ids)
    for number, row in enumerate(rows):
        start = width - len(row) if side == "left" else 0
        place = slice(start, start + len(row))
        input_ids[number, place] = torch.tensor(row.ids)
        labels[number, place] = torch.tensor(row.labels)
        mask[number, place] = 1
    batch: dict[str, Any] = {"input_ids": input_ids, "labels": labels}
    batch[lengths] = mask if lengths == "attention_mask" else mask.sum(-1)
    tiles = [tile for row in rows for tile in row.tiles]
    if tiles:
        pixels = torch.nn.utils.rnn.pad_sequence(tiles, batch_first=True)
        batch["pixel_values"] = pixels
        batch["image_sizes"] = torch.tensor(
            [size for row in rows for size in row.sizes]
        )
    return batch


def prompt(rows: list[Row]) -> dict[str, Any]:
    """Pad rows on the left for ``generate``."""
    batch = collate(rows, side="left")
    del batch["labels"]
    return batch


def assert_close(got: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    """Compare with a tolerance relative to the largest expected value, or to 1."""
    scale = max(1.0, expected.abs().max().item())
    torch.testing.assert_close(got, expected, rtol=0, atol=tolerance * scale)


def copied(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: value.clone() for name, value in batch.items()}
