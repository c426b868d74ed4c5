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
        canvases = [self.canvas(image, crops) for image in images]
        tiles = [self.tiles(canvas) for canvas in canvases]
        pixel_values = torch.nn.utils.rnn.pad_sequence(tiles, batch_first=True)
        image_sizes = torch.tensor([canvas.shape[1:] for canvas in canvases])
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

    def canvas(self, image: Image.Image, num_crops: int | None = None) -> Tensor:
        """Resize a picture and centre it on white: uint8 [3, 336 * rows, 336 * columns].

        All that the model sees of a picture; ``tiles`` makes the rest of it.
        """
        crops = self.num_crops if num_crops is None else num_crops
        grid = layout(*image.size, crops)
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
        return torch.from_numpy(np.array(canvas)).permute(2, 0, 1).contiguous()

    def global_view(self, canvas: Tensor) -> Tensor:
        """Squeeze a canvas into one tile: float32 [3, 336, 336].

        The normalised canvas, that is, without antialiasing and without clamping.
        """
        return torch.nn.functional.interpolate(
            self._normalized(canvas)[None], size=(TILE, TILE), mode="bicubic"
        )[0]

    def tiles(
        self,
        canvas: Tensor,
        global_view: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """Cut a canvas: float32 [1 + rows * columns, 3, 336, 336].

        The global view (made of the canvas unless it is given), then the grid row by
        row; written to the start of ``out`` where that is given.
        """
        if global_view is None:
            global_view = self.global_view(canvas)
        rows, columns = canvas.shape[1] // TILE, canvas.shape[2] // TILE
        count = 1 + rows * columns
        tiles = torch.empty(count, 3, TILE, TILE) if out is None else out[:count]
        tiles[0] = global_view
        grid = tiles[1:].view(rows, columns, 3, TILE, TILE)
        cells = canvas.view(3, rows, TILE, columns, TILE)
        grid.copy_(cells.permute(1, 3, 0, 2, 4))
        self._normalize(tiles[1:])
        return tiles

    def _normalized(self, canvas: Tensor) -> Tensor:
        return self._normalize(canvas.float())

    def _normalize(self, pixels: Tensor) -> Tensor:
        """In place: [..., 3, height, width] of 0 to 255, float32."""
        mean, std = torch.tensor(self.image_mean), torch.tensor(self.image_std)
        return pixels.div_(255).sub_(mean[:, None, None]).div_(std[:, None, None])
