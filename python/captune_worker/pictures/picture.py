"""A picture somebody shows, before and while things become known of it."""

import hashlib
import io
from pathlib import Path
from typing import Protocol

from PIL import Image


class Cell(Protocol):
    """Bytes of a picture within a larger file, read when they are wanted."""

    def read(self) -> bytes: ...


class Picture:
    """A picture that rows show; one object per file or cell, however often it is shown.

    Attributes:
        source: path of its file, or the cell that holds it.
        name: what to call it to people.
        size: upright width and height in pixels; known once it is measured.
        byte_length: of its file; known once it is measured.
        key: SHA-256 (hex) of its bytes; known once it is prepared.
    """

    __slots__ = ("byte_length", "key", "name", "size", "source")

    def __init__(self, source: str | Cell, name: str) -> None:
        self.source = source
        self.name = name
        self.size = (0, 0)
        self.byte_length = 0
        self.key: str | None = None

    def content(self) -> str | bytes:
        """What Pillow can open: a path, or the bytes."""
        return self.source if isinstance(self.source, str) else self.source.read()

    def bytes(self) -> bytes:
        """What its file holds.

        Raises:
            OSError: when it cannot be read.
        """
        content = self.content()
        return Path(content).read_bytes() if isinstance(content, str) else content

    def digest(self) -> str:
        """SHA-256 (hex) of its bytes."""
        if self.key is None:
            self.key = hashlib.sha256(self.bytes()).hexdigest()
        return self.key

    def file(self, folder: Path) -> str:
        """Its path; a picture without one is written into ``folder`` first."""
        if isinstance(self.source, str):
            return self.source
        content = self.source.read()
        with Image.open(io.BytesIO(content)) as image:
            suffix = str(image.format).lower()
        path = folder / f"{self.digest()}.{suffix}"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_bytes(content)
            partial.replace(path)
        return str(path)
