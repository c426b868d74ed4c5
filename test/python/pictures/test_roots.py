"""Rows point into their own folder and into those that are named, and nowhere else."""

from pathlib import Path

import pytest
from captune_worker.pictures import PictureProblem, Roots


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in ("data/in/a.png", "data/b.png", "data2/c.png", "else/d.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "data/to-else.png").symlink_to(tmp_path / "else/d.png")
    (tmp_path / "data/folder-to-else").symlink_to(tmp_path / "else")
    (tmp_path / "data/to-own.png").symlink_to("in/a.png")
    return tmp_path


def test_paths_within(folder: Path) -> None:
    roots = Roots(folder / "data")
    assert roots.locate("b.png") == str(folder / "data/b.png")
    assert roots.locate("in/../in/./a.png") == str(folder / "data/in/a.png")
    assert roots.locate(str(folder / "data/b.png")) == str(folder / "data/b.png")
    assert roots.locate("to-own.png") == str(folder / "data/in/a.png")
    assert roots.locate("gone.png") == str(folder / "data/gone.png")


@pytest.mark.parametrize(
    "text",
    [
        "../else/d.png",
        "in/../../else/d.png",
        "to-else.png",
        "folder-to-else/d.png",
        "../data2/c.png",
        "/etc/passwd",
        "..",
        ".",
    ],
)
def test_paths_without(folder: Path, text: str) -> None:
    with pytest.raises(PictureProblem) as caught:
        Roots(folder / "data").locate(text)
    assert caught.value.code == "PICTURE_OUTSIDE"
    assert "data.pictures.roots" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "  ", "a\0.png"])
def test_no_paths(folder: Path, text: str) -> None:
    with pytest.raises(PictureProblem) as caught:
        Roots(folder / "data").locate(text)
    assert caught.value.code == "PICTURE_MISSING"


def test_further_roots(folder: Path) -> None:
    roots = Roots(folder / "data", [folder / "else"])
    for text in ("../else/d.png", "to-else.png", "folder-to-else/d.png"):
        assert roots.locate(text) == str(folder / "else/d.png")
    with pytest.raises(PictureProblem):
        roots.locate("../data2/c.png")


def test_the_root_of_the_file_system(folder: Path) -> None:
    assert Roots(folder, [Path("/")]).locate("/etc/passwd") == "/etc/passwd"
