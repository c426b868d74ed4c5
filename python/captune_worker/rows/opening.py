"""Opens the data of a spec: sources, filters, splits; rows out of what is left."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import airplanes
from ..errors import Refusal, issue, suggestion
from ..spec import (
    AirplanesSource,
    CsvSource,
    Data,
    DatasetSource,
    Filter,
    ImageFolderSource,
    JsonLinesSource,
    JsonSource,
    NoSource,
    ParquetSource,
    RowsSource,
    Selection,
    Source,
    SplitSource,
)
from .assembly import Album, Assembler, Layout, is_url, layout_of
from .conversation import Row
from .problems import BadRow, Problems
from .selection import matches, shuffled, train_test_split
from .tables import (
    Table,
    read_csv,
    read_image_folder,
    read_json_array,
    read_json_lines,
)

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows of a table, by number."""

    table: Table
    layout: Layout
    indices: Sequence[int]


def read_splits(
    data: Data, cache: Path, problems: Problems, wanted: Sequence[str] = SPLITS
) -> dict[str, list[Row]]:
    """The rows of every wanted split that exists; pictures not looked at yet.

    Filters come first, then shuffling, then the limit; what is split off is taken from
    what is left of the training rows, for the test split before the validation split.
    Bad rows go to ``problems``.

    Raises:
        Refusal: ``DATA_INVALID`` for a source that cannot be read at all, or leaves
            nothing; ``PYTHON_PACKAGES_MISSING``.
    """
    album = Album(data, cache)
    sources = {split: getattr(data, split) for split in wanted}
    if any(isinstance(source, SplitSource) for source in sources.values()):
        sources = {"train": data.train, **sources}
    chosen = {
        split: one
        for split in SPLITS
        if split in sources
        and (one := _choose(split, data, cache, problems)) is not None
    }
    for split in ("test", "validation"):
        source = sources.get(split)
        if isinstance(source, SplitSource):
            chosen["train"], chosen[split] = _split_off(chosen["train"], split, source)
    return {
        split: list(_rows(split, chosen[split], data, album, problems))
        for split in wanted
        if split in chosen
    }


def demand_rows(splits: dict[str, list[Row]]) -> None:
    """Raises:
    Refusal: ``DATA_INVALID`` naming the splits that have no row.
    """
    empty = [
        issue(f"data.{split}", "has no row that can be used")
        for split, rows in splits.items()
        if not rows
    ]
    if empty:
        raise Refusal("DATA_INVALID", "There is nothing to work on", empty)


def _choose(split: str, data: Data, cache: Path, problems: Problems) -> Chosen | None:
    source = getattr(data, split)
    if isinstance(source, (NoSource, SplitSource)):
        return None
    table = _open(split, source, cache)
    for place, bad in table.broken:
        problems.add(split, place, bad)
    indices = _select(split, table, source)
    layout = layout_of(data, source.__struct_config__.tag)
    return Chosen(table, layout, indices)


def _open(split: str, source: Source, cache: Path) -> Table:
    match source:
        case JsonLinesSource(path=path) | RowsSource(path=path):
            return read_json_lines(Path(path))
        case JsonSource(path=path):
            return read_json_array(Path(path))
        case CsvSource(path=path):
            return read_csv(Path(path))
        case ImageFolderSource(path=path):
            return read_image_folder(Path(path))
        case ParquetSource(path=path):
            from .datasets_table import read_parquet

            return read_parquet(Path(path), cache)
        case DatasetSource():
            from .datasets_table import read_dataset

            return read_dataset(source, f"data.{split}.nameOrPath")
        case AirplanesSource(split=drawn, seed=seed, count=count):
            seed = airplanes.STANDARD_SEED if seed is None else seed
            count = airplanes.SPLITS[drawn] if count is None else count
            root = cache / "airplanes" / f"{airplanes.EDITION}-{seed}-{count}"
            folder = airplanes.write_split(root, drawn, seed, count)
            return read_json_lines(folder / "rows.jsonl")


def _select(split: str, table: Table, source: Selection) -> Sequence[int]:
    indices = np.arange(len(table))
    for number, wanted in enumerate(source.filters):
        where = f"data.{split}.filters[{number}]"
        values = _column(table, wanted.column, f"{where}.column")
        indices = _passing(indices, values, wanted)
        if len(indices) == 0:
            raise _nothing_left(where, wanted, values)
    if source.shuffle_seed is not None:
        indices = indices[shuffled(len(indices), source.shuffle_seed)]
    return indices[: source.limit].tolist()


def _column(table: Table, name: str, field: str) -> Sequence[Any]:
    try:
        return table.column(name)
    except KeyError:
        problem = issue(field, "is no column", name, suggestion(name, table.columns()))
        raise Refusal("DATA_INVALID", "A filter cannot be applied", [problem]) from None


def _passing(indices: np.ndarray, values: Sequence[Any], wanted: Filter) -> np.ndarray:
    keep = [
        matches(values[index], wanted.includes_any, wanted.includes_all)
        for index in indices
    ]
    return indices[np.array(keep, dtype=bool)]


def _nothing_left(where: str, wanted: Filter, values: Sequence[Any]) -> Refusal:
    """A filter that keeps nothing is a mistake; the commonest values tell which."""
    seen: Counter[str] = Counter()
    for value in values:
        seen.update(one for one in _strings(value))
    asked = [*(wanted.includes_any or ()), *(wanted.includes_all or ())]
    remedy = suggestion(asked[0], [value for value, _ in seen.most_common(2_000)])
    if not remedy.startswith("Did"):
        common = ", ".join(f'"{value[:40]}"' for value, _ in seen.most_common(5))
        remedy = f"The commonest values are {common}."
    problem = issue(where, "keeps no row", asked, remedy)
    return Refusal("DATA_INVALID", "There is nothing to work on", [problem])


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple)):
        return [one for one in value if isinstance(one, str)]
    return []


def _split_off(train: Chosen, split: str, source: SplitSource) -> tuple[Chosen, Chosen]:
    """What is left to train on, and what the other split gets."""
    try:
        kept, taken = train_test_split(len(train.indices), source.fraction, source.seed)
    except ValueError as error:
        problem = issue(f"data.{split}.fraction", str(error), source.fraction)
        raise Refusal(
            "DATA_INVALID", "There is nothing to work on", [problem]
        ) from None
    numbers = np.asarray(train.indices, dtype=np.int64)
    return (
        Chosen(train.table, train.layout, numbers[kept].tolist()),
        Chosen(train.table, train.layout, numbers[taken].tolist()),
    )


def _rows(
    split: str, chosen: Chosen, data: Data, album: Album, problems: Problems
) -> Iterator[Row]:
    table, layout, indices = chosen.table, chosen.layout, chosen.indices
    find = album.finder(table)
    assembler = Assembler(data, layout, table, find)
    if data.pictures.hosts:
        records = table.records(indices, [layout.image])
        album.fetch([url for record in records for url in _urls(record, layout.image)])
    records = table.records(indices, layout.names)
    for index, record in zip(indices, records, strict=True):
        place = table.place(index)
        try:
            yield assembler.row(place, record)
        except BadRow as bad:
            problems.add(split, place, bad)


def _urls(record: Any, name: str) -> list[str]:
    value = record.get(name)
    values = value if isinstance(value, (list, tuple)) else [value]
    return [one for one in values if is_url(one)]
