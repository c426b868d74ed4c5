"""Pictures of scenes as tiles, many at once.

The processor's own path resizes one picture after another with Pillow, which would take
longer than training does; this one differs from it by rounding.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from ..airplanes import Scene, draw
from ..phi3_v.tiling import TILE, layout
from .architecture import IMAGE_MEAN, IMAGE_STD

WHITE = 255.0


def picture_tiles(scenes: Sequence[Scene], num_crops: int) -> tuple[Tensor, Tensor]:
    """``pixel_values`` [pictures, most tiles, 3, 336, 336] and ``image_sizes``.

    As the processor gives them: the whole view, then the grid row by row, in float32;
    sizes are int64 [pictures, 2], height and width of the padded picture.
    """
    tiles: list[Tensor] = [torch.empty(0)] * len(scenes)
    sizes = torch.empty(len(scenes), 2, dtype=torch.long)
    alike = defaultdict(list)
    for place, scene in enumerate(scenes):
        alike[scene.width, scene.height].append(place)
    for places in alike.values():
        pictures = np.stack([np.asarray(draw(scenes[place])) for place in places])
        cut, size = _cut(torch.from_numpy(pictures), num_crops)
        for place, own in zip(places, cut, strict=True):
            tiles[place] = own
            sizes[place] = torch.tensor(size)
    return pad_sequence(tiles, batch_first=True), sizes


def _cut(pictures: Tensor, num_crops: int) -> tuple[Tensor, tuple[int, int]]:
    """Tiles of pictures of one size, uint8 [pictures, height, width, 3]."""
    height, width = pictures.shape[1:3]
    grid = layout(width, height, num_crops)
    pixels = pictures.permute(0, 3, 1, 2).float()
    if grid.turned:
        pixels = pixels.transpose(2, 3)
    resized = functional.interpolate(
        pixels, (grid.short, grid.long), mode="bilinear", antialias=True
    ).round_()
    lines = grid.columns if grid.turned else grid.rows
    above = (TILE * lines - grid.short) // 2
    below = TILE * lines - grid.short - above
    padded = functional.pad(resized, (0, 0, above, below), value=WHITE)
    if grid.turned:
        padded = padded.transpose(2, 3)
    mean = torch.tensor(IMAGE_MEAN)[:, None, None]
    std = torch.tensor(IMAGE_STD)[:, None, None]
    normal = (padded / WHITE - mean) / std
    whole = functional.interpolate(normal, (TILE, TILE), mode="bicubic")
    parts = normal.unflatten(2, (grid.rows, TILE)).unflatten(4, (grid.columns, TILE))
    parts = parts.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    size = (TILE * grid.rows, TILE * grid.columns)
    return torch.cat([whole[:, None], parts], dim=1), size
