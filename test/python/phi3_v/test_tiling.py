"""Tiles and token counts from sizes alone."""

import pytest
from captune_worker.phi3_v import Phi3VImageProcessor, visual_tokens
from captune_worker.phi3_v.tiling import TILE, layout
from hypothesis import given
from hypothesis import strategies as st

from .tiny import picture

# width, height, num_crops, resized long and short side, rows, columns, tokens
TABLE = [
    (336, 336, 4, 672, 672, 2, 2, 757),
    (336, 336, 16, 1344, 1344, 4, 4, 2509),
    (640, 480, 4, 672, 504, 2, 2, 757),
    (640, 480, 16, 1344, 1008, 3, 4, 1921),
    (480, 640, 16, 1344, 1008, 4, 3, 1933),
    (1024, 768, 4, 672, 504, 2, 2, 757),
    (1024, 768, 16, 1344, 1008, 3, 4, 1921),
    (300, 1200, 4, 1344, 336, 4, 1, 781),
    (300, 1200, 16, 2688, 672, 8, 2, 2557),
    (1200, 300, 4, 1344, 336, 1, 4, 745),
    (1200, 300, 16, 2688, 672, 2, 8, 2485),
    (1280, 640, 4, 672, 336, 1, 2, 457),
    (1280, 640, 16, 1680, 840, 3, 5, 2353),
    (2048, 1152, 4, 672, 378, 2, 2, 757),
    (2550, 3300, 4, 672, 519, 2, 2, 757),
    (2550, 3300, 16, 1344, 1038, 4, 4, 2509),
    (1, 1, 1, 336, 336, 1, 1, 313),
    (777, 123, 1, 336, 53, 1, 1, 313),
]


@pytest.mark.parametrize(
    ("width", "height", "crops", "long", "short", "rows", "columns", "tokens"), TABLE
)
def test_table(
    width: int,
    height: int,
    crops: int,
    long: int,
    short: int,
    rows: int,
    columns: int,
    tokens: int,
) -> None:
    grid = layout(width, height, crops)
    assert grid == (long, short, rows, columns, width < height)
    assert visual_tokens(width, height, crops) == tokens


def test_cells_generalise_with_num_img_tokens() -> None:
    assert visual_tokens(336, 336, 4, 4) == (4 + 1) * 4 + 1 + 3 * 2 == 27
    assert visual_tokens(336, 336, 4, 1) == 5 + 1 + 3


@given(
    width=st.integers(1, 6000), height=st.integers(1, 6000), crops=st.integers(1, 40)
)
def test_grid_keeps_the_budget_and_the_ratio(
    width: int, height: int, crops: int
) -> None:
    try:
        grid = layout(width, height, crops)
    except ValueError:
        assert max(width, height) / min(width, height) > TILE
        return
    assert grid.rows * grid.columns <= crops
    assert grid.long % TILE == 0
    ratio = max(width, height) / min(width, height)
    assert 0 <= grid.long / ratio - grid.short < 1 + 1e-6
    # A picture and its mirror image on the diagonal have mirrored grids.
    mirrored = layout(height, width, crops)
    assert (mirrored.rows, mirrored.columns) == (
        (grid.columns, grid.rows) if width != height else (grid.rows, grid.columns)
    )


@pytest.mark.parametrize(
    ("width", "height", "crops", "message"),
    [
        (1, 5000, 4, "too thin"),
        (5000, 1, 4, "too thin"),
        (0, 10, 4, "at least 1"),
        (10, 10, 0, "at least 1"),
    ],
)
def test_impossible_pictures(width: int, height: int, crops: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        visual_tokens(width, height, crops)


def test_a_thin_picture_is_refused_by_the_image_processor() -> None:
    with pytest.raises(ValueError, match="too thin"):
        Phi3VImageProcessor(num_crops=4)(picture(1, 5000))
