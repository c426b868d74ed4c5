"""What a loaded model says, kept until the SDK has it; nothing of it goes to the disk."""

import threading
from collections import deque

import msgspec

from ..link import WINDOW_EVENTS
from ..wire import encode_event


class Outbox:
    """Numbers messages from 1; what a ``Link`` ships.

    The link asks again for what was lost, which is never older than its window.
    ``append`` belongs to one thread, ``read`` to another.
    """

    def __init__(self) -> None:
        self._kept: deque[bytes] = deque()
        self._last = 0
        self._lock = threading.Lock()

    @property
    def last(self) -> int:
        """Number of the last message; 0 when there is none."""
        return self._last

    @property
    def kept(self) -> int:
        """How many messages are in memory."""
        return len(self._kept)

    def append(self, message: msgspec.Struct) -> None:
        with self._lock:
            self._kept.append(encode_event(message))
            self._last += 1

    def read(self, first: int, count: int) -> list[bytes]:
        """Up to ``count`` messages from number ``first``, as MessagePack."""
        with self._lock:
            oldest = self._last - len(self._kept) + 1
            for _ in range(first - WINDOW_EVENTS - oldest):
                self._kept.popleft()
            oldest = self._last - len(self._kept) + 1
            stop = min(first - oldest + count, len(self._kept))
            return [self._kept[at] for at in range(first - oldest, stop)]
