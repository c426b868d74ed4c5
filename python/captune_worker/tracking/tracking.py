"""Hears what a run reports and what TypeScript scores, and hands it to every tracker."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import events
from ..control import Control
from ..report import Report
from .lane import Lane
from .record import Record, earlier_steps, of_score, of_step
from .tracker import Run, open_tracker

if TYPE_CHECKING:  # it takes a while, and the SDK waits to hear that we live
    from ..spec import Spec

FINISH_SECONDS = 30.0
"""What trackers may take at the end of a run, to send what they hold."""

HURRY_SECONDS = 10.0
"""The same where the run failed, was canceled, or lost its SDK."""


class Tracking:
    """The trackers of a run. A tracker that fails is told by a warning and dropped."""

    def __init__(self, run_id: str, folder: Path, report: Report, control: Control):
        """``folder`` is the run folder."""
        self._run_id = run_id
        self._folder = folder
        self._report = report
        self._control = control
        self._lanes: list[Lane] = []
        self._dropped: list[Lane] = []
        self._unscored: set[str] = set()
        """Evaluations whose score has not come."""

    @property
    def hangs(self) -> bool:
        """Has a tracker been given up that might still be at work?"""
        return bool(self._dropped)

    @contextmanager
    def of(self, spec: "Spec", settings: dict[str, Any]) -> Iterator[None]:
        """Tracks what is reported inside, and at its end waits for scores and trackers.

        ``settings`` is the same spec as plain data.
        """
        if not spec.tracking:
            yield
            return
        self._open(spec, settings)
        self._report.listen(self._take)
        try:
            yield
        except BaseException:
            self._close(completed=False, seconds=HURRY_SECONDS)
            raise
        self._await_scores(spec.evaluation.score_timeout_ms / 1000)
        self._close(completed=True, seconds=FINISH_SECONDS)

    def _open(self, spec: "Spec", settings: dict[str, Any]) -> None:
        folder = self._folder / "tracking"
        folder.mkdir(exist_ok=True)
        run = Run(
            id=self._run_id,
            name=spec.name or self._run_id,
            settings=settings,
            folder=folder,
        )
        for tracker in spec.tracking:
            kind = tracker.__struct_config__.tag
            ledger = folder / f"{kind}.told"
            opened = partial(open_tracker, kind, tracker, run)
            self._lanes.append(Lane(kind, opened, ledger))

    def _take(self, event: events.Event) -> None:
        self._take_scores()
        match event:
            case events.Step():
                self._tell([of_step(event)])
            case events.Evaluation():
                self._unscored.add(event.evaluation_id)
            case events.Checkpoint(state="loaded"):
                # A tracker may lack what was on its way when the last attempt broke off.
                self._tell(earlier_steps(self._folder / "worker.jsonl", event.step))
        self._drop_failed()

    def _take_scores(self) -> None:
        for score in self._control.scores():
            self._unscored.discard(score["evaluationId"])
            if score["values"]:
                self._tell([of_score(score, time.time() * 1000)])

    def _tell(self, records: list[Record]) -> None:
        for lane in self._lanes:
            lane.put(records)

    def _drop_failed(self) -> None:
        # One after the other: the warning, too, is an event and comes by here.
        while failed := [lane for lane in self._lanes if lane.failure is not None]:
            lane = failed[0]
            self._lanes.remove(lane)
            self._dropped.append(lane)
            self._report.warning(
                code="TRACKER_FAILED",
                message=f"The tracker {lane.kind} {lane.failure}. The run goes on "
                "without it.",
                data={"tracker": lane.kind},
            )

    def _await_scores(self, seconds: float) -> None:
        """The last evaluations are scored after the last step."""
        deadline = time.monotonic() + seconds
        self._take_scores()
        while self._unscored and self._lanes:
            wait = min(0.2, deadline - time.monotonic())
            if wait <= 0 or not self._control.hear(wait):
                break
            self._take_scores()
        if self._unscored and self._lanes:
            self._report.warning(
                code="SCORE_UNTRACKED",
                message=f"The trackers lack the scores of {len(self._unscored)} "
                "evaluations, which did not come before the end.",
                data={"evaluations": sorted(self._unscored)},
            )

    def _close(self, completed: bool, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for lane in self._lanes:
            lane.finish(completed)
        for lane in self._lanes:
            lane.wait(deadline - time.monotonic())
        self._drop_failed()
        self._lanes.clear()
