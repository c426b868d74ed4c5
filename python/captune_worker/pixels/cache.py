"""Prepared pictures on disk, by content; safe to delete at any time."""

import hashlib
import os
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import PIL
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..phi3_v.image_processing import Phi3VImageProcessor

EDITION = 1
"""Raised whenever the same picture would be prepared differently."""
SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture, prepared."""

    canvas: Tensor
    """uint8 [3, height, width]."""
    global_view: Tensor
    """float32 [3, 336, 336]."""

    @property
    def bytes(self) -> int:
        return self.canvas.nbytes + self.global_view.nbytes


class PixelCache:
    """A folder of entries, together at most ``max_bytes``, the oldest of which go first.

    What the present run has used is never removed: a set larger than the cache would
    otherwise lose each picture just before it is wanted again.
    """

    def __init__(
        self, folder: Path, image_processor: Phi3VImageProcessor, max_bytes: int
    ) -> None:
        self._folder = folder
        self._fingerprint = _fingerprint(image_processor)
        self._max_bytes = max_bytes
        known = sorted(_entries(folder), key=lambda one: one[1])
        self._old = deque((path, changed, size) for path, changed, size in known)
        self._used = sum(size for _, _, size in known)

    def path(self, key: str) -> Path:
        """Where the entry of the picture with this SHA-256 is, or would be."""
        return self._folder / key[:2] / f"{key}-{self._fingerprint}{SUFFIX}"

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def suffix(self) -> str:
        """What follows the SHA-256 in the name of an entry."""
        return f"-{self._fingerprint}{SUFFIX}"

    def make_room(self, size: int) -> bool:
        """Removes old entries until ``size`` bytes fit, if they can be made to fit."""
        while self._used + size > self._max_bytes and self._old:
            path, changed, old_size = self._old.popleft()
            if _was_touched(path, changed):
                continue
            path.unlink(missing_ok=True)
            self._used -= old_size
        return self._used + size <= self._max_bytes

    def note(self, size: int) -> None:
        """An entry of that many bytes was written."""
        self._used += size


def read_entry(path: Path) -> Entry | None:
    """An entry, or None where there is none, or a damaged one."""
    try:
        tensors = load_file(path)
        return Entry(tensors["canvas"], tensors["global_view"])
    except (OSError, SafetensorError, KeyError):
        return None


def write_entry(path: Path, entry: Entry) -> bool:
    """Writes an entry so that it appears whole; False where the disk will not have it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        os.close(handle)
        try:
            tensors = {"canvas": entry.canvas, "global_view": entry.global_view}
            save_file(tensors, partial)
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
    except (OSError, SafetensorError):
        return False
    return True


def touch(path: Path) -> bool:
    """Marks an entry as used now; False where it is gone."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True


def _fingerprint(processor: Phi3VImageProcessor) -> str:
    """Everything that the pixels depend on besides the picture."""
    facts = (
        EDITION,
        PIL.__version__,
        processor.num_crops,
        processor.image_mean,
        processor.image_std,
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def _entries(folder: Path) -> Iterator[tuple[Path, float, int]]:
    for path in folder.glob(f"??/*{SUFFIX}"):
        try:
            facts = path.stat()
        except OSError:
            continue
        yield path, facts.st_mtime, facts.st_size


def _was_touched(path: Path, changed: float) -> bool:
    try:
        return path.stat().st_mtime > changed
    except OSError:
        return False
