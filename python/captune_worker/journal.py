"""The worker's own log, ``worker.jsonl``: what was said, in order, before it is sent.

It is what an interrupted link is replayed from, so a line is on its way to the disk
before the event can leave the process. All attempts at a run share the file; each
numbers its own events.
"""

import contextlib
import os
from array import array
from pathlib import Path
from typing import Any

import msgspec

from .errors import Superseded, unwritable
from .wire import encode_event

RECENT_EVENTS = 4096
"""Events kept in memory, at least; twice as many are cut back to these."""

TAIL_BYTES = 64 * 1024
"""Read at once where the end of the last whole line is looked for."""


class Journal:
    """Numbers events from 1 and appends them to a JSON Lines file.

    What earlier attempts left there stays, but for a torn last line.

    ``append`` belongs to one thread, ``read`` to another; neither waits for the other.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        # Eight bytes an event, where a list of numbers takes forty.
        self._offsets = array("q", [_cut_torn_line(self._fd)])
        # Number of the first, and events that only grow in number: a list cut back is a
        # new one, so that a reader keeps what it has found.
        self._recent: tuple[int, list[bytes]] = (1, [])

    @property
    def last(self) -> int:
        """Number of the last event; 0 when there is none."""
        return len(self._offsets) - 1

    def append(self, event: msgspec.Struct, durable: bool = False) -> None:
        """Writes one event, whole or not at all.

        ``durable``: returns only when the disk has it.

        Raises:
            Superseded: when another attempt has written to the file.
            Refusal: ``DISK_FULL``, ``OUTPUT_UNWRITABLE``.
        """
        line, packed = _encoded(event)
        self._demand_sole()
        try:
            _write_all(self._fd, line)
            if durable:
                os.fsync(self._fd)
        except OSError as error:
            # Half a line in the middle of a log would spoil all of it.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._offsets[-1])
            raise unwritable(self._path.parent, error) from error
        first, recent = self._recent
        recent.append(packed)
        if len(recent) >= 2 * RECENT_EVENTS:
            self._recent = (first + RECENT_EVENTS, recent[RECENT_EVENTS:])
        # Last: what is counted can be read.
        self._offsets.append(self._offsets[-1] + len(line))

    def read(self, first: int, count: int) -> list[bytes]:
        """Up to ``count`` events from number ``first``, each as MessagePack."""
        last = min(self.last, first + count - 1)
        oldest, recent = self._recent
        if first >= oldest:
            return recent[first - oldest : last + 1 - oldest]
        start, stop = self._offsets[first - 1], self._offsets[last]
        with self._path.open("rb") as file:
            file.seek(start)
            lines = file.read(stop - start).splitlines()
        return [encode_event(msgspec.json.decode(line)) for line in lines]

    def close(self) -> None:
        """Makes everything durable, as far as the disk lets it, and closes the file."""
        with contextlib.suppress(OSError):
            os.fsync(self._fd)
        os.close(self._fd)

    def _demand_sole(self) -> None:
        """A worker that was stopped, and wakes beside the next attempt, ends here."""
        now = os.fstat(self._fd)
        if now.st_nlink == 0:
            raise unwritable(self._path.parent, OSError("it was removed"))
        if now.st_size != self._offsets[-1]:
            raise Superseded


def _encoded(event: msgspec.Struct) -> tuple[bytes, bytes]:
    """The event as a line of JSON and as MessagePack.

    A file name may hold bytes that are no UTF-8; they become U+FFFD.
    """
    try:
        return msgspec.json.encode(event) + b"\n", encode_event(event)
    except UnicodeEncodeError:
        said = _well_formed(msgspec.to_builtins(event))
        return msgspec.json.encode(said) + b"\n", encode_event(said)


def _well_formed(value: Any) -> Any:
    match value:
        case str():
            return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
        case list():
            return [_well_formed(one) for one in value]
        case dict():
            return {_well_formed(key): _well_formed(one) for key, one in value.items()}
    return value


def _cut_torn_line(fd: int) -> int:
    """Cuts what a process that died while writing left unfinished; bytes that stay."""
    size = os.fstat(fd).st_size
    end = size
    while end > 0:
        start = max(0, end - TAIL_BYTES)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        end = start + newline + 1
        if newline >= 0:
            break
    if end < size:
        os.ftruncate(fd, end)
    return end


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
