"""Pictures the way people see them: upright, on white, in red, green and blue."""

from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""What is opened at all; Pillow's other plugins reach as far as running Ghostscript."""


class UnreadableImage(ValueError):
    """A picture that cannot be used; the text completes "the picture ..."."""


def read_image(path: Path) -> Image.Image:
    """The picture in mode RGB: EXIF orientation applied, transparency on white.

    Raises:
        UnreadableImage: when the file is missing, no picture, or damaged.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            upright = ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise UnreadableImage("does not exist") from None
    except UnidentifiedImageError:
        names = ", ".join(FORMATS)
        raise UnreadableImage(f"is none of {names}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableImage(f"cannot be read: {error}") from None
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layer = upright.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")
