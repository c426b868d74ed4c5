"""Pictures: from what people give to upright pixels in red, green and blue.

Knows files, addresses and Pillow; nothing of rows, torch or models.
"""

from .augmentation import ColorJitter, Crop, HorizontalFlip, Rotation, Step, augment
from .download import Downloader, decode_data_url
from .picture import Cell, Picture
from .reading import (
    FORMATS,
    Header,
    PictureCode,
    PictureProblem,
    read_header,
    read_image,
)
from .roots import Roots

__all__ = [
    "FORMATS",
    "Cell",
    "ColorJitter",
    "Crop",
    "Downloader",
    "Header",
    "HorizontalFlip",
    "Picture",
    "PictureCode",
    "PictureProblem",
    "Roots",
    "Rotation",
    "Step",
    "augment",
    "decode_data_url",
    "read_header",
    "read_image",
]
