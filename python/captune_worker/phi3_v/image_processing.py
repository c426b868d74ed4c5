"""From pictures to tiles, exactly as the original processor makes them with PIL."""

from collections.abc import Iterable
from math import isqrt
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor
from transformers.processing_utils import ImagesKwargs

from .tiling import TILE, grid_tokens, layout, visual_tokens

WHITE = (255, 255, 255)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class Phi3VImagesKwargs(ImagesKwargs, total=False):
    """Options that ``AutoProcessor.from_pretrained`` passes on to this class."""

    num_crops: int
    num_img_tokens: int


class Phi3VImageProcessor(BaseImageProcessor):
    """The hub's ``Phi3VImageProcessor`` (named in its files), on PIL and torch.

    ``num_crops``: the most tiles a picture may become, its global view not counted.
    ``num_img_tokens``: the cells of a tile, a square number.
    """

    model_input_names: ClassVar = ["pixel_values", "image_sizes"]
    valid_kwargs = Phi3VImagesKwargs

    def __init__(
        self,
        num_crops: int = 1,
        num_img_tokens: int = 144,
        image_mean: Iterable[float] = CLIP_MEAN,
        image_std: Iterable[float] = CLIP_STD,
        **kwargs: Any,
    ) -> None:
        # Names the repository's own code, whose place this class takes.
        kwargs.pop("auto_map", None)
        super().__init__(**kwargs)
        if isqrt(num_img_tokens) ** 2 != num_img_tokens:
            raise ValueError(
                f"num_img_tokens must be a square number, not {num_img_tokens}."
            )
        self.num_crops = num_crops
        self.num_img_tokens = num_img_tokens
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)

    def preprocess(
        self,
        images: Any,
        num_crops: int | None = None,
        return_tensors: str | None = "pt",
    ) -> BatchFeature:
        """Cut a picture or a list of pictures into tiles.

        Pictures are PIL images of any mode (made RGB), paths or URLs; they are not
        changed. Gives

        - ``pixel_values`` float32 [pictures, most tiles, 3, 336, 336]: the global view,
          then the grid row by row, then zeros where another picture of the batch has
          more tiles;
        - ``image_sizes`` int64 [pictures, 2]: height and width after padding, in
          pixels.

        Raises ``TypeError`` for anything but pictures, ``ValueError`` for one that is
        too thin.
        """
        if return_tensors not in (None, "pt"):
            raise ValueError(f"return_tensors must be 'pt', not {return_tensors!r}.")
        images = self.fetch_images(images)
        images = images if isinstance(images, list) else [images]
        for image in images:
            if not isinstance(image, Image.Image):
                raise TypeError(f"A picture must be a PIL image, not {type(image)}.")
        crops = self.num_crops if num_crops is None else num_crops
        padded = [self._padded(image, crops) for image in images]
        tiles = [_tiles(picture) for picture in padded]
        pixel_values = torch.nn.utils.rnn.pad_sequence(tiles, batch_first=True)
        image_sizes = torch.tensor([picture.shape[1:] for picture in padded])
        return BatchFeature({"pixel_values": pixel_values, "image_sizes": image_sizes})

    def visual_tokens(
        self, width: int, height: int, num_crops: int | None = None
    ) -> int:
        """Count the tokens of a picture of ``width`` by ``height`` pixels."""
        crops = self.num_crops if num_crops is None else num_crops
        return visual_tokens(width, height, crops, self.num_img_tokens)

    def token_counts(self, image_sizes: Tensor) -> list[int]:
        """Count the tokens per picture from the ``image_sizes`` of ``preprocess``."""
        cells = isqrt(self.num_img_tokens)
        return [
            grid_tokens(height // TILE, width // TILE, cells)
            for height, width in image_sizes.tolist()
        ]

    def _padded(self, image: Image.Image, num_crops: int) -> Tensor:
        """Resize, centre on white, normalise: [3, 336 * rows, 336 * columns]."""
        grid = layout(*image.size, num_crops)
        image = image.convert("RGB")
        # A tall picture lies down meanwhile: PIL rounds between its two passes, so the
        # order counts.
        if grid.turned:
            image = image.transpose(Image.Transpose.TRANSPOSE)
        image = image.resize((grid.long, grid.short), Image.Resampling.BILINEAR)
        lines = grid.columns if grid.turned else grid.rows
        canvas = Image.new("RGB", (grid.long, TILE * lines), WHITE)
        canvas.paste(image, (0, (canvas.height - grid.short) // 2))
        if grid.turned:
            canvas = canvas.transpose(Image.Transpose.TRANSPOSE)
        pixels = torch.from_numpy(np.array(canvas)).permute(2, 0, 1).float() / 255
        mean, std = torch.tensor(self.image_mean), torch.tensor(self.image_std)
        return (pixels - mean[:, None, None]) / std[:, None, None]


def _tiles(picture: Tensor) -> Tensor:
    """Give [1 + rows * columns, 3, 336, 336] for ``picture`` [3, height, width].

    The global view is the padded, normalised picture squeezed into a square, without
    antialiasing and without clamping.
    """
    whole = torch.nn.functional.interpolate(
        picture[None], size=(TILE, TILE), mode="bicubic"
    )
    rows, columns = picture.shape[1] // TILE, picture.shape[2] // TILE
    grid = picture.reshape(3, rows, TILE, columns, TILE).permute(1, 3, 0, 2, 4)
    return torch.cat((whole, grid.flatten(0, 1)))
