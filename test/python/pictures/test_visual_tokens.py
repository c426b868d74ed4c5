"""What a picture will cost is known from its header, turned pictures included."""

import io
import random
from pathlib import Path

import pytest
from captune_worker.phi3_v.image_processing import Phi3VImageProcessor
from captune_worker.phi3_v.tiling import visual_tokens
from captune_worker.pictures import read_header, read_image
from PIL import Image

STAMPS = Path(__file__).parents[4] / "shared" / "data" / "stamps" / "images"
BATCH = 16


def encoded_tokens(contents: list, num_crops: int) -> list[int]:
    processor = Phi3VImageProcessor(num_crops=num_crops)
    counts = []
    for first in range(0, len(contents), BATCH):
        images = [read_image(one) for one in contents[first : first + BATCH]]
        counts += processor.token_counts(processor(images)["image_sizes"])
    return counts


def counted_tokens(contents: list, num_crops: int) -> list[int]:
    headers = [read_header(one) for one in contents]
    return [visual_tokens(one.width, one.height, num_crops) for one in headers]


@pytest.mark.skipif(
    not STAMPS.is_dir(), reason="../shared/data/stamps is not beside the repository"
)
def test_all_stamps() -> None:
    pictures = sorted(STAMPS.iterdir())
    assert len(pictures) > 100
    assert counted_tokens(pictures, 4) == encoded_tokens(pictures, 4)


@pytest.mark.parametrize(("num_crops", "count"), [(1, 80), (4, 80), (16, 40)])
def test_turned_pictures(num_crops: int, count: int) -> None:
    rng = random.Random(num_crops)
    contents = []
    for _ in range(count):
        size = (rng.randint(20, 400), rng.randint(20, 400))
        exif = Image.Exif()
        exif[0x0112] = rng.randint(1, 8)
        file = io.BytesIO()
        kind = rng.choice(("JPEG", "PNG", "WEBP", "TIFF"))
        Image.new("RGB", size, "gray").save(file, kind, exif=exif)
        contents.append(file.getvalue())
    counts = counted_tokens(contents, num_crops)
    assert counts == encoded_tokens(contents, num_crops)
    if num_crops > 1:
        # The count does not mind width and height alike, so turning matters.
        assert len(set(counts)) > 2
