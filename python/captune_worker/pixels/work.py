"""What the processes of the pool do."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..phi3_v.image_processing import Phi3VImageProcessor
from ..pictures import (
    Header,
    PictureProblem,
    Step,
    augment,
    read_header,
    read_image,
)
from .cache import Entry, read_entry, touch, write_entry


@dataclass(frozen=True, slots=True)
class Trouble:
    """A ``PictureProblem`` in a form that travels between processes."""

    code: str
    reason: str
    remedy: str

    @classmethod
    def of(cls, problem: PictureProblem) -> "Trouble":
        return cls(str(problem.code), problem.reason, problem.remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A picture to prepare."""

    content: str | bytes
    """Path, or the bytes themselves."""
    processor: Phi3VImageProcessor
    max_pixels: int
    folder: Path
    suffix: str
    """An entry is called by folder, first two digits of its key, key and suffix."""
    store: bool
    """Is there room in the cache?"""
    steps: tuple[Step, ...] = ()
    seed: str | None = None
    """Augment by the steps, and do not keep it; None: as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A picture is ready."""

    key: str
    decoded: bool
    """Was it read, or had that been done before?"""
    stored: int
    """Bytes that were added to the cache."""
    canvas: bytes | None = None
    """The entry itself, where it is not in the cache."""
    shape: tuple[int, ...] = ()
    global_view: bytes | None = None


def measure(contents: Sequence[str | bytes], max_pixels: int) -> list[Header | Trouble]:
    """Headers of pictures, or what is wrong with them."""
    return [_header(content, max_pixels) for content in contents]


def prepare(order: Order) -> Prepared | Trouble:
    """Reads a picture and cuts it, unless an earlier run did so."""
    try:
        content = order.content
        if isinstance(content, str):
            content = Path(content).read_bytes()
    except FileNotFoundError:
        return Trouble("PICTURE_MISSING", "does not exist", "")
    except OSError as error:
        return Trouble("PICTURE_MISSING", f"cannot be read: {error.strerror}", "")
    key = hashlib.sha256(content).hexdigest()
    path = order.folder / key[:2] / f"{key}{order.suffix}"
    if order.seed is None and touch(path) and read_entry(path) is not None:
        return Prepared(key=key, decoded=False, stored=0)
    try:
        image = read_image(content, order.max_pixels)
    except PictureProblem as problem:
        return Trouble.of(problem)
    if order.seed is not None:
        image = augment(image, order.steps, random.Random(order.seed))
    canvas = order.processor.canvas(image)
    entry = Entry(canvas, order.processor.global_view(canvas))
    if order.seed is None and order.store and write_entry(path, entry):
        return Prepared(key=key, decoded=True, stored=entry.bytes)
    return Prepared(
        key=key,
        decoded=True,
        stored=0,
        canvas=canvas.numpy().tobytes(),
        shape=tuple(canvas.shape),
        global_view=entry.global_view.numpy().tobytes(),
    )


def _header(content: str | bytes, max_pixels: int) -> Header | Trouble:
    try:
        return read_header(content, max_pixels)
    except PictureProblem as problem:
        return Trouble.of(problem)
