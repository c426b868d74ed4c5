"""Rows are read, and what cannot be used is named by file and line."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from captune_worker import spec
from captune_worker.data import read_splits
from captune_worker.errors import Refusal
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20), "red").save(tmp_path / "turned.jpg", exif=exif)
    return tmp_path


def data_of(path: Path, **changes: Any) -> spec.Data:
    plain = {
        "train": {"kind": "jsonl", "path": str(path), "limit": None},
        "validation": {"kind": "none"},
        "test": {"kind": "none"},
        "columns": {"image": "image", "answer": "answer", "prompt": None},
        "prompt": "What?",
    }
    return msgspec.convert(plain | changes, spec.Data)


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "rows.jsonl"
    path.write_text(
        "".join(
            (row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows
        )
    )
    return path


def refusal_of(data: spec.Data) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_splits(data, Path("unused"))
    assert caught.value.code == "DATA_INVALID"
    return caught.value


def test_rows_in_order_with_the_size_that_people_see(folder: Path) -> None:
    path = write(
        folder,
        {"image": "a.png", "answer": "one"},
        "",
        {"image": "turned.jpg", "answer": "two"},
    )
    (split,) = read_splits(data_of(path), folder).items()
    assert split[0] == "train"
    assert [(row.image.name, row.size, row.prompt, row.answer) for row in split[1]] == [
        ("a.png", (30, 20), "What?", "one"),
        ("turned.jpg", (20, 30), "What?", "two"),
    ]


def test_prompts_of_their_own_and_a_limit(folder: Path) -> None:
    rows = [{"image": "a.png", "answer": "x", "ask": f"{at}?"} for at in range(5)]
    columns = {"image": "image", "answer": "answer", "prompt": "ask"}
    path = write(folder, *rows)
    source = {"kind": "jsonl", "path": str(path), "limit": 3}
    splits = read_splits(data_of(path, columns=columns, train=source), folder)
    assert [row.prompt for row in splits["train"]] == ["0?", "1?", "2?"]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder: Path) -> None:
    path = folder / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"image": "a.png", "answer": "x"}\r\n\r\n')
    assert len(read_splits(data_of(path), folder)["train"]) == 1


def test_every_bad_row_is_named(folder: Path) -> None:
    (folder / "text.png").write_text("no picture")
    path = write(
        folder,
        {"image": "a.png", "answer": "good"},
        {"image": "gone.png", "answer": "x"},
        {"image": "text.png", "answer": "x"},
        {"image": "a.png", "anwser": "x"},
        {"image": "a.png", "answer": 7},
        {"image": "a.png", "answer": "  "},
        "{broken",
        "[1]",
    )
    refusal = refusal_of(data_of(path))
    assert [(one.path.rpartition(":")[2], one.reason) for one in refusal.issues] == [
        ("2", "has a picture that does not exist"),
        ("3", "has a picture that is none of JPEG, PNG, WEBP, GIF, BMP, TIFF"),
        ("4", 'has no column "answer"'),
        ("5", 'has no text in column "answer"'),
        ("6", 'has an empty text in column "answer"'),
        ("7", refusal.issues[5].reason),
        ("8", "is not a JSON object"),
    ]
    assert refusal.issues[2].remedy == 'Did you mean "anwser"?'
    assert refusal.issues[5].reason.startswith("is not JSON")
    assert refusal.message.startswith("7 of the rows of data.train")


def test_the_first_twenty_are_quoted_and_all_counted(folder: Path) -> None:
    rows = [{"image": f"{at}.png", "answer": "x"} for at in range(50)]
    refusal = refusal_of(data_of(write(folder, *rows)))
    assert len(refusal.issues) == 20
    assert refusal.message.startswith("50 of the rows")


def test_no_rows_and_no_file(folder: Path) -> None:
    assert refusal_of(data_of(write(folder))).issues[0].reason == "has no rows"
    gone = refusal_of(data_of(folder / "gone.jsonl"))
    assert gone.issues[0].path.endswith("gone.jsonl")


def test_drawn_airplanes_need_no_file(tmp_path: Path) -> None:
    source = {"kind": "airplanes", "split": "test", "seed": 3, "count": 4, "limit": 2}
    data = data_of(tmp_path, train=source)
    for _ in range(2):
        rows = read_splits(data, tmp_path)["train"]
        assert len(rows) == 2
        assert all("tail" in row.answer for row in rows)
