import json
import os
import subprocess
import sys
from pathlib import Path

import captune_worker
import pytest
from captune_worker.airplanes import (
    STANDARD_SEED,
    dataset,
    domain_answer,
    draw,
    sample_scene,
    write_split,
)
from PIL import Image

COUNT = 6


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def start(*arguments):
    """The package's command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "captune_worker.airplanes", *map(str, arguments)],
        cwd=Path(captune_worker.__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a complete split."""
    return contents(write_split(tmp_path_factory.mktemp("whole"), "test", count=COUNT))


def test_a_split_is_a_folder_of_pictures_and_rows(tmp_path):
    folder = write_split(tmp_path / "new" / "deep", "validation", count=COUNT)
    assert folder == tmp_path / "new" / "deep" / "validation"
    assert list(folder.parent.iterdir()) == [folder]
    rows = [
        json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()
    ]
    assert [row["image"] for row in rows] == [
        f"{n:04d}.png" for n in range(1, COUNT + 1)
    ]
    assert {path.name for path in folder.iterdir()} == {
        "rows.jsonl",
        *(row["image"] for row in rows),
    }
    for index, row in enumerate(rows):
        scene = sample_scene(STANDARD_SEED, "validation", index, COUNT)
        assert list(row) == ["image", "answer", "caption"]
        assert row["answer"] == domain_answer(scene)
        with Image.open(folder / row["image"]) as picture:
            assert picture.format == "PNG"
            assert picture.mode == "RGB"
            assert picture.tobytes() == draw(scene).tobytes()


def test_the_same_call_writes_the_same_bytes(tmp_path, whole):
    assert contents(write_split(tmp_path, "test", count=COUNT)) == whole


def test_a_complete_split_is_left_alone(tmp_path, monkeypatch):
    before = times(write_split(tmp_path, "test", count=COUNT))
    monkeypatch.setattr(dataset, "draw", lambda scene: pytest.fail("drew again"))
    assert times(write_split(tmp_path, "test", count=COUNT)) == before


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("0002.png", Path.unlink),
        ("0002.png", truncate),
        ("0002.png", flip_a_byte),
        ("0002.png", lambda path: path.write_bytes(b"")),
        ("rows.jsonl", Path.unlink),
        ("rows.jsonl", truncate),
    ],
)
def test_a_half_made_split_is_mended(tmp_path, whole, name, harm):
    folder = write_split(tmp_path, "test", count=COUNT)
    before = times(folder)
    harm(folder / name)
    write_split(tmp_path, "test", count=COUNT)
    assert contents(folder) == whole
    after = times(folder)
    assert {path for path in whole if before[path] != after[path]} <= {
        name,
        "rows.jsonl",
    }
    assert list(tmp_path.iterdir()) == [folder]


def test_mending_puts_rows_last(tmp_path, monkeypatch):
    folder = write_split(tmp_path, "test", count=COUNT)
    for name in ("0001.png", "0005.png", "rows.jsonl"):
        (folder / name).unlink()
    replace = Path.replace

    def failing(path, target):
        if path.name == "0005.png":
            raise OSError("no space left")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="no space left"):
        write_split(tmp_path, "test", count=COUNT)
    assert (folder / "0001.png").exists()
    assert not (folder / "rows.jsonl").exists()


def test_a_short_split_grows(tmp_path, whole):
    write_split(tmp_path, "test", count=COUNT - 2)
    assert contents(write_split(tmp_path, "test", count=COUNT)) == whole


def test_an_empty_folder_is_filled(tmp_path, whole):
    (tmp_path / "test").mkdir()
    assert contents(write_split(tmp_path, "test", count=COUNT)) == whole


def test_other_rows_are_refused_and_kept(tmp_path):
    folder = write_split(tmp_path, "test", seed=1, count=COUNT)
    before = contents(folder)
    for seed, count in ((2, COUNT), (1, COUNT - 1)):
        with pytest.raises(FileExistsError, match="has other rows"):
            write_split(tmp_path, "test", seed=seed, count=count)
    assert contents(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_pictures_of_somebody_else_are_refused_and_kept(tmp_path):
    folder = tmp_path / "test"
    folder.mkdir()
    scene = sample_scene(STANDARD_SEED, "test", 3, COUNT)
    Image.new("RGB", (scene.width, scene.height)).save(folder / "0004.png")
    before = contents(folder)
    with pytest.raises(FileExistsError, match="another picture"):
        write_split(tmp_path, "test", count=COUNT)
    assert contents(folder) == before


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    drawn = []

    def failing(scene):
        drawn.append(scene)
        if len(drawn) == 3:
            raise OSError("no space left")
        return draw(scene)

    monkeypatch.setattr(dataset, "draw", failing)
    with pytest.raises(OSError, match="no space left"):
        write_split(tmp_path, "test", count=COUNT)
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_is_swept(tmp_path):
    old, young = tmp_path / ".airplanes-old", tmp_path / ".airplanes-young"
    old.mkdir()
    young.mkdir()
    os.utime(old, (1, 1))
    folder = write_split(tmp_path, "test", count=1)
    assert set(tmp_path.iterdir()) == {folder, young}


@pytest.mark.parametrize("half_made", [False, True])
def test_several_processes_may_write_one_split(tmp_path, whole, half_made):
    if half_made:
        folder = write_split(tmp_path, "test", count=COUNT)
        (folder / "rows.jsonl").unlink()
        (folder / "0001.png").unlink()
    writers = [start(tmp_path, "--split", "test", "--count", COUNT) for _ in range(4)]
    for writer in writers:
        out, err = writer.communicate(timeout=60)
        assert (writer.returncode, out, err) == (0, f"{tmp_path / 'test'}\n", "")
    assert contents(tmp_path / "test") == whole
    assert list(tmp_path.iterdir()) == [tmp_path / "test"]


def test_the_command_draws_all_splits_and_says_what_is_wrong(tmp_path):
    out, err = (command := start(tmp_path, "--seed", 3, "--count", 2)).communicate(
        timeout=60
    )
    made = [tmp_path / split for split in ("train", "validation", "test")]
    assert (command.returncode, out.split(), err) == (
        0,
        [str(path) for path in made],
        "",
    )
    assert contents(made[0]) == contents(
        write_split(tmp_path / "again", "train", seed=3, count=2)
    )
    _, err = (command := start(tmp_path, "--seed", 4, "--count", 2)).communicate(
        timeout=60
    )
    assert command.returncode == 1
    assert "other rows" in err
    assert "Traceback" not in err


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown split 'dev'"):
        write_split(tmp_path, "dev")
    with pytest.raises(ValueError, match="at least one picture, not 0"):
        write_split(tmp_path, "train", count=0)
    assert list(tmp_path.iterdir()) == []
