"""What a real run leaves with every tracker, read back from its files."""

import json
import queue
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captune_worker import events, session, spec
from captune_worker.control import Control, Train
from captune_worker.journal import Journal
from captune_worker.report import Report
from captune_worker.tracking import Tracking
from captune_worker.train import Trainer
from worker.conftest import checkpoint, plain_spec, rows  # noqa: F401

from tracking.readers import READERS, Point

TRACKERS = [
    {"kind": "wandb", "project": "captune", "entity": None, "mode": "offline"},
    {"kind": "mlflow", "experiment": "captune", "trackingUri": None},
    {"kind": "tensorboard", "folder": None},
    {"kind": "trackio", "project": "captune", "folder": None, "space": None},
]


class PowerCut(Exception):
    """Nothing is said or saved any more."""


class Scorer:
    """Scores as TypeScript does, but late where it is told to."""

    def __init__(self, inbox: "queue.Queue[Any]", late: dict[str, str | None]) -> None:
        """``late``: evaluations scored only after another one, or never."""
        self.scores: dict[str, dict[str, Any]] = {}
        self._inbox = inbox
        self._late = late

    def take(self, event: events.Event) -> None:
        if not isinstance(event, events.Evaluation):
            return
        said = {
            "type": "score",
            "evaluationId": event.evaluation_id,
            "split": event.split,
            "step": event.step,
            "model": event.model,
            "images": event.images,
            "values": {"rouge1": event.step + 0.1, "loss": None},
        }
        self.scores[event.evaluation_id] = said
        if event.evaluation_id not in self._late:
            self._inbox.put(said)
        for late, after in self._late.items():
            if after == event.evaluation_id:
                self._inbox.put(self.scores[late])


def attempt(
    plain: dict[str, Any],
    folder: Path,
    late: dict[str, str | None],
    scored: list[int] | None = None,
    again: tuple[dict[str, Any], ...] = (),
) -> tuple[Scorer, list[dict[str, Any]]]:
    """One attempt at a run; ``again`` are scores that TypeScript sends once more."""
    log = folder / "worker.jsonl"
    journal = Journal(log)
    inbox: queue.Queue[Any] = queue.Queue()
    for score in again:
        inbox.put(score)
    report = Report("20261125-101500-k3f9", 1, journal, lambda: None)
    control = Control(inbox)
    scorer = Scorer(inbox, late)
    report.listen(scorer.take)
    tracking = Tracking("20261125-101500-k3f9", folder, report, control)
    parsed = spec.parse(plain)
    try:
        with tracking.of(parsed, plain):
            cache = folder.parent / "cache"
            session.conduct(
                parsed, folder, cache, report, control, Train(scored=scored)
            )
    except PowerCut:
        pass
    finally:
        journal.close()
    assert not tracking.hangs
    return scorer, [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.filterwarnings("ignore")
def test_every_tracker_holds_every_loss_and_every_score_at_its_step_once(
    plain_spec: dict[str, Any],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = plain_spec
    plain["data"]["validation"] = plain["data"]["test"] = plain["data"]["train"]
    plain["training"].update(maxSteps=6, epochs=9, batchSize=3)
    plain["evaluation"].update(
        everySteps=2, maxNewTokens=2, scoreTimeoutMs=5_000, shuffledImages=True
    )
    plain["tracking"] = TRACKERS
    folder = tmp_path / "run"
    folder.mkdir()
    learn = Trainer._learn
    # Nobody decides here.
    monkeypatch.setattr(Control, "decision", lambda *_: None)

    def cut(trainer: Trainer, deal: Any) -> None:
        if trainer.progress.step == 5:
            raise PowerCut
        learn(trainer, deal)

    # MLflow makes its database, which takes a while on a busy machine.
    for limit in ("HURRY_SECONDS", "FINISH_SECONDS"):
        monkeypatch.setattr(f"captune_worker.tracking.tracking.{limit}", 200.0)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_learn", cut)
        late = {
            "validation-000002-tuned-own": "validation-000004-tuned-own",
            "test-000000-base-own": None,
        }
        first, _ = attempt(plain, folder, late)
    second, said = attempt(
        plain, folder, {}, scored=[2, 4], again=tuple(first.scores.values())
    )
    assert [one for one in said if one["type"] == "warning" and "SCORE" in one["code"]]
    assert not [one for one in said if one.get("code") == "TRACKER_FAILED"]
    steps = [one for one in said if one["type"] == "step"]
    assert [one["step"] for one in steps] == [1, 2, 3, 4, 5, 5, 6]
    losses = {("train/loss", one["step"], one["loss"]) for one in steps}
    assert len(losses) == 6, "the fifth step was made twice, to the same loss"
    scores = {
        (f"{axis}/rouge1", step, step + 0.1)
        for axis, step in [
            ("test_base", 0),
            ("validation", 2),
            ("validation", 4),
            ("validation", 6),
            ("test", 6),
            ("validation_shuffled", 6),
            ("test_shuffled", 6),
        ]
    }
    assert len(scores) == len({**first.scores, **second.scores})
    expected = sorted(losses | scores)
    for kind, read in READERS.items():
        points = read(folder / "tracking")
        # TensorBoard keeps float32.
        exact = (lambda x: float(np.float32(x))) if kind == "tensorboard" else float
        assert sorted(chosen(points)) == [
            (name, step, exact(value)) for name, step, value in expected
        ], kind
        names = {name for name, _, _ in points if name.startswith("train/")}
        assert names == {
            "train/loss",
            "train/epoch",
            "train/learning_rate",
            "train/grad_norm",
            "train/examples_per_second",
            "train/tokens_per_second",
            "train/memory_bytes",
        }, kind


def chosen(points: list[Point]) -> list[Point]:
    return [one for one in points if one[0].split("/")[1] in ("loss", "rouge1")]
