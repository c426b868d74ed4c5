"""Folders that the rows of a data file may point into."""

import os
from collections.abc import Sequence
from pathlib import Path

from .reading import PictureCode, PictureProblem


class Roots:
    """Finds files by the paths that rows write, inside some folders and nowhere else.

    Relative paths start at ``folder``, the first of the roots.
    """

    def __init__(self, folder: Path, others: Sequence[Path] = ()) -> None:
        self._folder = str(folder)
        self._roots = [os.path.realpath(root) for root in (folder, *others)]
        self._parents: dict[str, str] = {}

    def locate(self, text: str) -> str:
        """The real path, symbolic links and ``..`` resolved, of a file that may not exist.

        Raises:
            PictureProblem: ``PICTURE_OUTSIDE``; ``PICTURE_MISSING`` for no path at all.
        """
        if not text.strip() or "\0" in text:
            raise PictureProblem(PictureCode.PICTURE_MISSING, "has no path")
        path = self._real(os.path.join(self._folder, text))
        if not any(_contains(root, path) for root in self._roots):
            raise PictureProblem(
                PictureCode.PICTURE_OUTSIDE,
                "lies outside the folder of its data file",
                "Name the folder that it may lie in in data.pictures.roots.",
            )
        return path

    def _real(self, path: str) -> str:
        parent, name = os.path.split(path)
        if name in ("", ".", "..") or os.path.islink(path):
            return os.path.realpath(path)
        if parent not in self._parents:
            self._parents[parent] = os.path.realpath(parent)
        return os.path.join(self._parents[parent], name)


def _contains(root: str, path: str) -> bool:
    return path.startswith(root if root.endswith(os.sep) else root + os.sep)
