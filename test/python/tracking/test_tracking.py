"""Trackers that fail, hang or come late, and runs that are cut off."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zmq
from captune_worker import events, spec
from captune_worker.control import Control
from captune_worker.errors import Abandoned, Canceled
from captune_worker.journal import Journal
from captune_worker.report import Report
from captune_worker.tracking import Tracking
from captune_worker.tracking import lane as lanes
from captune_worker.tracking import tracking as module
from captune_worker.tracking.ledger import Ledger
from captune_worker.tracking.record import Record
from worker.conftest import SCHEMAS, examples

PYTHON = SCHEMAS.parent / "python"

HOUR_MS = 3_600_000
"""Longer than any test may take: whoever waits for it fails."""


class Told:
    """A tracker that keeps what it is told, or does what it is told to."""

    settle_seconds = 0.0

    def __init__(self, **does: Callable[[], None]) -> None:
        self.records: list[tuple[str, int, dict[str, float]]] = []
        self.ends: list[bool] = []
        self.threads: set[int] = set()
        self._does = does

    def open(self) -> "Told":
        self._do("open")
        return self

    def log(self, records: list[Record]) -> None:
        self._do("log")
        self.threads.add(threading.get_ident())
        self.records += [(one.axis, one.step, one.values) for one in records]

    def finish(self, completed: bool) -> None:
        self._do("finish")
        self.ends.append(completed)

    def _do(self, name: str) -> None:
        if name in self._does:
            self._does[name]()

    @property
    def points(self) -> list[tuple[str, int]]:
        return [(axis, step) for axis, step, _ in self.records]


class Stage:
    """A run without training: what it reports is said by the test."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        self.plain = examples("resolved-spec")["valid"][0]
        self.plain["evaluation"]["scoreTimeoutMs"] = 60_000
        self.begin()

    def begin(self) -> None:
        """A new attempt."""
        self.journal = Journal(self.folder / "worker.jsonl")
        self.inbox: queue.Queue[Any] = queue.Queue()
        self.report = Report("run", 1, self.journal, lambda: None)
        self.control = Control(self.inbox)
        self.tracking = Tracking("run", self.folder, self.report, self.control)

    def of(self, **trackers: Told) -> Any:
        """Tracks with these in the places of the real ones."""
        known = {
            "wandb": {"project": "captune", "entity": None, "mode": "offline"},
            "tensorboard": {"folder": None},
        }
        self.plain["tracking"] = [{"kind": one, **known[one]} for one in trackers]
        self._patch.setattr(
            module, "open_tracker", lambda kind, *_: trackers[kind].open()
        )
        return self.tracking.of(spec.parse(self.plain), self.plain)

    def step(self, step: int, loss: float | None = None) -> None:
        self.report.step(
            step=step,
            epoch=step / 10,
            loss=1 / step if loss is None else loss,
            finite=True,
            learning_rate=1e-4,
            grad_norm=None,
            examples=1,
            tokens=5,
            examples_per_second=1.0,
            tokens_per_second=5.0,
            memory_bytes=1,
        )

    def evaluate(self, step: int) -> dict[str, Any]:
        """Reports an evaluation; returns the score that TypeScript would send."""
        head = {"split": "validation", "step": step, "model": "tuned", "images": "own"}
        name = f"validation-{step}"
        snake = {**head, "evaluation_id": name}
        self.report.evaluation(**snake, examples=[], seconds=0.0)
        values = {"rouge1": step / 100, "loss": None}
        return {"type": "score", "evaluationId": name, **head, "values": values}

    def warnings(self) -> list[dict[str, Any]]:
        lines = (self.folder / "worker.jsonl").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["type"] == "warning"]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def fail() -> None:
    raise RuntimeError("no network")


def leave() -> None:
    sys.exit(3)


def test_a_tracker_is_told_in_order_by_a_thread_of_its_own(stage: Stage) -> None:
    told = Told()
    with stage.of(wandb=told):
        stage.step(1)
        stage.inbox.put(stage.evaluate(1))
        stage.control.at_boundary()
        stage.step(2)
    assert told.points == [("train", 1), ("validation", 1), ("train", 2)]
    assert told.records[1][2] == {"validation/rouge1": 0.01}
    assert told.records[0][2]["train/loss"] == 1.0
    assert "train/grad_norm" not in told.records[0][2]
    assert told.ends == [True]
    assert threading.get_ident() not in told.threads
    assert not stage.tracking.hangs
    assert stage.warnings() == []


