"""From tiles to the rows that fill image placeholders: tower, layout and projector."""

import torch
from torch import Tensor, nn
from transformers import CLIPVisionModel

from .configuration import Phi3VConfig
from .tiling import grid_tokens


class ClipTower(nn.Module):
    """CLIP up to the hidden state that is used.

    All of CLIP's parameters exist, as in the hub's files, but the blocks above that
    state (the last one) and ``post_layernorm`` are not computed and never get a
    gradient.
    """

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        self.blocks = config.vision_blocks
        # With this level the keys are the hub's, also in memory and in adapters.
        # CLIPVisionModel itself had it until transformers 5.6.
        self.vision_model = CLIPVisionModel(config.vision_config)

    def forward(self, tiles: Tensor) -> Tensor:
        """Give [tiles, patches, width] for ``tiles`` [tiles, 3, side, side].

        The class token is left out. Pixels are cast to the tower's dtype.
        """
        clip = self.vision_model
        # A frozen tower records no graph, even where `enable_input_require_grads` marks
        # its embeddings: nothing would use it, and it is most of a backward pass.
        trained = any(parameter.requires_grad for parameter in self.parameters())
        with torch.set_grad_enabled(trained and torch.is_grad_enabled()):
            hidden = clip.pre_layrnorm(clip.embeddings(tiles))
            for block in clip.encoder.layers[: self.blocks]:
                hidden = block(hidden, None)
            return hidden[:, 1:]

    def freeze_unused(self) -> None:
        """Take what is never computed out of training.

        It gets no gradient, but an optimizer would still hold and decay it.
        """
        clip = self.vision_model
        for part in (*clip.encoder.layers[self.blocks :], clip.post_layernorm):
            part.requires_grad_(False)


class Phi3VImageEmbedding(nn.Module):
    """The hub's ``vision_embed_tokens``: tower, two learned separators, projector."""

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        self.tile_size = config.tile_size
        self.cells = config.cells_per_side
        width = 4 * config.vision_config.hidden_size
        self.img_processor = ClipTower(config)
        self.glb_GN = nn.Parameter(torch.empty(1, 1, width))
        self.sub_GN = nn.Parameter(torch.empty(1, 1, 1, width))
        self.img_projection = nn.Sequential(
            nn.Linear(width, config.hidden_size),
            nn.GELU(),
            nn.Linear(config.hidden_size, config.hidden_size),
        )

    def forward(self, pixel_values: Tensor, image_sizes: Tensor) -> list[Tensor]:
        """Give one tensor [visual tokens, hidden] per image; as ``patches``."""
        return self.assemble(self.patches(pixel_values, image_sizes), image_sizes)

    def patches(self, pixel_values: Tensor, image_sizes: Tensor) -> Tensor:
        """Run the tower on the tiles that exist: [all tiles, patches, width].

        ``pixel_values`` [images, most tiles, 3, side, side] holds an image's global
        view, then its grid row by row; what follows is padding and is not looked at.
        ``image_sizes`` [images, 2] is height and width of the padded image, pixels.

        This is the expensive half, and the one to keep where only the tower is frozen.
        Raises ``ValueError`` when the two do not fit.
        """
        counts = [rows * columns + 1 for rows, columns in self._grids(image_sizes)]
        if len(counts) != len(pixel_values) or max(counts) > pixel_values.shape[1]:
            raise ValueError(
                f"image_sizes asks for {counts} tiles, but pixel_values has the shape "
                f"{tuple(pixel_values.shape)}."
            )
        pairs = zip(pixel_values, counts, strict=True)
        tiles = torch.cat([image[:count] for image, count in pairs])
        return self.img_processor(tiles.to(self.glb_GN.device))

    def assemble(self, patches: Tensor, image_sizes: Tensor) -> list[Tensor]:
        """Lay out and project ``patches()``: [visual tokens, hidden] per image.

        An image is its grid, line by line of cells, each line closed by ``sub_GN``;
        then ``glb_GN``; then the global view likewise. This half is cheap, and all of
        it that is trainable (separators, projector) learns through kept patches too.
        """
        # Not to the projector's dtype: a quantised weight is packed integers.
        patches = patches.to(self.glb_GN)
        parts, lengths, start = [], [], 0
        for rows, columns in self._grids(image_sizes):
            end = start + 1 + rows * columns
            grid = self._lines(patches[start + 1 : end], rows, columns)
            whole = self._lines(patches[start : start + 1], 1, 1)
            parts += [grid, self.glb_GN[0], whole]
            lengths.append(len(grid) + 1 + len(whole))
            start = end
        return list(self.img_projection(torch.cat(parts)).split(lengths))

    def token_counts(self, image_sizes: Tensor) -> list[int]:
        """Count the visual tokens per image."""
        return [grid_tokens(*grid, self.cells) for grid in self._grids(image_sizes)]

    def _grids(self, image_sizes: Tensor) -> list[tuple[int, int]]:
        """Give rows and columns of tiles per image."""
        grids = []
        for height, width in image_sizes.tolist():
            rows, columns = height // self.tile_size, width // self.tile_size
            whole = (rows * self.tile_size, columns * self.tile_size) == (height, width)
            if not whole or rows < 1 or columns < 1:
                raise ValueError(
                    f"image_sizes holds {height} by {width} pixels: after padding both "
                    f"are multiples of {self.tile_size}."
                )
            grids.append((rows, columns))
        return grids

    def _lines(self, tiles: Tensor, rows: int, columns: int) -> Tensor:
        """Give the lines of cells of a grid of tiles, with k cells along a tile.

        [rows * columns, patches, width] becomes [k * rows * (k * columns + 1), 4 *
        width]. A cell joins four patches: (0, 0), (0, 1), (1, 0), (1, 1).
        """
        k = self.cells
        cells = tiles.reshape(rows, columns, k, 2, k, 2, tiles.shape[-1])
        cells = cells.permute(0, 2, 1, 4, 3, 5, 6).reshape(rows * k, columns * k, -1)
        ends = self.sub_GN[0].expand(rows * k, 1, -1)
        return torch.cat((cells, ends), dim=1).flatten(0, 1)
