"""A damaged picture is a picture, or a ``PictureProblem``."""

import io
import random
import struct

import numpy as np
import pytest
from captune_worker.pictures import PictureProblem, read_header, read_image
from PIL import Image

from fuzz.conftest import TRAPS, amount, damaged

FILES = amount(150, 300)
MOST_PIXELS = 200_000
SIZES = [struct.pack(">I", size) for size in (0, 1, 2**16, 2**31 - 1, 2**32 - 1)]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16")),
        *(("JPEG", "RGB"), ("JPEG", "CMYK"), ("WEBP", "RGB"), ("WEBP", "RGBA")),
    ],
)
def test_a_damaged_picture(chance: random.Random, kind: str, mode: str) -> None:
    content = picture(kind, mode)
    assert read_image(content, MOST_PIXELS).size == (24, 40)
    bad = 0
    for count in range(FILES):
        changed = damaged(chance, content, [*TRAPS, *SIZES])
        try:
            image = read_image(changed, MOST_PIXELS)
            header = read_header(changed, MOST_PIXELS)
        except PictureProblem as problem:
            assert problem.code in ("PICTURE_DAMAGED", "PICTURE_FORMAT") or (
                problem.code == "PICTURE_TOO_LARGE"
            ), problem
            assert problem.reason
            bad += 1
            continue
        except Exception as error:
            raise AssertionError(f"file {count}: {changed.hex()}") from error
        assert image.mode == "RGB"
        assert image.size == (header.width, header.height)
        assert image.width * image.height <= MOST_PIXELS
        assert len(image.tobytes()) == 3 * image.width * image.height
    assert bad > FILES / 10


def picture(kind: str, mode: str) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    (image if mode == "I;16" else image.convert(mode)).save(file, kind, exif=exif)
    return file.getvalue()
