"""All sources give the same rows for the same content, and every bad one is named."""

import base64
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aircraft
import msgspec
import pytest
from captune_worker import spec
from captune_worker.errors import Refusal
from captune_worker.rows import Problems, Row, read_splits
from captune_worker.rows.selection import shuffled
from PIL import Image

ROWS = [
    {"image": "a.png", "prompt": "One?", "answer": "first", "tags": ["x", "y"]},
    {"image": "in/b.png", "prompt": "Two?", "answer": 'se, "cond"', "tags": ["y"]},
    {"image": "a.png", "prompt": "Three?", "answer": "third\nline", "tags": ["xy"]},
]


def source(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "filters": [], "shuffleSeed": None, "limit": None, **fields}


def data_of(train: dict[str, Any], **changes: Any) -> spec.Data:
    columns = {
        "image": "image",
        "answer": "answer",
        "prompt": None,
        "references": None,
        "messages": None,
        **changes.pop("columns", {}),
    }
    pictures = {
        "check": "auto",
        "maxPixels": 10_000,
        "roots": [],
        "hosts": [],
        "maxDownloadBytes": 10_000,
        "downloadTimeoutMs": 1_000,
        "cacheBytes": 0,
        **changes.pop("pictures", {}),
    }
    plain = {
        "train": train,
        "validation": {"kind": "none"},
        "test": {"kind": "none"},
        "columns": columns,
        "prompt": "What?",
        "answerSeparator": ", ",
        "maxTokens": None,
        "onBadRow": "fail",
        "augmentation": [],
        "pictures": pictures,
    }
    return msgspec.convert(plain | changes, spec.Data)


def read(data: spec.Data, cache: Path = Path("unused")) -> dict[str, list[Row]]:
    """The splits; a bad row fails the test that did not expect one."""
    problems = Problems("fail")
    splits = read_splits(data, cache, problems)
    problems.judge()
    return splits


def refusal_of(data: spec.Data, cache: Path = Path("unused")) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(data, cache)
    assert caught.value.code == "DATA_INVALID"
    return caught.value


