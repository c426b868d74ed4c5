"""Pictures the way people see them: upright, on white, in red, green and blue."""

import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""What is opened at all; Pillow's other plugins reach as far as running Ghostscript."""

# Judged here by the cap of the spec, and before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation; from 5 on the sides change."""


class PictureCode(StrEnum):
    """Why a picture cannot be used."""

    PICTURE_MISSING = "PICTURE_MISSING"
    """No file, or one that cannot be opened."""
    PICTURE_FORMAT = "PICTURE_FORMAT"
    """None of ``FORMATS``, whatever its name says."""
    PICTURE_DAMAGED = "PICTURE_DAMAGED"
    """Cut short or broken."""
    PICTURE_TOO_LARGE = "PICTURE_TOO_LARGE"
    """More pixels than are allowed."""
    PICTURE_OUTSIDE = "PICTURE_OUTSIDE"
    """Its path leads out of the folders that rows may point into."""
    PICTURE_HOST = "PICTURE_HOST"
    """Its URL names a host that may not be asked."""
    PICTURE_DOWNLOAD = "PICTURE_DOWNLOAD"
    """Its host did not deliver it."""


class PictureProblem(ValueError):
    """A picture that cannot be used; ``reason`` completes "the picture ..."."""

    def __init__(self, code: str, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.code = PictureCode(code)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its picture; sizes are upright, in pixels."""

    width: int
    height: int
    byte_length: int


def read_header(source: str | Path | bytes, max_pixels: int | None = None) -> Header:
    """Size of a picture, without decoding it; that of what ``read_image`` gives.

    Raises:
        PictureProblem: for what is no picture, or has more pixels than allowed.
    """
    with _open(source, max_pixels) as image:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
    length = len(source) if isinstance(source, bytes) else os.stat(source).st_size
    return Header(width, height, length)


def read_image(
    source: str | Path | bytes, max_pixels: int | None = None
) -> Image.Image:
    """The picture in mode RGB, of an animation the first.

    EXIF orientation is applied, transparency lies on white. Sixteen bits become the
    nearest eight; whole numbers and fractions of 32 bits, which know no white, are
    stretched from the darkest to the brightest pixel.

    Raises:
        PictureProblem: when the file is missing, no picture, too large, or damaged.
    """
    with _open(source, max_pixels) as image:
        turn = TURNS.get(_orientation(image))
        image.load()
        image = _in_eight_bits(image)
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            image = Image.new("RGBA", layer.size, "white")
            image.alpha_composite(layer)
        image = image.convert("RGB")
        return image if turn is None else image.transpose(turn)


@contextmanager
def _open(source: str | Path | bytes, max_pixels: int | None) -> Iterator[Image.Image]:
    """Opens a picture; whatever goes wrong with it then is a ``PictureProblem``."""
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        # A pipe would be waited for.
        if file is source and not stat.S_ISREG(os.stat(source).st_mode):
            raise PictureProblem(PictureCode.PICTURE_MISSING, "is no file")
        with warnings.catch_warnings():
            # Pillow warns of oddities that do no harm to the picture.
            warnings.simplefilter("ignore")
            with Image.open(file, formats=FORMATS) as image:
                _judge_size(image, max_pixels)
                yield image
    except PictureProblem:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise PictureProblem(PictureCode.PICTURE_MISSING, "does not exist") from None
    except (IsADirectoryError, PermissionError) as error:
        reason = f"cannot be opened: {error.strerror}"
        raise PictureProblem(PictureCode.PICTURE_MISSING, reason) from None
    except UnidentifiedImageError:
        reason = f"is none of {', '.join(FORMATS)}"
        raise PictureProblem(PictureCode.PICTURE_FORMAT, reason) from None
    except Exception as error:  # noqa: BLE001 - hostile files raise anything
        reason = f"cannot be read: {str(error) or type(error).__name__}"
        raise PictureProblem(PictureCode.PICTURE_DAMAGED, reason) from None


def _judge_size(image: Image.Image, max_pixels: int | None) -> None:
    width, height = image.size
    if max_pixels is not None and width * height > max_pixels:
        raise PictureProblem(
            PictureCode.PICTURE_TOO_LARGE,
            f"has {width} by {height} = {width * height} pixels; {max_pixels} is the "
            "most",
            "Make it smaller, or raise data.pictures.maxPixels.",
        )


def _orientation(image: Image.Image) -> int:
    """Of an opened picture that is not loaded: TIFF is turned by loading it."""
    if image.format == "TIFF":
        return 1
    try:
        # Not the method of PNG, which decodes the picture.
        said = int(Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a broken remark does not spoil a picture
        return 1
    return said if said in TURNS else 1


def _in_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32_767) // 65_535).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image).astype(np.float64))
        low, high = values.min(), values.max()
        scale = 255 / (high - low) if high > low else 0
        return Image.fromarray(np.rint((values - low) * scale).astype(np.uint8))
    return image
