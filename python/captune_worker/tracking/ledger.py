"""Which records a tracker has: every attempt at a run goes on where the last one ended.

Trackers only ever append, and a resumed run makes steps again that were told before
the interruption, to the same numbers. So what was told once is not told again. The
ledger is written after the tracker has taken a record: a kill in between shows it
twice, which is better than not at all.
"""

from pathlib import Path

from .record import Record, names


class Ledger:
    """A text file with a line per record, its axis and step."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text() if path.exists() else ""
        whole, _, torn = text.rpartition("\n")
        self._known = set(whole.splitlines())
        self._file = path.open("a")
        if torn:
            self._file.write("\n")

    def fresh(self, records: list[Record]) -> list[Record]:
        """Those that the tracker does not have, each once."""
        seen: set[tuple[str, int]] = set()
        fresh: list[Record] = []
        for record in records:
            name = (record.axis, record.step)
            if name not in seen and _line(*name) not in self._known:
                fresh.append(record)
            seen.add(name)
        return fresh

    def add(self, records: list[Record]) -> None:
        """The tracker has these now."""
        lines = [_line(*name) for name in sorted(names(records))]
        self._known.update(lines)
        self._file.write("".join(f"{line}\n" for line in lines))
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _line(axis: str, step: int) -> str:
    return f"{axis} {step}"
