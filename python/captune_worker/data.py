"""Rows of a split: where they come from, and that every one of them can be used."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import airplanes
from .errors import Refusal, issue, suggestion
from .events import EndIssue
from .images import UnreadableImage, read_image
from .spec import AirplanesSource, Columns, Data, JsonLinesSource, NoSource, Source

LISTED_PROBLEMS = 20
"""Problems quoted one by one; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One example: a picture, a prompt, and the answer to learn."""

    image: Path
    size: tuple[int, int]
    """Width and height in pixels, upright."""
    prompt: str
    answer: str


def read_splits(data: Data, cache: Path) -> dict[str, list[Row]]:
    """The rows of every split that exists, by its name.

    Every picture is decoded once, so that none can stop the run later.

    Raises:
        Refusal: ``DATA_INVALID``, naming file, line and reason of what cannot be used.
    """
    sources = {"train": data.train, "validation": data.validation, "test": data.test}
    return {
        split: _read_split(split, source, data, cache)
        for split, source in sources.items()
        if not isinstance(source, NoSource)
    }


def _read_split(split: str, source: Source, data: Data, cache: Path) -> list[Row]:
    problems: list[EndIssue] = []
    file = _file_of(source, cache)
    drafts = list(_drafts(file, source.limit, data, problems))
    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(lambda draft: _with_size(*draft, problems), drafts))
    if problems:
        problems.sort(key=lambda problem: _line_of(problem.path))
        raise Refusal(
            "DATA_INVALID",
            f"{len(problems)} of the rows of data.{split} cannot be used",
            problems[:LISTED_PROBLEMS],
        )
    if not rows:
        empty = issue(f"data.{split}", "has no rows", str(file))
        raise Refusal("DATA_INVALID", "There is nothing to work on", [empty])
    return rows


def _file_of(source: Source, cache: Path) -> Path:
    match source:
        case JsonLinesSource(path=path):
            return Path(path)
        case AirplanesSource(split=split, seed=seed, count=count):
            seed = airplanes.STANDARD_SEED if seed is None else seed
            count = airplanes.SPLITS[split] if count is None else count
            root = cache / "airplanes" / f"{airplanes.EDITION}-{seed}-{count}"
            folder = airplanes.write_split(root, split, seed, count)
            return folder / "rows.jsonl"


def _drafts(
    file: Path, limit: int | None, data: Data, problems: list[EndIssue]
) -> Iterator[tuple[str, Path, str, str]]:
    """Place, picture, prompt and answer of every row that has them."""
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeError) as error:
        unread = issue(str(file), f"cannot be read: {error}")
        raise Refusal("DATA_INVALID", "A data file cannot be read", [unread]) from None
    numbered = [(at, line) for at, line in enumerate(lines, 1) if line.strip()]
    for at, line in numbered[:limit]:
        place = f"{file}:{at}"
        try:
            row = _parse(line)
            image = file.parent / _text(row, data.columns.image)
            prompt = _prompt(row, data.columns, data.prompt)
            yield place, image, prompt, _text(row, data.columns.answer)
        except _BadRow as bad:
            problems.append(issue(place, bad.reason, bad.value, bad.remedy))


class _BadRow(Exception):
    def __init__(self, reason: str, value: Any = None, remedy: str = "") -> None:
        self.reason, self.value, self.remedy = reason, value, remedy


def _parse(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _BadRow(f"is not JSON: {error}", line[:80]) from None
    if not isinstance(row, dict):
        raise _BadRow("is not a JSON object", line[:80])
    return row


def _prompt(row: dict[str, Any], columns: Columns, constant: str) -> str:
    return constant if columns.prompt is None else _text(row, columns.prompt)


def _text(row: dict[str, Any], column: str) -> str:
    if column not in row:
        raise _BadRow(f'has no column "{column}"', remedy=suggestion(column, row))
    value = row[column]
    if not isinstance(value, str):
        raise _BadRow(f'has no text in column "{column}"', value)
    if not value.strip():
        raise _BadRow(f'has an empty text in column "{column}"', value)
    return value


def _with_size(
    place: str, image: Path, prompt: str, answer: str, problems: list[EndIssue]
) -> Row | None:
    try:
        size = read_image(image).size
    except UnreadableImage as error:
        problems.append(issue(place, f"has a picture that {error}", str(image)))
        return None
    return Row(image=image, size=size, prompt=prompt, answer=answer)


def _line_of(place: str) -> int:
    return int(place.rpartition(":")[2])
