"""A tracker in a thread of its own: training hands over what there is and never waits."""

import queue
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .ledger import Ledger
from .record import Record
from .tracker import Tracker

QUEUE_PARTS = 4096
"""What may wait for a slow tracker, in parts of one step or one score each."""


class Lane:
    """Opens a tracker with the first record, as a run may be refused before it."""

    def __init__(self, kind: str, open_: Callable[[], Tracker], ledger: Path) -> None:
        self.kind = kind
        self.failure: str | None = None
        """Why the tracker was given up; completes the sentence that its name begins."""
        self._open = open_
        self._path = ledger
        self._queue: queue.Queue[list[Record] | bool] = queue.Queue(QUEUE_PARTS)
        self._thread = threading.Thread(
            target=self._run, name=f"tracker {kind}", daemon=True
        )

    @property
    def is_busy(self) -> bool:
        """Is the tracker still at work, or does it hang?"""
        return self._thread.is_alive()

    def put(self, records: list[Record]) -> None:
        """Hands records over; a tracker that has fallen far behind is given up."""
        if self._thread.ident is None:
            self._thread.start()
        self._put(records)

    def finish(self, completed: bool) -> None:
        """Asks the tracker to end; there is nothing to end where nothing was told."""
        if self._thread.ident is not None:
            self._put(completed)

    def wait(self, seconds: float) -> None:
        """Waits for the end; a tracker that takes longer is given up."""
        if self._thread.ident is None:
            return
        self._thread.join(max(seconds, 0))
        if self.is_busy and self.failure is None:
            self.failure = "did not take everything in time"

    def _put(self, part: list[Record] | bool) -> None:
        try:
            self._queue.put_nowait(part)
        except queue.Full:
            self.failure = f"has fallen {QUEUE_PARTS} records behind"

    def _run(self) -> None:
        try:
            tracker = self._open()
            with closing(Ledger(self._path, tracker.settle_seconds)) as ledger:
                completed: bool | None = None
                while completed is None:
                    records, completed = self._next(ledger.settle())
                    fresh = ledger.fresh(records)
                    if fresh:
                        tracker.log(fresh)
                        ledger.add(fresh)
                tracker.finish(completed)
                ledger.settle(everything=True)
        except BaseException as error:  # noqa: BLE001 - no tracker may fail a run
            self.failure = f"failed: {type(error).__name__}: {error}"

    def _next(self, seconds: float | None) -> tuple[list[Record], bool | None]:
        """Waits for records, so long or for ever, and takes all that are there.

        Returns them, and how to end if that came too.
        """
        records: list[Record] = []
        try:
            part = self._queue.get(timeout=seconds)
            while not isinstance(part, bool):
                records += part
                part = self._queue.get_nowait()
        except queue.Empty:
            return records, None
        return records, part
