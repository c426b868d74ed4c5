"""Pictures are read the way people see them, and bad ones never do worse than that."""

import io
import os
import random
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from captune_worker.pictures import FORMATS, PictureProblem, read_header, read_image
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

RED, WHITE, BLUE = (255, 0, 0), (255, 255, 255), (0, 0, 255)
ORIENTED = ("JPEG", "PNG", "WEBP", "TIFF")
"""Formats that can carry an orientation."""


def two_halves(mode: str, first: object, second: object) -> Image.Image:
    """A picture of 16 by 8 pixels: left half ``first``, right half ``second``."""
    image = Image.new(mode, (16, 8), second)
    image.paste(first, (0, 0, 8, 8))
    return image


def encoded(image: Image.Image, kind: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    if kind == "JPEG":
        options = {"quality": 100, "subsampling": 0}
    if kind in ORIENTED:
        options["exif"] = exif
    image.save(file, kind, **options)
    return file.getvalue()


def near(pixel: object, wanted: tuple[int, int, int], off: int = 3) -> bool:
    return all(abs(a - b) <= off for a, b in zip(pixel, wanted, strict=True))


@pytest.mark.parametrize("kind", ORIENTED)
@pytest.mark.parametrize(
    ("orientation", "size", "corner"),
    [
        (1, (16, 8), "left"),
        (2, (16, 8), "right"),
        (3, (16, 8), "right"),
        (4, (16, 8), "left"),
        (5, (8, 16), "top"),
        (6, (8, 16), "top"),
        (7, (8, 16), "foot"),
        (8, (8, 16), "foot"),
    ],
)
def test_exif_orientation(kind: str, orientation: int, size, corner: str) -> None:
    content = encoded(two_halves("RGB", RED, BLUE), kind, orientation)
    upright = read_image(content)
    assert (upright.mode, upright.size) == ("RGB", size)
    at = {"left": (0, 0), "right": (15, 1), "top": (0, 0), "foot": (0, 15)}[corner]
    assert near(upright.getpixel(at), RED)
    header = read_header(content)
    assert (header.width, header.height) == size
    assert header.byte_length == len(content)


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    kind=st.sampled_from(FORMATS),
    orientation=st.integers(1, 8),
)
def test_the_header_tells_the_size_of_what_is_read(
    width, height, kind, orientation
) -> None:
    content = encoded(Image.new("RGB", (width, height), "red"), kind, orientation)
    header = read_header(content)
    assert (header.width, header.height) == read_image(content).size


def test_a_header_is_read_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    contents = [encoded(Image.new("RGB", (9, 5)), kind, 1) for kind in FORMATS]
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    for content in contents:
        assert read_header(content).width == 9


def test_transparency_lies_on_white() -> None:
    half = two_halves("RGBA", (255, 0, 0, 255), (0, 0, 0, 0))
    palette = half.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    palette.info["transparency"] = palette.getpixel((15, 0))
    grey = two_halves("LA", (0, 255), (0, 0))
    keyed = two_halves("RGB", RED, BLUE)
    keyed.info["transparency"] = BLUE
    for name, image, kind, left in [
        ("alpha.png", half, "PNG", RED),
        ("alpha.webp", half, "WEBP", RED),
        ("alpha.tiff", half, "TIFF", RED),
        ("palette.png", palette, "PNG", RED),
        ("palette.gif", palette, "GIF", RED),
        ("grey.png", grey, "PNG", (0, 0, 0)),
        ("colour key.png", keyed, "PNG", RED),
    ]:
        seen = read_image(encoded(image, kind))
        assert seen.mode == "RGB"
        assert seen.getpixel((0, 0)) == left, name
        assert seen.getpixel((15, 0)) == WHITE, name


def test_half_transparency_is_mixed() -> None:
    content = encoded(Image.new("RGBA", (4, 2), (0, 0, 0, 128)), "PNG")
    assert read_image(content).getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize(
    ("mode", "value", "kind", "seen"),
    [
        ("L", 77, "PNG", (77, 77, 77)),
        ("1", 1, "PNG", WHITE),
        ("P", 0, "GIF", (0, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "TIFF", RED),
        ("CMYK", (0, 255, 255, 0), "JPEG", RED),
        ("YCbCr", (76, 85, 255), "JPEG", (254, 0, 0)),
        ("LAB", (54, 80 + 128, 67 + 128), "TIFF", None),
    ],
)
def test_modes(mode: str, value: object, kind: str, seen: tuple | None) -> None:
    image = read_image(encoded(Image.new(mode, (16, 8), value), kind))
    assert image.mode == "RGB"
    if seen is not None:
        assert near(image.getpixel((3, 3)), seen)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("value", "seen"),
    [(0, 0), (0x0100, 1), (0x8000, 128), (0xFEFF, 254), (0xFFFF, 255)],
)
def test_sixteen_bits_become_the_nearest_eight(kind: str, value, seen) -> None:
    deep = Image.fromarray(np.full((4, 6), value, dtype=np.uint16))
    assert read_image(encoded(deep, kind)).getpixel((0, 0)) == (seen,) * 3


