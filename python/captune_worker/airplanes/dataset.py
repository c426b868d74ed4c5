"""A split on disk: a folder of PNG pictures, and rows.jsonl with each picture's answer and generic caption."""

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from PIL import Image

from .chance import rng_for
from .drawing import draw
from .scene import SPLITS, STANDARD_SEED, Scene, sample_scene
from .words import domain_answer, generic_caption

EDITION = 1  # of pictures and texts; to be raised whenever a scene comes to look or read differently
ROWS = "rows.jsonl"
_ASIDE = ".airplanes-"
_STALE = 3600  # seconds; a split is drawn in a few


def write_split(
    folder: Path, split: str, seed: int = STANDARD_SEED, count: int | None = None
) -> Path:
    """Make folder/split complete and return it; one that is complete is left alone.

    Pictures are drawn into a folder aside, which then takes the name. A folder of that name that lacks rows
    or pictures, or holds damaged ones, is mended file by file. One that holds other rows or pictures (of
    another seed, or somebody's own) is refused with FileExistsError and not touched. Several processes may
    write one split at once, since they all write the same bytes.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; there are {', '.join(SPLITS)}")
    count = SPLITS[split] if count is None else count
    if count < 1:
        raise ValueError(f"a split needs at least one picture, not {count}")
    scenes = {
        f"{index + 1:04d}.png": sample_scene(seed, split, index, count)
        for index in range(count)
    }
    rows = "".join(_row(name, scene, seed, split) for name, scene in scenes.items())
    target = Path(folder) / split
    if _is_complete(target, scenes, rows):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    with tempfile.TemporaryDirectory(prefix=_ASIDE, dir=target.parent) as aside:
        fresh = Path(aside) / split
        fresh.mkdir()
        for name, scene in scenes.items():
            draw(scene).save(fresh / name, optimize=True)
        (fresh / ROWS).write_text(rows, encoding="utf-8", newline="\n")
        try:
            fresh.rename(target)
        except OSError:  # the folder is there: incomplete since before, or just made by another process
            if not target.is_dir():
                raise
            _mend(target, fresh, scenes, rows)
    return target


def _sweep(folder: Path) -> None:
    """Remove what killed processes left aside."""
    for aside in folder.glob(f"{_ASIDE}*"):
        with suppress(FileNotFoundError):  # another process sweeps too
            if time.time() - aside.stat().st_mtime > _STALE:
                shutil.rmtree(aside, ignore_errors=True)


def _row(name: str, scene: Scene, seed: int, split: str) -> str:
    caption = generic_caption(
        scene, rng_for("captune airplanes caption", seed, split, name)
    )
    return (
        json.dumps({"image": name, "answer": domain_answer(scene), "caption": caption})
        + "\n"
    )


def _is_complete(target: Path, scenes: Mapping[str, Scene], rows: str) -> bool:
    return _text(target / ROWS) == rows and all(
        _is_intact(target / name, scene) for name, scene in scenes.items()
    )


def _text(path: Path) -> str:
    """The file's text; "" where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _is_intact(path: Path, scene: Scene) -> bool:
    """Whether the file is a whole picture of the scene's size, going by its checksums, not its pixels."""
    try:
        with Image.open(path) as image:
            size = image.size
            image.verify()
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for damaged files
        return False
    return size == (scene.width, scene.height)


def _mend(target: Path, fresh: Path, scenes: Mapping[str, Scene], rows: str) -> None:
    """Move into target what it lacks of fresh; rows last, so that they never name a missing picture."""
    if not rows.startswith(_text(target / ROWS)):
        raise FileExistsError(
            f"{target / ROWS} has other rows than these; remove {target} or choose another folder"
        )
    lacking = []
    for name, scene in scenes.items():
        if not _is_intact(target / name, scene):
            lacking.append(name)
        elif _pixels(target / name) != _pixels(fresh / name):
            raise FileExistsError(
                f"{target / name} is another picture; remove {target} or choose another folder"
            )
    for name in (*lacking, ROWS):
        (fresh / name).replace(target / name)


def _pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()
