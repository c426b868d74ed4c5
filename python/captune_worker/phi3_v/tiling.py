"""How a picture is cut into tiles and how many tokens that makes; arithmetic only."""

from math import ceil, isqrt
from typing import NamedTuple

TILE = 336  # pixels; the side of CLIP ViT-L/14-336's input


class Layout(NamedTuple):
    """The grid of tiles of one picture."""

    long: int
    """Long side of the resized picture, pixels."""
    short: int
    rows: int
    """Of the grid, with the picture the way it came."""
    columns: int
    turned: bool
    """The picture is taller than wide."""


def layout(width: int, height: int, num_crops: int) -> Layout:
    """Choose the grid of at most ``num_crops`` tiles for a picture, in pixels.

    Small pictures are enlarged: the grid is as full as the ratio of the sides allows.
    Raises ``ValueError`` for an empty picture or budget, and for a picture so thin that
    nothing would be left of its short side.
    """
    if num_crops < 1 or width < 1 or height < 1:
        raise ValueError(
            f"A picture of {width} by {height} pixels with num_crops {num_crops}: all "
            "must be at least 1."
        )
    turned = width < height
    ratio = height / width if turned else width / height
    # The original stops at the first scale that does not fit.
    scale = 1
    while (scale + 1) * ceil((scale + 1) / ratio) <= num_crops:
        scale += 1
    long = TILE * scale
    short = int(long / ratio)
    if short == 0:
        raise ValueError(
            f"A picture of {width} by {height} pixels is too thin: with a long side of "
            f"{long} pixels nothing is left of the short one."
        )
    lines = ceil(short / TILE)
    rows, columns = (scale, lines) if turned else (lines, scale)
    return Layout(long, short, rows, columns, turned)


def grid_tokens(rows: int, columns: int, cells: int) -> int:
    """Count the tokens of ``rows`` by ``columns`` tiles with ``cells`` along each side.

    These are the cells of the grid and of the global view, a separator at the end of
    every line of cells of both, and one separator between the two.
    """
    return (rows * columns + 1) * cells**2 + (rows + 1) * cells + 1


def visual_tokens(
    width: int, height: int, num_crops: int, num_img_tokens: int = 144
) -> int:
    """Count the tokens that a picture of ``width`` by ``height`` pixels becomes.

    ``num_img_tokens`` is the number of cells of a tile, a square. Raises as ``layout``.
    """
    grid = layout(width, height, num_crops)
    return grid_tokens(grid.rows, grid.columns, isqrt(num_img_tokens))
