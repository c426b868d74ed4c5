"""Pictures are prepared once each, beside the loop, exactly as the processor does it."""

import gc
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from captune_worker.phi3_v.image_processing import Phi3VImageProcessor
from captune_worker.pictures import HorizontalFlip, Picture, read_image
from captune_worker.pixels import BadPicture, PixelCache, Pool, Preparer, View
from PIL import Image

COUNT = 9


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Noise of several shapes; the last is the first again under another name."""
    rng = np.random.default_rng(5)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for at in range(COUNT):
        size = [(60, 90, 3), (90, 60, 3), (70, 70, 3)][at % 3]
        noise = rng.integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{at}.png")
    (folder / "again.png").write_bytes((folder / "0.png").read_bytes())
    return sorted(folder.iterdir())


@pytest.fixture(params=[0, 2], ids=["here", "two processes"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    pool = Pool(request.param)
    yield pool
    pool.close()
    gc.collect()


def preparer_of(
    pool: Pool, folder: Path, cache_bytes: int = 10**9, num_crops: int = 4, **more
) -> Preparer:
    processor = Phi3VImageProcessor(num_crops=num_crops)
    cache = PixelCache(folder / "cache", processor, cache_bytes)
    return Preparer(processor, cache, pool, max_pixels=10**6, **more)


def measured(preparer: Preparer, paths: list[Path]) -> list[View]:
    pictures = [Picture(str(path), path.name) for path in paths]
    assert preparer.measure(pictures) == []
    return [View(picture) for picture in pictures]


def bytes_of(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


@pytest.mark.parametrize("cache_bytes", [10**9, 0], ids=["cached", "no cache"])
@pytest.mark.parametrize("num_crops", [1, 4, 16])
def test_pixels_are_the_processors_to_the_bit(
    pool: Pool, tmp_path: Path, paths: list[Path], cache_bytes: int, num_crops: int
) -> None:
    preparer = preparer_of(pool, tmp_path, cache_bytes, num_crops)
    views = measured(preparer, paths)
    expected = Phi3VImageProcessor(num_crops=num_crops)([read_image(p) for p in paths])
    for _ in range(2):
        preparer.expect(views)
        seen = preparer.pixels(views)
        assert torch.equal(seen["pixel_values"], expected["pixel_values"])
        assert torch.equal(seen["image_sizes"], expected["image_sizes"])


def test_each_is_decoded_once_in_all_epochs_and_runs(
    pool: Pool, tmp_path: Path, paths: list[Path]
) -> None:
    first = preparer_of(pool, tmp_path)
    views = measured(first, paths[:COUNT])
    for _ in range(3):
        for view in views:
            first.expect(views)
            first.tiles(view)
    assert first.decodes == COUNT
    second = preparer_of(pool, tmp_path)
    for view in measured(second, paths):
        second.tiles(view)
    assert second.decodes == 0, "a picture under another name is the same picture"


def test_checking_is_preparing(pool: Pool, tmp_path: Path, paths: list[Path]) -> None:
    paths[3].write_bytes(paths[3].read_bytes()[:100])
    preparer = preparer_of(pool, tmp_path)
    views = measured(preparer, paths[:COUNT])
    told: list[int] = []
    bad = preparer.check([view.picture for view in views], told.append)
    assert [(one.name, str(problem.code)) for one, problem in bad] == [
        (paths[3].name, "PICTURE_DAMAGED")
    ]
    assert told == list(range(1, COUNT + 1))
    assert preparer.decodes == COUNT - 1
    for view in views[:3] + views[4:]:
        assert preparer.problem(view) is None
        preparer.tiles(view)
    assert preparer.decodes == COUNT - 1
    with pytest.raises(BadPicture, match="cannot be read"):
        preparer.tiles(views[3])


def test_headers_say_what_is_wrong(pool: Pool, tmp_path: Path, paths) -> None:
    paths[1].write_text("no picture")
    paths[2].unlink()
    preparer = preparer_of(pool, tmp_path)
    pictures = [Picture(str(path), path.name) for path in paths]
    bad = preparer.measure(pictures)
    assert [(one.name, str(problem.code)) for one, problem in bad] == [
        (paths[1].name, "PICTURE_FORMAT"),
        (paths[2].name, "PICTURE_MISSING"),
    ]
    with Image.open(paths[0]) as image:
        assert pictures[0].size == image.size
    assert pictures[0].byte_length == paths[0].stat().st_size


def test_the_cache_may_be_emptied_at_any_time(pool: Pool, tmp_path, paths) -> None:
    preparer = preparer_of(pool, tmp_path)
    views = measured(preparer, paths[:3])
    before = [preparer.tiles(view) for view in views]
    entries = sorted((tmp_path / "cache").rglob("*.safetensors"))
    assert len(entries) == 3
    entries[0].unlink()
    entries[1].write_bytes(b"damaged")
    after = [preparer.tiles(view) for view in views]
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one, other)
    assert preparer.decodes == 5


def test_the_cache_stays_within_its_bytes_and_keeps_what_is_in_use(
    pool: Pool, tmp_path: Path, paths: list[Path]
) -> None:
    unbounded = preparer_of(pool, tmp_path, num_crops=1)
    (view, *_) = measured(unbounded, paths[:1])
    unbounded.tiles(view)
    size = bytes_of(tmp_path / "cache")
    limit = 4 * size
    for path in (tmp_path / "cache").rglob("*.safetensors"):
        os.utime(path, (1, 1))
    preparer = preparer_of(pool, tmp_path, limit, num_crops=1)
    views = measured(preparer, paths[1:COUNT])
    for _ in range(2):
        for view in views:
            preparer.tiles(view)
    assert size < bytes_of(tmp_path / "cache") <= limit
    names = [one.name for one in (tmp_path / "cache").rglob("*.safetensors")]
    oldest = Picture(str(paths[0]), paths[0].name).digest()
    assert not any(oldest in name for name in names), "the oldest goes first"
    kept = sum(any(view.picture.key in name for name in names) for view in views)
    # Those that found room are read from there, the others each time anew.
    assert preparer.decodes == len(views) + (len(views) - kept)


def test_what_chance_changes_is_not_kept(pool: Pool, tmp_path, paths) -> None:
    preparer = preparer_of(pool, tmp_path, augmentation=[HorizontalFlip(probability=1)])
    (plain,) = measured(preparer, paths[:1])
    flipped = View(plain.picture, "seed")
    seen = preparer.entry(flipped).canvas
    assert torch.equal(seen, preparer.entry(plain).canvas.flip(-1))
    preparer.entry(flipped)
    assert preparer.decodes == 3
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 1


def test_the_number_in_the_making_is_bounded(tmp_path: Path, paths) -> None:
    pool = Pool(1)
    try:
        preparer = preparer_of(pool, tmp_path)
        views = measured(preparer, paths)
        preparer.expect(views)
        assert len(preparer._pending) == preparer.most_pending == 4
    finally:
        pool.close()


def test_a_picture_that_kills_its_process_is_a_bad_picture(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from captune_worker.pixels import work

    deadly = paths[2].read_bytes()
    read = work.read_image

    def read_or_die(content: bytes, max_pixels: int) -> Image.Image:
        if content == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(content, max_pixels)

    monkeypatch.setattr(work, "read_image", read_or_die)
    pool = Pool(2)
    try:
        preparer = preparer_of(pool, tmp_path)
        views = measured(preparer, paths[:COUNT])
        bad = preparer.check([view.picture for view in views], lambda _: None)
        assert [(one.name, problem.reason) for one, problem in bad] == [
            (paths[2].name, "crashes its decoder")
        ]
    finally:
        pool.close()


def test_processes_end_with_the_one_that_made_them(tmp_path: Path) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        pool = Pool(1)
        os.write(write, str(pool._executor.submit(os.getpid).result()).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    worker = int(os.read(read, 20))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{worker}/stat").read_text().split()[2]
        except (FileNotFoundError, ProcessLookupError):  # gone, or while it is read
            return
        if state == "Z":
            return
        time.sleep(0.02)
    raise AssertionError("the process lives on")
