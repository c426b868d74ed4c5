"""Tables: rows as a source stores them, by number, before anyone knows what they mean."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..errors import Refusal, issue
from .problems import BadRow, RowCode

Record = Mapping[str, Any]
"""A row by the names of its columns. Pictures are paths, URLs, cells, or lists of these."""

METADATA = ("metadata.jsonl", "metadata.csv")
PICTURE_SUFFIXES = {
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
}


class Table(Protocol):
    """What every kind of source is read through."""

    folder: Path
    """Where relative paths of pictures start."""
    roots: Sequence[Path]
    """Further folders that the source itself puts pictures in."""
    broken: Sequence[tuple[str, BadRow]]
    """Places that hold no row at all."""

    def __len__(self) -> int: ...

    def place(self, index: int) -> str:
        """Where a row stands, for people."""
        ...

    def column(self, name: str) -> Sequence[Any]:
        """Values of one column, None where a row lacks it.

        Raises:
            KeyError: when no row has it.
        """
        ...

    def columns(self) -> list[str]:
        """Names of all columns."""
        ...

    def records(self, indices: Sequence[int], names: Sequence[str]) -> Iterator[Record]:
        """The rows of these numbers, in this order, with those of the columns they have."""
        ...


class TextTable:
    """A table whose rows are small enough to be held: pictures are paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots: list[Path] = []
        self.broken: list[tuple[str, BadRow]] = []
        self._places: list[str] = []
        self._records: list[dict[str, Any]] = []

    def add(self, place: str, read: Callable[[], Any]) -> None:
        """Takes what ``read`` gives as a row; a ``BadRow`` it raises is noted."""
        try:
            record = read()
            if not isinstance(record, dict):
                raise BadRow(RowCode.ROW_NOT_OBJECT, "is not a JSON object", record)
        except BadRow as bad:
            self.broken.append((place, bad))
            return
        self._places.append(place)
        self._records.append(record)

    def __len__(self) -> int:
        return len(self._records)

    def place(self, index: int) -> str:
        return self._places[index]

    def column(self, name: str) -> list[Any]:
        if not any(name in record for record in self._records):
            raise KeyError(name)
        return [record.get(name) for record in self._records]

    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for one in self._records for name in one))

    def records(self, indices: Sequence[int], names: Sequence[str]) -> Iterator[Record]:
        return (self._records[index] for index in indices)


def read_json_lines(path: Path) -> TextTable:
    """One JSON object a line; empty lines do not count."""
    table = TextTable(path.parent)
    _add_json_lines(table, path)
    return table


def read_json_array(path: Path) -> TextTable:
    """One array of objects.

    Raises:
        Refusal: ``DATA_INVALID`` when the file holds something else.
    """
    table = TextTable(path.parent)
    try:
        rows = json.loads(_bytes_of(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"is not JSON: {error}") from None
    if not isinstance(rows, list):
        remedy = 'For one object a line use the kind "jsonl".'
        raise unreadable(path, "does not hold one array of rows", remedy)
    for at, row in enumerate(rows):
        table.add(f"{path}[{at}]", lambda row=row: row)
    return table


def read_csv(path: Path) -> TextTable:
    """Comma-separated values; the first line names the columns.

    Raises:
        Refusal: ``DATA_INVALID`` when there is no such line, or the file is no text.
    """
    table = TextTable(path.parent)
    _add_csv(table, path)
    return table


def read_image_folder(folder: Path) -> TextTable:
    """Pictures with metadata; ``file_name`` becomes the column ``image``.

    Raises:
        Refusal: ``DATA_INVALID`` when there is no metadata.
    """
    if not folder.is_dir():
        raise unreadable(folder, "is no folder")
    files = sorted(one for one in folder.rglob("metadata.*") if one.name in METADATA)
    if not files:
        remedy = 'Add one with a line {"file_name": ..., "answer": ...} per picture.'
        raise unreadable(folder, f"has no {' or '.join(METADATA)}", remedy)
    table = TextTable(folder)
    named: set[str] = set()
    for file in files:
        rows = TextTable(file.parent)
        (_add_csv if file.suffix == ".csv" else _add_json_lines)(rows, file)
        table.broken += rows.broken
        for index, record in enumerate(rows.records(range(len(rows)), ())):
            image = _named_picture(file, record)
            if image is not None:
                named.add(image)
            table.add(
                rows.place(index),
                lambda record=record, image=image: _with_image(record, image),
            )
    for picture in sorted(folder.rglob("*")):
        if picture.suffix.lower() in PICTURE_SUFFIXES and str(picture) not in named:
            bad = BadRow(
                RowCode.METADATA_MISSING,
                "is named by no line of the metadata",
                remedy="Add its line, or take the picture away.",
            )
            table.broken.append((str(picture), bad))
    return table


def unreadable(path: Path | str, reason: str, remedy: str = "") -> Refusal:
    """A source that gives no rows at all."""
    problem = issue(str(path), reason, remedy=remedy)
    return Refusal("DATA_INVALID", "A data source cannot be read", [problem])


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, f"cannot be read: {error.strerror or error}") from None


def _add_json_lines(table: TextTable, path: Path) -> None:
    try:
        with path.open("rb") as file:
            for at, line in enumerate(file, 1):
                content = line.removeprefix(b"\xef\xbb\xbf") if at == 1 else line
                if content.strip():
                    table.add(f"{path}:{at}", lambda text=content: _parse(text))
    except OSError as error:
        raise unreadable(path, f"cannot be read: {error.strerror or error}") from None


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except UnicodeDecodeError:
        raise BadRow(RowCode.ROW_SYNTAX, "is not UTF-8", repr(line[:80])) from None
    except (ValueError, RecursionError) as error:
        shown = line[:80].decode(errors="replace").strip()
        raise BadRow(RowCode.ROW_SYNTAX, f"is not JSON: {error}", shown) from None


def _add_csv(table: TextTable, path: Path) -> None:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            if not header:
                raise unreadable(path, "has no line that names the columns")
            if len(set(header)) < len(header):
                twice = next(name for name in header if header.count(name) > 1)
                raise unreadable(path, f'names the column "{twice}" twice')
            for fields in reader:
                if fields:
                    table.add(
                        f"{path}:{reader.line_num}",
                        lambda fields=fields: _csv_record(header, fields),
                    )
    except OSError as error:
        raise unreadable(path, f"cannot be read: {error.strerror or error}") from None
    except UnicodeError:
        raise unreadable(path, "is not UTF-8") from None
    except csv.Error as error:
        # Where a quotation ends nobody can tell any more.
        reason = f"is not CSV after line {reader.line_num}: {error}"
        raise unreadable(path, reason) from None


def _csv_record(header: list[str], fields: list[str]) -> dict[str, str]:
    if len(fields) != len(header):
        reason = f"has {len(fields)} fields where {len(header)} columns are named"
        raise BadRow(RowCode.ROW_SYNTAX, reason, ",".join(fields)[:80])
    return dict(zip(header, fields, strict=True))


def _named_picture(file: Path, record: Record) -> str | None:
    name = record.get("file_name")
    return str(file.parent / name) if isinstance(name, str) and name else None


def _with_image(record: Record, image: str | None) -> dict[str, Any]:
    if image is None:
        reason = 'has no column "file_name" with the name of a picture'
        raise BadRow(RowCode.COLUMN_MISSING, reason, record.get("file_name"))
    return {**record, "image": image}
