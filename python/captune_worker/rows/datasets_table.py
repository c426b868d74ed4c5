"""Tables of Hugging Face ``datasets``, which also reads Parquet: memory-mapped, undecoded.

The library is imported here only, when a source needs it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Refusal, issue
from ..spec import DatasetSource
from .problems import BadRow
from .tables import Record, unreadable

BATCH = 1_000
"""Rows read at a time."""


def read_parquet(path: Path, cache: Path) -> "DatasetsTable":
    """A Parquet file, or all those of a folder in the order of their names.

    Raises:
        Refusal: ``DATA_INVALID`` for what is no Parquet; ``PYTHON_PACKAGES_MISSING``.
    """
    datasets = _library()
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise unreadable(path, "is no Parquet file and no folder with one")
    try:
        dataset = datasets.load_dataset(
            "parquet",
            data_files=[str(file) for file in files],
            split="train",
            cache_dir=str(cache / "datasets"),
        )
    except Exception as error:  # noqa: BLE001 - the library raises whatever it met
        raise unreadable(path, f"cannot be read: {_reason(error)}") from None
    return DatasetsTable(dataset, str(path), path if path.is_dir() else path.parent)


def read_dataset(source: DatasetSource, field: str) -> "DatasetsTable":
    """A dataset of the hub or a local copy; ``field`` names the source in the spec.

    Raises:
        Refusal: ``DATA_INVALID`` naming the field; ``PYTHON_PACKAGES_MISSING``.
    """
    datasets = _library()
    name = source.name_or_path
    folder = Path(name)
    if folder.is_absolute() and not folder.is_dir():
        raise unreadable(name, "is no folder")
    try:
        if (folder / "state.json").exists() or (folder / "dataset_dict.json").exists():
            loaded = datasets.load_from_disk(name)
            dataset = (
                loaded[source.split]
                if isinstance(loaded, datasets.DatasetDict)
                else loaded
            )
        else:
            dataset = datasets.load_dataset(
                name, source.config, split=source.split, revision=source.revision
            )
    except Exception as error:  # noqa: BLE001 - the library raises whatever it met
        shown = name if source.config is None else f"{name} ({source.config})"
        problem = issue(
            field,
            f"cannot be loaded: {_reason(error)}",
            f"{shown} [{source.split}]",
            "Check its name, config, split and revision; set HF_TOKEN if it is private.",
        )
        raise Refusal(
            "DATA_INVALID", "A data source cannot be read", [problem]
        ) from None
    where = folder if folder.is_dir() else Path(datasets.config.HF_DATASETS_CACHE)
    return DatasetsTable(dataset, f"{name}[{source.split}]", where)


@dataclass(frozen=True, slots=True)
class ArrowCell:
    """A picture within an Arrow table, or one of a list of them."""

    rows: Any
    """A ``Dataset`` in Arrow format."""
    row: int
    column: str
    item: int | None

    def read(self) -> bytes:
        value = self.rows[self.row][self.column][0]
        if self.item is not None:
            value = value[self.item]
        plain = value.as_py()
        return plain["bytes"] if isinstance(plain, dict) else plain


class DatasetsTable:
    """A ``datasets.Dataset`` as a table; picture bytes stay where they are."""

    def __init__(self, dataset: Any, name: str, folder: Path) -> None:
        from huggingface_hub.constants import HF_HUB_CACHE

        self.folder = folder
        self.roots = [Path(HF_HUB_CACHE)]
        self.broken: list[tuple[str, BadRow]] = []
        self._name = name
        self._arrow = dataset.with_format("arrow")

    def __len__(self) -> int:
        return len(self._arrow)

    def place(self, index: int) -> str:
        return f"{self._name} row {index}"

    def column(self, name: str) -> list[Any]:
        if name not in self._arrow.column_names:
            raise KeyError(name)
        with self._reading():
            return self._arrow.select_columns([name])[:][name].to_pylist()

    def columns(self) -> list[str]:
        return list(self._arrow.column_names)

    def records(self, indices: Sequence[int], names: Sequence[str]) -> Iterator[Record]:
        known = [name for name in names if name in self._arrow.column_names]
        rows = self._arrow.select_columns(known)
        single = {name: rows.select_columns([name]) for name in known}
        for first in range(0, len(indices), BATCH):
            numbers = [int(one) for one in indices[first : first + BATCH]]
            with self._reading():
                batch = rows[numbers]
                values = {
                    name: _values(batch[name], single[name], numbers, name)
                    for name in known
                }
            for at in range(len(numbers)):
                yield {name: column[at] for name, column in values.items()}

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Contents are looked at late, and may be damaged where the file is not."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the library raises whatever it met
            raise unreadable(self._name, f"cannot be read: {_reason(error)}") from None


def _values(column: Any, rows: Any, numbers: list[int], name: str) -> list[Any]:
    """Plain values of a chunked array; cells in the place of bytes."""
    import pyarrow as pa

    kind = column.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not _holds_bytes(kind.value_type if is_list else kind):
        return column.to_pylist()
    if not is_list:
        pointers = _pointers(column)
        return [
            ArrowCell(rows, number, name, None) if pointer is True else pointer
            for number, pointer in zip(numbers, pointers, strict=True)
        ]
    return [
        None
        if value is None
        else [
            ArrowCell(rows, number, name, at) if pointer is True else pointer
            for at, pointer in enumerate(_pointers(value))
        ]
        for number, value in zip(numbers, (one.values for one in column), strict=True)
    ]


def _holds_bytes(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _pointers(column: Any) -> list[str | bool | None]:
    """True where there are bytes, else the path, else None; bytes are not touched."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_struct(column.type):
        return [valid or None for valid in pc.is_valid(column).to_pylist()]
    has_bytes = pc.is_valid(pc.struct_field(column, "bytes")).to_pylist()
    paths = [None] * len(has_bytes)
    if column.type.get_field_index("path") >= 0:
        paths = pc.struct_field(column, "path").to_pylist()
    return [has or path for has, path in zip(has_bytes, paths, strict=True)]


def _library() -> Any:
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    try:
        import datasets
    except ImportError:
        problem = issue(
            "datasets",
            "is not installed, and Parquet and hub datasets need it",
            remedy="Install it beside the worker's other packages: pip install datasets",
        )
        raise Refusal(
            "PYTHON_PACKAGES_MISSING", "A Python package is missing", [problem]
        ) from None
    datasets.disable_progress_bars()
    return datasets


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    lines = str(cause).strip().splitlines() or [""]
    return f"{type(cause).__name__}: {lines[0]}"