def codes_of(folder: Path, *rows: Any, **changes: Any) -> list[str]:
    problems = Problems("drop")
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "bad.jsonl").write_text("\n".join(lines))
    data = data_of(source("jsonl", path=str(folder / "bad.jsonl")), **changes)
    read_splits(data, folder, problems)
    return [one.row.code for one in problems.found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    Image.new("RGB", (10, 40), "blue").save(tmp_path / "in" / "b.png")
    return tmp_path


def write_jsonl(folder: Path) -> dict[str, Any]:
    path = folder / "rows.jsonl"
    lines = "\r\n\r\n".join(json.dumps(row) for row in ROWS)
    path.write_bytes(b"\xef\xbb\xbf" + lines.encode())
    return source("jsonl", path=str(path))


def write_json(folder: Path) -> dict[str, Any]:
    path = folder / "rows.json"
    path.write_text(json.dumps(ROWS, indent=2))
    return source("json", path=str(path))


def write_csv(folder: Path) -> dict[str, Any]:
    path = folder / "rows.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["answer", "image", "prompt", "tags"])
        writer.writeheader()
        writer.writerows(row | {"tags": " ".join(row["tags"])} for row in ROWS)
    return source("csv", path=str(path))


def write_imagefolder(folder: Path) -> dict[str, Any]:
    lines = []
    for row in ROWS:
        line = {key: value for key, value in row.items() if key != "image"}
        lines.append(json.dumps({"file_name": row["image"], **line}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return source("imagefolder", path=str(folder))


def write_parquet(folder: Path) -> dict[str, Any]:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as pq

    rows = [
        row | {"image": {"bytes": (folder / row["image"]).read_bytes(), "path": None}}
        for row in ROWS
    ]
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return source("parquet", path=str(path))


def write_parquet_of_paths(folder: Path) -> dict[str, Any]:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as pq

    (folder / "shards").mkdir()
    for at, row in enumerate(ROWS):
        row = row | {"image": f"../{row['image']}"}
        pq.write_table(pa.Table.from_pylist([row]), folder / f"shards/{at}.parquet")
    return source("parquet", path=str(folder / "shards"))


def write_dataset(folder: Path) -> dict[str, Any]:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    rows = [row | {"image": str(folder / row["image"])} for row in ROWS]
    dataset = datasets.Dataset.from_list(rows).cast_column("image", datasets.Image())
    datasets.DatasetDict({"part": dataset}).save_to_disk(str(folder / "saved"))
    fields = {"nameOrPath": str(folder / "saved"), "config": None, "revision": None}
    return source("dataset", split="part", **fields)


def write_rows(folder: Path) -> dict[str, Any]:
    return write_jsonl(folder) | {"kind": "rows"}


Writer = Callable[[Path], dict[str, Any]]
WRITERS: list[Writer] = [
    write_jsonl,
    write_json,
    write_csv,
    write_imagefolder,
    write_parquet,
    write_parquet_of_paths,
    write_dataset,
    write_rows,
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda one: one.__name__)
def test_every_source_gives_the_same_rows(folder: Path, write: Writer) -> None:
    data = data_of(
        write(folder),
        columns={"prompt": "prompt"},
        pictures={"roots": [str(folder)]},
    )
    rows = read(data, folder)["train"]
    assert [
        (row.prompt, row.answer, row.references, [one.bytes() for one in row.pictures])
        for row in rows
    ] == [
        (
            row["prompt"],
            row["answer"],
            (row["answer"],),
            [(folder / row["image"]).read_bytes()],
        )
        for row in ROWS
    ]
    assert len({row.place for row in rows}) == 3


@pytest.mark.parametrize("write", WRITERS, ids=lambda one: one.__name__)
def test_every_source_filters_shuffles_and_limits(folder: Path, write: Writer) -> None:
    wanted = {"column": "tags", "includesAny": ["x"], "includesAll": None}
    chosen = write(folder) | {"filters": [wanted]}
    data = data_of(chosen, pictures={"roots": [str(folder)]})
    answers = [row.answer for row in read(data, folder)["train"]]
    # A text contains it, a list has it as an element.
    expected = ["first", "third\nline"] if chosen["kind"] == "csv" else ["first"]
    assert answers == expected
    data = data_of(
        write_jsonl(folder) | {"shuffleSeed": 3, "limit": 2},
        pictures={"roots": [str(folder)]},
    )
    assert [row.answer for row in read(data)["train"]] == [
        ROWS[at]["answer"] for at in shuffled(3, 3)[:2]
    ]


def test_the_airplane_story_chooses_the_rows_that_datasets_chooses(
    tmp_path: Path,
) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    train, test = aircraft.write_aircraft(tmp_path)
    wanted = {
        "column": aircraft.TAG_COLUMN,
        "includesAny": list(aircraft.WANTED),
        "includesAll": None,
    }
    data = data_of(
        source("parquet", path=str(train), filters=[wanted]),
        validation={"kind": "split", "fraction": 0.2, "seed": 42},
        test=source("parquet", path=str(test), filters=[wanted]),
        columns={"answer": aircraft.TAG_COLUMN},
    )
    splits = read(data, tmp_path / "cache")
    assert {split: len(rows) for split, rows in splits.items()} == {
        "train": 108,
        "validation": 28,
        "test": 16,
    }

    def has_type(row: dict[str, Any]) -> bool:
        return any(tag in aircraft.WANTED for tag in row[aircraft.TAG_COLUMN] or [])

    def theirs(path: Path) -> Any:
        loaded = datasets.load_dataset(
            "parquet",
            data_files=str(path),
            split="train",
            cache_dir=str(tmp_path / "other"),
        )
        return loaded.cast_column("image", datasets.Image(decode=False)).filter(
            has_type
        )

    split = theirs(train).train_test_split(test_size=0.2, seed=42)
    expected = {
        "train": split["train"],
        "validation": split["test"],
        "test": theirs(test),
    }
    for name, rows in splits.items():
        assert [(row.answer, row.pictures[0].bytes()) for row in rows] == [
            (", ".join(row[aircraft.TAG_COLUMN]), row["image"]["bytes"])
            for row in expected[name]
        ], name


def test_test_and_validation_split_off_share_nothing(folder: Path) -> None:
    lines = [json.dumps({"image": "a.png", "answer": f"{at}"}) for at in range(50)]
    (folder / "many.jsonl").write_text("\n".join(lines))
    data = data_of(
        source("jsonl", path=str(folder / "many.jsonl"), limit=40),
        validation={"kind": "split", "fraction": 0.25, "seed": 1},
        test={"kind": "split", "fraction": 0.2, "seed": 1},
    )
    answers = {
        split: {row.answer for row in rows} for split, rows in read(data).items()
    }
    assert {split: len(one) for split, one in answers.items()} == {
        "train": 24,
        "validation": 8,
        "test": 8,
    }
    assert set.union(*answers.values()) == {f"{at}" for at in range(40)}


def test_answers_that_are_lists(folder: Path) -> None:
    row = {"image": "a.png", "answer": ["b", " a ", "c"], "also": ["d", "b"]}
    (folder / "x.jsonl").write_text(json.dumps(row))
    train = source("jsonl", path=str(folder / "x.jsonl"))
    (joined,) = read(data_of(train))["train"]
    assert (joined.answer, joined.references) == ("b, a, c", ("b, a, c",))
    (joined,) = read(data_of(train, columns={"references": "also"}))["train"]
    assert joined.references == ("b, a, c", "d", "b")
    (first,) = read(
        data_of(train, answerSeparator=None, columns={"references": "also"})
    )["train"]
    assert (first.answer, first.references) == ("b", ("b", "a", "c", "d"))


def shown(row: Row) -> list[Any]:
    return [
        (one.role, [p if isinstance(p, str) else p.name for p in one.parts])
        for one in row.messages
    ]


USER, ASSISTANT = "user", "assistant"


@pytest.mark.parametrize(
    ("messages", "images", "expected"),
    [
        (
            [
                {"role": "system", "content": "Brief."},
                {
                    "role": USER,
                    "content": [
                        {"type": "text", "text": "See"},
                        {"type": "image", "image": "a.png"},
                        {"type": "image_url", "image_url": {"url": "in/b.png"}},
                    ],
                },
                {"role": ASSISTANT, "content": " Two. "},
                {"role": USER, "content": "Sure?"},
                {"role": ASSISTANT, "content": [{"type": "text", "text": "Yes."}]},
            ],
            None,
            [
                ("system", ["Brief."]),
                (USER, ["See", "a.png", "in/b.png"]),
                (ASSISTANT, ["Two."]),
                (USER, ["Sure?"]),
                (ASSISTANT, ["Yes."]),
            ],
        ),
        (
            [
                {"role": USER, "content": "<image> or <image>?"},
                {"role": ASSISTANT, "content": "The first."},
            ],
            ["a.png", "in/b.png"],
            [(USER, ["a.png", " or ", "in/b.png", "?"]), (ASSISTANT, ["The first."])],
        ),
        (
            [
                {
                    "role": USER,
                    "content": [{"type": "image"}, {"type": "text", "text": "?"}],
                },
                {"role": ASSISTANT, "content": "x"},
            ],
            "a.png",
            [(USER, ["a.png", "?"]), (ASSISTANT, ["x"])],
        ),
        (
            [{"role": USER, "content": "?"}, {"role": ASSISTANT, "content": "x"}],
            ["a.png", "in/b.png"],
            [(USER, ["a.png", "in/b.png", "?"]), (ASSISTANT, ["x"])],
        ),
        (
            [
                {"role": USER, "content": "No <image>?"},
                {"role": ASSISTANT, "content": "x"},
            ],
            None,
            [(USER, ["No <image>?"]), (ASSISTANT, ["x"])],
        ),
    ],
)
def test_conversations(folder: Path, messages, images, expected) -> None:
    row = {"chat": messages} | ({} if images is None else {"image": images})
    (folder / "x.jsonl").write_text(json.dumps(row))
    train = source("jsonl", path=str(folder / "x.jsonl"))
    (made,) = read(data_of(train, columns={"messages": "chat"}))["train"]
    assert shown(made) == expected
    assert made.references == (expected[-1][1][0],)
    # The same within CSV, as JSON.
    with (folder / "x.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["chat"])
        writer.writerow([json.dumps(messages)])
    if images is None:
        train = source("csv", path=str(folder / "x.csv"))
        (made,) = read(data_of(train, columns={"messages": "chat"}))["train"]
        assert shown(made) == expected


def test_pictures_within_the_row(folder: Path) -> None:
    content = (folder / "a.png").read_bytes()
    text = base64.b64encode(content).decode()
    rows = [
        {"image": f"data:image/png;base64,{text}", "answer": "x"},
        {"image": {"bytes": text, "path": None}, "answer": "x"},
        {"image": {"path": "a.png"}, "answer": "x"},
    ]
    (folder / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = read(data_of(source("jsonl", path=str(folder / "x.jsonl"))))["train"]
    assert [row.pictures[0].bytes() for row in made] == [content] * 3


def test_a_picture_shown_twice_is_one_picture(folder: Path) -> None:
    first, _, third = read(data_of(write_jsonl(folder)))["train"]
    assert first.pictures[0] is third.pictures[0]


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"chat": list(messages), **more}


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


GOOD = {
    "image": "a.png",
    "answer": "x",
    "chat": [said(USER, "?"), said(ASSISTANT, "x")],
}
BAD_ROWS: list[tuple[Any, str]] = [
    ("{broken", "ROW_SYNTAX"),
    ("nothing", "ROW_SYNTAX"),
    ('{"image": "a.png", "answer": "x"}, ', "ROW_SYNTAX"),
    ("[1]", "ROW_NOT_OBJECT"),
    ("7", "ROW_NOT_OBJECT"),
    ("null", "ROW_NOT_OBJECT"),
    ('"text"', "ROW_NOT_OBJECT"),
    ({"answer": "x"}, "COLUMN_MISSING"),
    ({"image": "a.png"}, "COLUMN_MISSING"),
    ({"image": "a.png", "anwser": "x"}, "COLUMN_MISSING"),
    ({"image": "a.png", "answer": 7}, "TEXT_TYPE"),
    ({"image": "a.png", "answer": None}, "TEXT_TYPE"),
    ({"image": "a.png", "answer": {"text": "x"}}, "TEXT_TYPE"),
    ({"image": "a.png", "answer": ["x", 7]}, "TEXT_TYPE"),
    ({"image": "a.png", "answer": ""}, "TEXT_EMPTY"),
    ({"image": "a.png", "answer": " \n"}, "TEXT_EMPTY"),
    ({"image": "a.png", "answer": []}, "TEXT_EMPTY"),
    ({"image": "a.png", "answer": ["x", ""]}, "TEXT_EMPTY"),
    ({"image": None, "answer": "x"}, "PICTURE_TYPE"),
    ({"image": 7, "answer": "x"}, "PICTURE_TYPE"),
    ({"image": {}, "answer": "x"}, "PICTURE_TYPE"),
    ({"image": {"bytes": "?"}, "answer": "x"}, "PICTURE_TYPE"),
    ({"image": [["a.png"]], "answer": "x"}, "PICTURE_TYPE"),
    ({"image": [], "answer": "x"}, "PICTURE_COUNT"),
    ({"image": "", "answer": "x"}, "PICTURE_MISSING"),
    ({"image": "../x.png", "answer": "x"}, "PICTURE_OUTSIDE"),
    ({"image": "/etc/passwd", "answer": "x"}, "PICTURE_OUTSIDE"),
    ({"image": "https://a.test/x.png", "answer": "x"}, "PICTURE_HOST"),
    ({"image": "data:image/png;base64,?", "answer": "x"}, "PICTURE_DAMAGED"),
    ({"image": "data:text/plain;base64,AAAA", "answer": "x"}, "PICTURE_DAMAGED"),
]
BAD_CHATS: list[tuple[Any, str]] = [
    ({"image": "a.png"}, "COLUMN_MISSING"),
    ({"chat": "text"}, "MESSAGES_INVALID"),
    ({"chat": []}, "MESSAGES_INVALID"),
    ({"chat": {"role": USER}}, "MESSAGES_INVALID"),
    (chat("hello"), "MESSAGES_INVALID"),
    (chat(said("human", "?"), said(ASSISTANT, "x")), "MESSAGES_INVALID"),
    (chat({"content": "?"}, said(ASSISTANT, "x")), "MESSAGES_INVALID"),
    (chat({"role": USER}, said(ASSISTANT, "x")), "MESSAGES_INVALID"),
    (chat(said(USER, 7), said(ASSISTANT, "x")), "MESSAGES_INVALID"),
    (chat(said(USER, [7]), said(ASSISTANT, "x")), "MESSAGES_INVALID"),
    (chat(said(USER, [{"type": "video"}]), said(ASSISTANT, "x")), "MESSAGES_INVALID"),
    (
        chat(said(USER, "?"), said(ASSISTANT, [{"type": "image", "image": "a.png"}])),
        "MESSAGES_INVALID",
    ),
    (chat(said(USER, "?")), "ANSWER_MISSING"),
    (chat(said(USER, "?"), said(ASSISTANT, "x"), said(USER, "?")), "ANSWER_MISSING"),
    (chat(said(USER, "?"), said(ASSISTANT, " ")), "TEXT_EMPTY"),
    (chat(said(USER, ""), said(ASSISTANT, "x")), "TEXT_EMPTY"),
    (chat(said(USER, [{"type": "image"}]), said(ASSISTANT, "x")), "PICTURE_COUNT"),
    (
        chat(said(USER, "<image>?"), said(ASSISTANT, "x"), image=["a.png", "a.png"]),
        "PICTURE_COUNT",
    ),
    (
        chat(said(USER, "<image><image>?"), said(ASSISTANT, "x"), image="a.png"),
        "PICTURE_COUNT",
    ),
    (chat(said(ASSISTANT, "x"), image="a.png"), "PICTURE_COUNT"),
    (
        chat(
            said(USER, [{"type": "image", "image": "/etc/passwd"}]),
            said(ASSISTANT, "x"),
        ),
        "PICTURE_OUTSIDE",
    ),
]


@pytest.mark.parametrize(("row", "code"), BAD_ROWS)
def test_bad_rows(folder: Path, row: Any, code: str) -> None:
    assert codes_of(folder, GOOD, row, GOOD) == [code]


@pytest.mark.parametrize(("row", "code"), BAD_CHATS)
def test_bad_conversations(folder: Path, row: Any, code: str) -> None:
    assert codes_of(folder, GOOD, row, GOOD, columns={"messages": "chat"}) == [code]


def test_a_line_that_is_no_utf_8(folder: Path) -> None:
    good = json.dumps(GOOD).encode()
    (folder / "x.jsonl").write_bytes(good + b'\n{"answer": "\xff"}\n' + good)
    refusal = refusal_of(data_of(source("jsonl", path=str(folder / "x.jsonl"))))
    assert [(one.path.rpartition(":")[2], one.code) for one in refusal.issues] == [
        ("2", "ROW_SYNTAX")
    ]


def test_every_bad_row_is_named_and_the_good_ones_are_kept(folder: Path) -> None:
    rows = [GOOD, *(row for row, _ in BAD_ROWS), GOOD]
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "bad.jsonl").write_text("\n".join(lines))
    data = data_of(source("jsonl", path=str(folder / "bad.jsonl")))
    refusal = refusal_of(data)
    assert len(refusal.issues) == 20
    assert refusal.message.startswith(f"{len(BAD_ROWS)} rows cannot be used")
    assert refusal.data["bad"] == len(BAD_ROWS)
    assert sum(refusal.data["codes"].values()) == len(BAD_ROWS)
    (missing,) = (one for one in refusal.issues if one.path.endswith(":11"))
    assert missing.path == f"{folder / 'bad.jsonl'}:11"
    assert missing.remedy == 'Did you mean "anwser"?'
    problems = Problems("drop")
    assert len(read_splits(data, folder, problems)["train"]) == 2
    problems.judge()
    problems.write(folder)
    listed = [
        json.loads(line) for line in (folder / "dropped.jsonl").read_text().splitlines()
    ]
    # What stands on no line is found first.
    assert sorted(one["code"] for one in listed) == sorted(c for _, c in BAD_ROWS)
    assert set(listed[0]) == {"split", "place", "code", "reason", "value"}


def test_csv_of_the_wrong_width(folder: Path) -> None:
    text = "image,answer\na.png,x\na.png\na.png,x,y\na.png,z\n"
    (folder / "x.csv").write_text(text)
    refusal = refusal_of(data_of(source("csv", path=str(folder / "x.csv"))))
    assert [(one.path.rpartition(":")[2], one.code) for one in refusal.issues] == [
        ("3", "ROW_SYNTAX"),
        ("4", "ROW_SYNTAX"),
    ]


def test_a_picture_that_no_metadata_names(folder: Path) -> None:
    train = write_imagefolder(folder)
    Image.new("RGB", (3, 3)).save(folder / "in" / "forgotten.JPG")
    (folder / "in" / "notes.txt").write_text("no picture")
    refusal = refusal_of(data_of(train))
    assert [(Path(one.path).name, one.code) for one in refusal.issues] == [
        ("forgotten.JPG", "METADATA_MISSING")
    ]


def test_metadata_in_subfolders_and_as_csv(folder: Path) -> None:
    (folder / "metadata.csv").write_text("file_name,answer\na.png,first\n")
    (folder / "in" / "metadata.jsonl").write_text(
        json.dumps({"file_name": "b.png", "answer": "second"})
    )
    rows = read(data_of(source("imagefolder", path=str(folder))))["train"]
    assert sorted(row.answer for row in rows) == ["first", "second"]


def parquet_of(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pytest.importorskip("datasets", reason="datasets is not installed")
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), folder / "x.parquet")
    return source("parquet", path=str(folder / "x.parquet"))


def test_parquet_with_lists_of_pictures_and_nulls(folder: Path) -> None:
    content = (folder / "a.png").read_bytes()
    cell = {"bytes": content, "path": None}
    train = parquet_of(
        folder,
        [
            {"image": [cell, {"bytes": None, "path": "in/b.png"}], "answer": "two"},
            {"image": [cell], "answer": "one"},
            {"image": None, "answer": "none"},
            {"image": [{"bytes": None, "path": None}], "answer": "nothing"},
            {"image": [], "answer": "empty"},
        ],
    )
    problems = Problems("drop")
    rows = read_splits(data_of(train), folder, problems)["train"]
    assert [[one.bytes() for one in row.pictures] for row in rows] == [
        [content, (folder / "in/b.png").read_bytes()],
        [content],
    ]
    assert [one.row.code for one in problems.found] == [
        "PICTURE_TYPE",
        "PICTURE_TYPE",
        "PICTURE_COUNT",
    ]


def test_parquet_with_plain_bytes_and_messages(folder: Path) -> None:
    content = (folder / "a.png").read_bytes()
    messages = [said(USER, "What?"), said(ASSISTANT, "A square.")]
    train = parquet_of(folder, [{"image": content, "chat": messages}])
    (row,) = read(data_of(train, columns={"messages": "chat"}), folder)["train"]
    assert row.pictures[0].bytes() == content
    assert row.answer == "A square."


SOURCES_OF_NOTHING: list[tuple[str, str | None, str]] = [
    ("jsonl", None, "cannot be read"),
    ("json", None, "cannot be read"),
    ("json", "{broken", "is not JSON"),
    ("json", '{"a": 1}', "does not hold one array of rows"),
    ("csv", None, "cannot be read"),
    ("csv", "", "has no line that names the columns"),
    ("csv", "a,a\n1,2\n", 'names the column "a" twice'),
    ("csv", 'image,answer\n"a.png,x\n', "is not CSV"),
    ("parquet", None, "is no Parquet file"),
    ("parquet", "no parquet", "cannot be read"),
    ("imagefolder", None, "is no folder"),
]


@pytest.mark.parametrize(("kind", "content", "reason"), SOURCES_OF_NOTHING)
def test_sources_that_give_nothing(folder: Path, kind, content, reason) -> None:
    if kind == "parquet":
        pytest.importorskip("datasets", reason="datasets is not installed")
    path = folder / "source"
    if content is not None:
        path.write_text(content)
    refusal = refusal_of(data_of(source(kind, path=str(path))), folder)
    assert refusal.issues[0].path == str(path)
    assert reason in refusal.issues[0].reason


def test_an_image_folder_without_metadata(folder: Path) -> None:
    refusal = refusal_of(data_of(source("imagefolder", path=str(folder))))
    assert refusal.issues[0].reason == "has no metadata.jsonl or metadata.csv"


def test_filters_that_keep_nothing_say_what_there_is(folder: Path) -> None:
    def filtered(column: str, *values: str) -> Refusal:
        wanted = {"column": column, "includesAny": list(values), "includesAll": None}
        return refusal_of(data_of(write_jsonl(folder) | {"filters": [wanted]}))

    (problem,) = filtered("tag", "x").issues
    assert (problem.path, problem.value) == ("data.train.filters[0].column", "tag")
    assert problem.remedy == 'Did you mean "tags"?'
    (problem,) = filtered("answer", "frist").issues
    assert problem.remedy == 'Did you mean "first"?'
    (problem,) = filtered("tags", "boeing").issues
    assert problem.remedy.startswith('The commonest values are "y"')


def test_a_split_that_leaves_nothing(folder: Path) -> None:
    data = data_of(
        write_jsonl(folder) | {"limit": 1},
        validation={"kind": "split", "fraction": 0.5, "seed": 1},
    )
    (problem,) = refusal_of(data).issues
    assert problem.path == "data.validation.fraction"


def test_drawn_airplanes_need_no_file(tmp_path: Path) -> None:
    drawn = source("airplanes", split="test", seed=3, count=4) | {"limit": 2}
    for _ in range(2):
        rows = read(data_of(drawn), tmp_path)["train"]
        assert len(rows) == 2
        assert all("tail" in row.answer for row in rows)
