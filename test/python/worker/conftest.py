"""A tiny model, a few pictures, and runs without a link."""

import copy
import json
import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker import session, spec
from captune_worker.control import Control, Evaluate, Train
from captune_worker.journal import Journal
from captune_worker.pictures import Picture
from captune_worker.report import Report
from captune_worker.rows import Message, Row
from phi3_v import tiny
from PIL import Image

# A model this small gains nothing from threads, and loses where cores are shared.
torch.set_num_threads(1)

SCHEMAS = Path(__file__).parents[3] / "schemas"


def examples(name: str) -> dict[str, Any]:
    """Valid and invalid examples of a schema."""
    return json.loads((SCHEMAS / "examples" / f"{name}.json").read_bytes())


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights, in the hub's layout."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny.write_checkpoint(folder)
    return folder


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven rows of three picture shapes and answers of several lengths."""
    folder = tmp_path_factory.mktemp("rows")
    lines = []
    for index in range(7):
        size = [(90, 60), (60, 90), (80, 80)][index % 3]
        color = (37 * index % 256, 91 * index % 256, 153 * index % 256)
        Image.new("RGB", size, color).save(folder / f"{index}.png")
        answer = f"answer {index}" + " and more" * (index % 4)
        lines.append(json.dumps({"image": f"{index}.png", "answer": answer}))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "rows.jsonl"


def source(kind: str, **fields: Any) -> dict[str, Any]:
    """A resolved source that takes every row."""
    return {"kind": kind, "filters": [], "shuffleSeed": None, "limit": None, **fields}


def question(
    answer: str, *pictures: Picture, prompt: str = "What is it?", place: str = "here"
) -> Row:
    """A row of one question about pictures."""
    said = (Message("user", (*pictures, prompt)), Message("assistant", (answer,)))
    return Row(place=place, messages=said, references=(answer,))


def picture(size: tuple[int, int] = (60, 40), path: str = "x.png") -> Picture:
    """A picture that nobody opens."""
    shown = Picture(path, path)
    shown.size = size
    return shown


@dataclass(frozen=True)
class Conducted:
    """What a run said and left."""

    folder: Path
    events: list[dict[str, Any]]
    outcome: session.Outcome

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]


Conduct = Callable[..., Conducted]


@pytest.fixture
def plain_spec(checkpoint: Path, rows: Path) -> dict[str, Any]:
    """A resolved spec on the tiny model: two steps, nobody scores."""
    plain = copy.deepcopy(examples("resolved-spec")["valid"][0])
    plain["model"].update(nameOrPath=str(checkpoint), imageCrops=1)
    plain["data"]["train"] = source("jsonl", path=str(rows))
    plain["method"]["dropout"] = 0
    plain["training"].update(
        maxSteps=2,
        batchSize=6,
        gradientAccumulationSteps=1,
        warmupRatio=0,
        gradientCheckpointing="auto",
    )
    # Where there is a GPU, too: its sums differ in the last bit from one run to the next.
    plain["compute"].update(device="cpu", loaderWorkers=0)
    plain["evaluation"].update(scoreTimeoutMs=0, maxNewTokens=8)
    return plain


@pytest.fixture
def conduct(tmp_path: Path) -> Conduct:
    """Conducts a resolved spec in this process, with a journal and no link."""

    def run(
        plain: dict[str, Any],
        folder: Path | None = None,
        scored: list[int] | None = None,
        task: Evaluate | None = None,
    ) -> Conducted:
        """``folder`` and ``scored`` resume a run."""
        if folder is None:
            folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
        log = folder / "worker.jsonl"
        before = len(log.read_text().splitlines()) if log.exists() else 0
        journal = Journal(log)
        report = Report("run", 1, journal, lambda: None)
        control = Control(queue.Queue())
        try:
            outcome = session.conduct(
                spec.parse(plain),
                folder,
                tmp_path / "cache",
                report,
                control,
                task or Train(scored=scored),
            )
        finally:
            journal.close()
        lines = log.read_text().splitlines()[before:]
        return Conducted(folder, [json.loads(line) for line in lines], outcome)

    return run