@pytest.mark.parametrize("when", ["open", "log", "finish"])
@pytest.mark.parametrize("how", [fail, leave])
def test_a_tracker_that_fails_is_dropped_with_one_warning(
    stage: Stage, when: str, how: Callable[[], None]
) -> None:
    good, bad = Told(), Told(**{when: how})
    with stage.of(wandb=bad, tensorboard=good):
        for step in range(1, 9):
            stage.step(step)
            time.sleep(0.01)
    assert good.points == [("train", step) for step in range(1, 9)]
    assert good.ends == [True]
    (warning,) = stage.warnings()
    assert warning["code"] == "TRACKER_FAILED"
    assert warning["data"] == {"tracker": "wandb"}
    reason = "RuntimeError: no network" if how is fail else "SystemExit: 3"
    assert warning["message"] == (
        f"The tracker wandb failed: {reason}. The run goes on without it."
    )


def test_a_missing_library_is_such_a_failure(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.delitem(sys.modules, "captune_worker.tracking.wandb", raising=False)
    stage.plain["tracking"] = [
        {"kind": "wandb", "project": "x", "entity": None, "mode": "offline"}
    ]
    with stage.tracking.of(spec.parse(stage.plain), stage.plain):
        stage.step(1)
    (warning,) = stage.warnings()
    assert warning["code"] == "TRACKER_FAILED"
    assert "wandb" in warning["message"]


@pytest.mark.parametrize("when", ["open", "log", "finish"])
def test_a_tracker_that_hangs_holds_up_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(module, "FINISH_SECONDS", 0.3)
    forever = threading.Event()
    good, bad = Told(), Told(**{when: lambda: bool(forever.wait())})
    with stage.of(wandb=bad, tensorboard=good):
        for step in range(1, 9):
            stage.step(step)
    assert good.ends == [True]
    assert len(good.points) == 8
    (warning,) = stage.warnings()
    assert "did not take everything in time" in warning["message"]
    assert stage.tracking.hangs
    forever.set()


def test_a_tracker_that_falls_behind_is_given_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "QUEUE_PARTS", 3)
    forever = threading.Event()
    bad = Told(open=lambda: bool(forever.wait()))
    with stage.of(wandb=bad):
        for step in range(1, 9):
            stage.step(step)
    (warning,) = stage.warnings()
    assert "has fallen 3 records behind" in warning["message"]
    assert stage.tracking.hangs
    forever.set()


def test_nothing_is_begun_for_a_run_that_is_refused(stage: Stage) -> None:
    told = Told(open=fail)
    with pytest.raises(Canceled), stage.of(wandb=told):
        stage.report.stage(stage="encode", state="started")
        raise Canceled
    assert told.ends == []
    assert stage.warnings() == []


def test_the_last_scores_are_waited_for(stage: Stage) -> None:
    told = Told()
    with stage.of(wandb=told):
        stage.step(1)
        late = stage.evaluate(1)
        threading.Timer(0.3, lambda: stage.inbox.put(late)).start()
    assert told.points == [("train", 1), ("validation", 1)]
    assert stage.warnings() == []


def test_a_late_score_lands_at_its_step(stage: Stage) -> None:
    told = Told()
    with stage.of(wandb=told):
        stage.step(1)
        late = stage.evaluate(1)
        stage.step(2)
        stage.inbox.put(stage.evaluate(2))
        stage.inbox.put(late)
    assert told.points[2:] == [("validation", 2), ("validation", 1)]


def test_a_score_that_never_comes_is_told_of(stage: Stage) -> None:
    stage.plain["evaluation"]["scoreTimeoutMs"] = 250
    with stage.of(wandb=Told()):
        stage.step(1)
        stage.evaluate(1)
    (warning,) = stage.warnings()
    assert warning["code"] == "SCORE_UNTRACKED"
    assert warning["data"] == {"evaluations": ["validation-1"]}


def test_what_could_not_be_scored_is_not_waited_for(stage: Stage) -> None:
    told = Told()
    stage.plain["evaluation"]["scoreTimeoutMs"] = HOUR_MS
    with stage.of(wandb=told):
        stage.step(1)
        stage.inbox.put({**stage.evaluate(1), "values": {}})
    assert told.points == [("train", 1)]
    assert stage.warnings() == []


@pytest.mark.parametrize("how", ["abandoned", "canceled"])
def test_nobody_is_waited_for_where_nobody_is(stage: Stage, how: str) -> None:
    told = Told()
    stage.plain["evaluation"]["scoreTimeoutMs"] = HOUR_MS
    with stage.of(wandb=told):
        stage.step(1)
        stage.evaluate(1)
        if how == "abandoned":
            stage.control.abandon()
        else:
            stage.inbox.put({"type": "cancel"})
    assert told.ends == [True]


