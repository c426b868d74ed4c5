"""Damaged data files give rows, bad rows, or one refusal; and all of it can be told."""

import csv
import json
import random
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from captune_worker import spec
from captune_worker.errors import Refusal
from captune_worker.events import EndError
from captune_worker.journal import Journal
from captune_worker.pictures import PictureProblem, read_header
from captune_worker.report import Report
from captune_worker.rows import Problems, read_splits
from captune_worker.wire import MAX_DEPTH
from PIL import Image

from fuzz.conftest import TRAPS, amount, damaged

FILES = {"jsonl": amount(100, 300), "json": 50, "csv": amount(100, 300)}
PARQUET_FILES = amount(25, 200)
ROWS = [
    {"image": "a.png", "prompt": "One?", "answer": "first", "tags": ["x", "y"]},
    {"image": "b.png", "prompt": "Zwei – ?", "answer": 'se, "cond"', "tags": ["z"]},
    {"image": "a.png", "prompt": "Three?", "answer": "third\nline", "tags": ["é"]},
]
CONVERSATION = [
    {"role": "user", "content": "<image>What?"},
    {"role": "assistant", "content": "a plane"},
]
VALUES = [
    *(b"null", b"true", b'{"bytes": "x"}', b'{"bytes": "/w=="}', b"1" * 400),
    *(b'"\\ud800"', b'"data:image/png;base64,"', b'"http://h/x"', b'"\\u0000"'),
    *(b"[" * 150 + b"]" * 150, b'{"a":' * 900 + b"1" + b"}" * 900),
    *(b"[]", b"{}", b'""', b'" "', b'{"type": "image"}', b'"<image>"', b"NaN"),
    *(b'["a.png", "b.png"]', b'"/dev/zero"', b'"../../etc/passwd"', b"-Infinity"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 20), "red").save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("kind", list(FILES))
@pytest.mark.parametrize("form", ["question", "conversation"])
def test_a_damaged_file(
    chance: random.Random, folder: Path, kind: str, form: str
) -> None:
    path = folder / f"rows.{kind}"
    content = written(kind, form)
    path.write_bytes(content)
    assert not read(folder, kind, path, form)
    refused = 0
    for count in range(FILES[kind]):
        if kind != "csv" and chance.random() < 0.5:
            changed = with_other_value(chance, content)
        else:
            changed = damaged(chance, content, [*TRAPS, *VALUES])
        path.write_bytes(changed)
        try:
            refused += read(folder, kind, path, form)
        except Exception as error:
            raise AssertionError(f"file {count}: {changed!r}") from error
    assert refused > FILES[kind] / 10


def test_a_damaged_parquet_file(chance: random.Random, folder: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as pq

    path = folder / "rows.parquet"
    pictures = [
        row | {"image": {"bytes": (folder / row["image"]).read_bytes(), "path": None}}
        for row in ROWS
    ]
    pq.write_table(pa.Table.from_pylist(pictures), path)
    content = path.read_bytes()
    refused = 0
    for count in range(PARQUET_FILES):
        changed = damaged(chance, content)
        path.write_bytes(changed)
        try:
            refused += read(folder, "parquet", path, "question")
        except Exception as error:
            raise AssertionError(f"file {count}: {changed.hex()}") from error
    assert refused > PARQUET_FILES / 10


def with_other_value(chance: random.Random, content: bytes) -> bytes:
    """JSON that can be read, with another value in one place."""
    starts = [match for match in re.finditer(rb'": ("[^"]*"|\[)', content)]
    start = chance.choice(starts)
    value = chance.choice(VALUES)
    if start[1] == b"[":
        value = b"[" + value + b", "
    return content[: start.start(1)] + value + content[start.end(1) :]


def written(kind: str, form: str) -> bytes:
    rows: list[dict[str, Any]] = [*ROWS]
    if form == "conversation":
        said = json.dumps(CONVERSATION) if kind == "csv" else CONVERSATION
        rows = [{"image": "a.png", "messages": said}] * 3
    if kind == "json":
        return json.dumps(rows, ensure_ascii=False).encode()
    if kind == "jsonl":
        return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    lines: list[str] = []
    writer = csv.DictWriter(_Lines(lines), list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return "".join(lines).encode()


class _Lines:
    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def read(folder: Path, kind: str, path: Path, form: str) -> bool:
    """Reads as a run does, and tells what is wrong as a run does. Was it refused?"""
    data = data_of(kind, path, form)
    problems = Problems("drop")
    refusal = None
    try:
        for rows in read_splits(data, folder, problems).values():
            for row in rows:
                assert row.prompt is not None
                assert row.answer
                assert len(row.references) >= 1
                for picture in row.pictures:
                    look_at(picture)
        problems.write(folder)
        problems.policy = "fail"
        problems.judge()
    except Refusal as error:
        assert error.code == "DATA_INVALID"
        assert error.issues
        refusal = error
    if refusal is not None:
        tell(folder, refusal)
    if (folder / "dropped.jsonl").exists():
        for line in (folder / "dropped.jsonl").read_text().splitlines():
            json.loads(line)
    return refusal is not None


def look_at(picture: Any) -> None:
    try:
        read_header(picture.content(), 1_000_000)
    except PictureProblem as problem:
        assert problem.reason


def tell(folder: Path, refusal: Refusal) -> None:
    journal = Journal(folder / "worker.jsonl")
    report = Report("fuzz", 1, journal, lambda: None)
    error = EndError(
        code=refusal.code,
        message=refusal.message,
        issues=refusal.issues,
        data=refusal.data,
    )
    report.end(status="failed", steps=0, error=error)
    (said,) = journal.read(1, 1)
    assert depth(msgspec.msgpack.decode(said)) < MAX_DEPTH
    assert len(said) < 100_000
    journal.close()


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list)):
        return 0
    return 1 + max(map(depth, inner), default=0)


def data_of(kind: str, path: Path, form: str) -> spec.Data:
    none = {"kind": "none"}
    source = {"kind": kind, "path": str(path)}
    plain = {
        "train": {**source, "filters": [], "shuffleSeed": 1, "limit": None},
        "validation": none,
        "test": none,
        "columns": {
            "image": "image",
            "answer": "answer",
            "prompt": "prompt",
            "references": "tags",
            "messages": "messages" if form == "conversation" else None,
        },
        "prompt": "What?",
        "answerSeparator": ", ",
        "maxTokens": None,
        "onBadRow": "fail",
        "augmentation": [],
        "pictures": {
            "check": "auto",
            "maxPixels": 10_000,
            "roots": [],
            "hosts": [],
            "maxDownloadBytes": 10_000,
            "downloadTimeoutMs": 1_000,
            "cacheBytes": 0,
        },
    }
    return msgspec.convert(plain, spec.Data)
