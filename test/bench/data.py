"""``PYTHONPATH=python python test/bench/data.py RESULTS``: how fast data is opened and prepared.

Two questions. 100,000 rows, as Parquet with the pictures inside and as JSON Lines with
paths: how long until training begins, how much memory does it take? And the pictures of
an epoch, 1024 by 768 pixels, beside torch's own DataLoader with as many workers calling
the same image processor: how long does the first epoch take, and a later one?
"""

import argparse
import io
import json
import os
import platform
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captune_worker.control import Control, Train
from captune_worker.journal import Journal
from captune_worker.phi3_v.image_processing import Phi3VImageProcessor
from captune_worker.pictures import Picture, read_image
from captune_worker.pixels import PixelCache, Pool, Preparer, View
from captune_worker.report import Report
from captune_worker.session import conduct
from captune_worker.spec import parse
from PIL import Image
from torch.utils.data import DataLoader, Dataset

ROWS = 100_000
STEPS = 20
PICTURES = 240
CROPS = 4
BATCH = 6
WORKERS = 2
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples" / "resolved-spec.json"


def write_rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The same rows in both forms; every picture is another one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(1)
    (folder / "images").mkdir()
    parquet = folder / "rows.parquet"
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", cell), ("answer", pa.string())])
    with (
        (folder / "rows.jsonl").open("w") as lines,
        pq.ParquetWriter(parquet, schema) as writer,
    ):
        for first in range(0, ROWS, 1_000):
            rows = []
            for number in range(first, first + 1_000):
                color = tuple(int(one) for one in rng.integers(0, 256, 3))
                image = Image.new("RGB", (96 + number % 64, 64 + number % 48), color)
                file = io.BytesIO()
                image.save(file, "PNG")
                name = f"images/{number:06}.png"
                (folder / name).write_bytes(file.getvalue())
                answer = f"a plane in colour {color}, number {number}"
                lines.write(json.dumps({"image": name, "answer": answer}) + "\n")
                inside = {"bytes": file.getvalue(), "path": None}
                rows.append({"image": inside, "answer": answer})
            writer.write_table(pa.Table.from_pylist(rows, schema))
    selection = {"filters": [], "shuffleSeed": None, "limit": None}
    return {
        "parquet": {"kind": "parquet", "path": str(parquet), **selection},
        "jsonl": {"kind": "jsonl", "path": str(folder / "rows.jsonl"), **selection},
    }


def memory() -> int:
    """Bytes of this process and its children, shared pages counted once."""
    pids = [os.getpid()]
    for task in Path("/proc/self/task").iterdir():
        pids += [int(one) for one in (task / "children").read_text().split()]
    total = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        line = next(one for one in rollup.splitlines() if one.startswith("Pss:"))
        total += int(line.split()[1]) * 1024
    return total


def train(source: dict[str, Any], folder: Path) -> dict[str, float]:
    """Seconds to each stage and the most memory of a short run."""
    plain = json.loads(EXAMPLES.read_bytes())["valid"][0]
    plain["model"].update(nameOrPath="captune/airplanes-tiny", imageCrops=1)
    plain["data"]["train"] = source
    plain["training"].update(maxSteps=STEPS, batchSize=BATCH)
    plain["training"]["gradientAccumulationSteps"] = 1
    plain["evaluation"].update(scoreTimeoutMs=0)
    plain["compute"]["loaderWorkers"] = WORKERS
    folder.mkdir()
    peak, done = [memory()], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peak[0] = max(peak[0], memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.time()
    journal = Journal(folder / "worker.jsonl")
    report = Report("bench", 1, journal, lambda: None)
    control, task = Control(queue.Queue()), Train(scored=None)
    conduct(parse(plain), folder, folder / "cache", report, control, task)
    done.set()
    watcher.join()
    events = [json.loads(one) for one in (folder / "worker.jsonl").open()]

    def seconds(kind: str) -> float:
        event = next(one for one in events if one["type"] == kind)
        return round(event["time"] / 1000 - started, 2)

    return {
        "opened_s": seconds("data"),
        "first_step_s": seconds("step"),
        "peak_mb": round(peak[0] / 1e6),
    }


class Pictures(Dataset):
    """What people write: read the picture, call the processor."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._processor = Phi3VImageProcessor(num_crops=CROPS)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return dict(self._processor(read_image(self._paths[index])))


def write_pictures(folder: Path) -> list[str]:
    rng = np.random.default_rng(2)
    folder.mkdir()
    paths = []
    for number in range(PICTURES):
        coarse = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((1024, 768), Image.Resampling.BICUBIC)
        path = folder / f"{number}.jpg"
        image.save(path, quality=90)
        paths.append(str(path))
    return paths


def loader_epoch(paths: list[str]) -> float:
    loader = DataLoader(
        Pictures(paths), BATCH, shuffle=True, num_workers=WORKERS, collate_fn=list
    )
    started = time.monotonic()
    for batch in loader:
        torch.cat([one["pixel_values"] for one in batch])
    return time.monotonic() - started


def our_epochs(paths: list[str], cache: Path, epochs: int) -> tuple[list[float], int]:
    """Seconds of each epoch, and pictures decoded in all of them."""
    processor = Phi3VImageProcessor(num_crops=CROPS)
    pool = Pool(WORKERS)
    preparer = Preparer(
        processor, PixelCache(cache, processor, 10**11), pool, max_pixels=10**8
    )
    pictures = [Picture(path, path) for path in paths]
    seconds = []
    preparer.measure(pictures)
    for epoch in range(epochs):
        views = [View(picture) for picture in pictures]
        random.Random(epoch).shuffle(views)
        started = time.monotonic()
        for first in range(0, len(views), BATCH):
            preparer.expect(views[first : first + 2 * BATCH + 16])
            preparer.pixels(views[first : first + BATCH])
        seconds.append(time.monotonic() - started)
    pool.close()
    return seconds, preparer.decodes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--train", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        source, place = arguments.train
        print(json.dumps(train(source, Path(place))))
        return
    results: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
    }
    into = arguments.results
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = write_pictures(folder / "pictures")
        rounds = []
        for number in range(3):
            loader = loader_epoch(paths)
            (first, *later), decodes = our_epochs(paths, folder / f"c{number}", 3)
            rounds.append([loader, first, *later])
            assert decodes == PICTURES
        middle = [round(float(one), 2) for one in np.median(rounds, axis=0)]
        names = ("data_loader_s", "first_epoch_s", "second_epoch_s", "third_epoch_s")
        results["epochs"] = {
            "pictures": PICTURES,
            "decodes": PICTURES,
            **dict(zip(names, middle, strict=True)),
        }
        sources = write_rows(folder)
        for kind, source in sources.items():
            # A process of its own: what was measured before shall not count as memory.
            told = json.dumps([source, str(folder / kind)])
            command = [sys.executable, __file__, "--train", told]
            results[kind] = json.loads(subprocess.check_output(command))
    into.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
