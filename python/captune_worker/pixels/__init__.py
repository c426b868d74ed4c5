"""Pixels: from pictures to what the vision tower gets, each made once and ahead of time.

Pictures are read, cut and kept on disk by processes of their own while the model
trains. This room knows pictures and the image processor; nothing of rows or models.
"""

from .cache import PixelCache
from .pool import Pool
from .preparer import BadPicture, Preparer, View

__all__ = ["BadPicture", "PixelCache", "Pool", "Preparer", "View"]
