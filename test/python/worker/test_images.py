"""Pictures are read the way people see them."""

from pathlib import Path

import pytest
from captune_worker.images import UnreadableImage, read_image
from PIL import Image

RED, WHITE, BLUE = (255, 0, 0), (255, 255, 255), (0, 0, 255)


def two_halves(mode: str, first: object, second: object) -> Image.Image:
    """A picture of 4 by 2 pixels: left half ``first``, right half ``second``."""
    image = Image.new(mode, (4, 2), second)
    image.paste(first, (0, 0, 2, 2))
    return image


@pytest.mark.parametrize(
    ("orientation", "size", "corner"),
    [
        (1, (4, 2), "left"),
        (3, (4, 2), "right"),
        (6, (2, 4), "top"),
        (8, (2, 4), "foot"),
    ],
)
def test_exif_orientation(tmp_path: Path, orientation, size, corner) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    two_halves("RGB", RED, BLUE).save(path, exif=exif)
    upright = read_image(path)
    assert (upright.mode, upright.size) == ("RGB", size)
    at = {"left": (0, 0), "right": (3, 1), "top": (0, 0), "foot": (0, 3)}[corner]
    assert upright.getpixel(at) == RED


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    half = two_halves("RGBA", (255, 0, 0, 255), (0, 0, 0, 0))
    palette = half.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    palette.info["transparency"] = palette.getpixel((3, 0))
    grey = two_halves("LA", (0, 255), (0, 0))
    half.save(tmp_path / "alpha.png")
    half.save(tmp_path / "alpha.webp", lossless=True)
    palette.save(tmp_path / "palette.png")
    grey.save(tmp_path / "grey.png")
    for name, left in [
        ("alpha.png", RED),
        ("alpha.webp", RED),
        ("palette.png", RED),
        ("grey.png", (0, 0, 0)),
    ]:
        image = read_image(tmp_path / name)
        assert image.mode == "RGB"
        assert image.getpixel((0, 0)) == left, name
        assert image.getpixel((3, 0)) == WHITE, name


def test_half_transparency_is_mixed(tmp_path: Path) -> None:
    Image.new("RGBA", (1, 1), (0, 0, 0, 128)).save(tmp_path / "half.png")
    assert read_image(tmp_path / "half.png").getpixel((0, 0)) == (127, 127, 127)


def test_greyscale_and_bilevel(tmp_path: Path) -> None:
    Image.new("L", (2, 2), 77).save(tmp_path / "grey.png")
    Image.new("1", (2, 2), 1).save(tmp_path / "bilevel.png")
    assert read_image(tmp_path / "grey.png").getpixel((0, 0)) == (77, 77, 77)
    assert read_image(tmp_path / "bilevel.png").getpixel((0, 0)) == WHITE


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jpg"
    Image.effect_noise((64, 64), 50).save(whole)
    (tmp_path / "cut.jpg").write_bytes(whole.read_bytes()[:700])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no picture at all")
    (tmp_path / "page.eps").write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9"
    )
    for name, reason in [
        ("none.png", "does not exist"),
        ("cut.jpg", "cannot be read"),
        ("empty.png", "is none of JPEG"),
        ("text.png", "is none of JPEG"),
        ("page.eps", "is none of JPEG"),
        (".", "cannot be read"),
    ]:
        with pytest.raises(UnreadableImage, match=reason):
            read_image(tmp_path / name)