def test_a_run_that_ends_badly_ends_its_trackers(stage: Stage) -> None:
    told = Told()
    with pytest.raises(Abandoned), stage.of(wandb=told):
        stage.step(1)
        stage.evaluate(1)
        raise Abandoned
    assert told.points == [("train", 1)]
    assert told.ends == [False]


def test_a_later_attempt_tells_what_is_missing_and_nothing_twice(
    stage: Stage,
) -> None:
    first, broken, second = Told(), Told(log=fail), Told()
    with pytest.raises(Abandoned), stage.of(wandb=first, tensorboard=broken):
        for step in (1, 2, 3):
            stage.step(step)
        raise Abandoned
    stage.journal.close()
    stage.begin()
    other = Told()
    with stage.of(wandb=second, tensorboard=other):
        stage.report.checkpoint(step=2, state="loaded", path="", bytes=0)
        stage.step(3, loss=0.3)
        stage.step(4)
    assert first.points == [("train", 1), ("train", 2), ("train", 3)]
    assert second.points == [("train", 4)]
    assert other.points == [("train", step) for step in (1, 2, 3, 4)]
    assert other.records[2][2]["train/loss"] == 0.3


def record(step: int, axis: str = "train") -> Record:
    return Record(axis=axis, step=step, time=0.0, values={})


def test_a_torn_ledger_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "wandb.told"
    path.write_text("train 1\ntrain 1")
    with closing(Ledger(path, 0)) as ledger:
        fresh = ledger.fresh([record(1), record(12), record(1, "test"), record(12)])
        assert fresh == [record(12), record(1, "test")]
        ledger.add(fresh)
    with closing(Ledger(path, 0)) as ledger:
        assert ledger.fresh([record(12), record(1, "test")]) == []
        assert ledger.fresh([record(2)]) == [record(2)]


def test_what_a_tracker_has_not_for_good_is_told_again(tmp_path: Path) -> None:
    path = tmp_path / "wandb.told"
    with closing(Ledger(path, 60)) as ledger:
        ledger.add([record(1)])
        assert ledger.fresh([record(1)]) == [], "not by this attempt"
        assert 59 < (ledger.settle() or 0) <= 60
    with closing(Ledger(path, 60)) as ledger:
        assert ledger.fresh([record(1)]) == [record(1)]
        ledger.add([record(1)])
        assert ledger.settle(everything=True) is None
    with closing(Ledger(path, 0)) as ledger:
        assert ledger.fresh([record(1)]) == []


def test_a_tracker_with_nothing_to_do_settles(stage: Stage) -> None:
    told = Told()
    told.settle_seconds = 0.1
    with stage.of(wandb=told):
        stage.step(1)
        ledger = stage.folder / "tracking" / "wandb.told"
        deadline = time.monotonic() + 30
        while not (ledger.exists() and ledger.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert ledger.read_text() == "train 1\n"


def test_without_trackers_nobody_listens(stage: Stage) -> None:
    stage.plain["tracking"] = []
    with stage.tracking.of(spec.parse(stage.plain), stage.plain):
        stage.step(1)
    assert not (stage.folder / "tracking").exists()


def test_every_event_reaches_a_listener(stage: Stage) -> None:
    heard: list[events.Event] = []
    stage.report.listen(heard.append)
    stage.step(1)
    stage.report.warning(code="X", message="x")
    assert [type(one) for one in heard] == [events.Step, events.Warning]


HANGING_EXIT = """
import atexit, json, sys, threading
from captune_worker import __main__ as worker
from captune_worker.tracking import Tracking

def run(bootstrap, report, control, tracking):
    # Libraries wait at the exit for what they could not send.
    atexit.register(threading.Event().wait)
    report.end(status="completed", steps=0)
    return int(sys.argv[1]), 0.0

worker.run = run
Tracking.hangs = True
sys.exit(worker.main())
"""


@pytest.mark.parametrize("code", [0, 1])
def test_a_tracker_that_hangs_does_not_hold_up_the_exit(
    tmp_path: Path, code: int
) -> None:
    public, secret = (key.decode() for key in zmq.curve_keypair())
    bootstrap = {
        "protocol": 1,
        "endpoint": "tcp://127.0.0.1:9",
        "serverKey": public,
        "publicKey": public,
        "secretKey": secret,
        "runId": "run",
        "attempt": 1,
        "runFolder": str(tmp_path),
        "cacheFolder": str(tmp_path),
        "graceMs": 0,
        "lease": False,
    }
    ended = subprocess.run(
        [sys.executable, "-c", HANGING_EXIT, str(code)],
        input=json.dumps(bootstrap) + "\n",
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PYTHON)},
    )
    assert ended.returncode == code
    (end,) = (tmp_path / "worker.jsonl").read_text().splitlines()
    assert json.loads(end)["type"] == "end"