def test_fractions_are_stretched() -> None:
    values = np.array([[-1.0, 0.0, 1.0, np.nan]], dtype=np.float32)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF")
    seen = read_image(file.getvalue())
    assert [seen.getpixel((x, 0))[0] for x in range(4)] == [0, 128, 255, 128]


def test_of_an_animation_the_first_picture() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue", "white")]
    for kind in ("GIF", "WEBP", "PNG"):
        file = io.BytesIO()
        options = {"lossless": True} if kind == "WEBP" else {}
        frames[0].save(file, kind, save_all=True, append_images=frames[1:], **options)
        assert read_image(file.getvalue()).getpixel((0, 0)) == RED


def test_a_phones_jpeg_of_several_pictures() -> None:
    file = io.BytesIO()
    first, second = Image.new("RGB", (9, 5), "red"), Image.new("RGB", (3, 2), "blue")
    first.save(file, "MPO", save_all=True, append_images=[second])
    assert read_header(file.getvalue()).width == 9
    assert near(read_image(file.getvalue()).getpixel((0, 0)), (254, 0, 0))


def problem_of(source: str | Path | bytes, max_pixels: int | None = None) -> str:
    with pytest.raises(PictureProblem) as caught:
        read_image(source, max_pixels)
    return f"{caught.value.code}: {caught.value.reason}"


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "vector.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "print.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("text.png", "vector.png", "print.jpg", "empty.png"):
        assert problem_of(tmp_path / name).startswith("PICTURE_FORMAT: is none of"), (
            name
        )
    assert problem_of(tmp_path / "gone.png") == "PICTURE_MISSING: does not exist"
    (tmp_path / "a.png").touch()
    below_a_file = tmp_path / "a.png" / "b.png"
    assert problem_of(below_a_file) == "PICTURE_MISSING: does not exist"
    os.mkfifo(tmp_path / "pipe.png")
    assert problem_of(tmp_path / "pipe.png") == "PICTURE_MISSING: is no file"
    assert problem_of(tmp_path) == "PICTURE_MISSING: is no file"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_cut_short_is_damaged(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), kind)
    assert problem_of(content[: len(content) // 2]).startswith("PICTURE_DAMAGED")


def test_the_wrong_name_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "really a png.jpg"
    path.write_bytes(encoded(two_halves("RGB", RED, BLUE), "PNG"))
    assert read_image(path).getpixel((0, 0)) == RED


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of that size by its header, whatever it really holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def test_too_many_pixels_are_refused_by_the_header() -> None:
    bomb = png(60_000, 60_000)
    for read in (read_header, read_image):
        with pytest.raises(PictureProblem) as caught:
            read(bomb, 1_000_000)
        assert caught.value.code == "PICTURE_TOO_LARGE"
        assert "60000 by 60000 = 3600000000 pixels" in caught.value.reason
        assert "data.pictures.maxPixels" in caught.value.remedy


def test_exactly_as_many_pixels_as_allowed() -> None:
    content = encoded(Image.new("RGB", (10, 10)), "PNG")
    assert read_image(content, 100).size == (10, 10)
    assert problem_of(content, 99).startswith("PICTURE_TOO_LARGE")


def test_text_that_swells_is_refused() -> None:
    swollen = b"k\0\0" + zlib.compress(bytes(200 * 1024 * 1024), 9)
    bomb = png(8, 8, (b"zTXt", swollen))
    assert problem_of(bomb).startswith("PICTURE_DAMAGED")


def test_a_broken_orientation_does_not_spoil_a_picture() -> None:
    file = io.BytesIO()
    Image.new("RGB", (9, 5), "red").save(file, "PNG", exif=b"Exif\0\0garbage")
    assert read_image(file.getvalue()).size == (9, 5)
    assert read_header(file.getvalue()).width == 9


@pytest.mark.parametrize("kind", FORMATS)
def test_mutilated_files_never_do_worse_than_a_problem(kind: str) -> None:
    rng = random.Random(kind)
    noise = np.random.default_rng(2).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), kind, 6)
    bad = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(400):
            content = bytearray(whole)
            for _ in range(rng.choice((1, 2, 8))):
                content[rng.randrange(min(len(content), rng.choice((64, 4096))))] = (
                    rng.randrange(256)
                )
            if rng.random() < 0.2:
                del content[rng.randrange(len(content)) :]
            for read in (read_header, read_image):
                try:
                    read(bytes(content), 1_000_000)
                except PictureProblem:
                    bad += 1
    assert bad > 0
