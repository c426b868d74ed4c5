"""Which records a tracker has: every attempt at a run goes on where the last one ended.

Trackers only ever append, and a resumed run makes steps again that were told before
the interruption, to the same numbers. So what was told once is not told again. A
record is written down once the tracker has it for good: where a kill comes before,
the record is told twice, which is better than not at all.
"""

import time
from collections import deque
from pathlib import Path

from .record import Record


class Ledger:
    """A text file with a line per record, its axis and step."""

    def __init__(self, path: Path, settle_seconds: float) -> None:
        """``settle_seconds``: how long after telling the tracker has a record."""
        text = path.read_text() if path.exists() else ""
        whole, _, torn = text.rpartition("\n")
        self._known = set(whole.splitlines())
        self._settle_seconds = settle_seconds
        self._told: deque[tuple[float, list[str]]] = deque()
        """What is not written down yet, with the time from which it may be."""
        self._file = path.open("a")
        if torn:
            self._file.write("\n")

    def fresh(self, records: list[Record]) -> list[Record]:
        """Those that the tracker was not told, each once."""
        fresh: dict[str, Record] = {}
        for record in records:
            if (line := _line(record)) not in self._known:
                fresh.setdefault(line, record)
        return list(fresh.values())

    def add(self, records: list[Record]) -> None:
        """The tracker was told these now."""
        lines = [_line(record) for record in records]
        self._known.update(lines)
        self._told.append((time.monotonic() + self._settle_seconds, lines))
        self.settle()

    def settle(self, everything: bool = False) -> float | None:
        """Writes down what the tracker has by now; seconds until there is more to."""
        settled: list[str] = []
        while self._told and (everything or self._told[0][0] <= time.monotonic()):
            settled += self._told.popleft()[1]
        if settled:
            self._file.write("".join(f"{line}\n" for line in settled))
            self._file.flush()
        return max(self._told[0][0] - time.monotonic(), 0) if self._told else None

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _line(record: Record) -> str:
    return f"{record.axis} {record.step}"
