"""What the outside wants of training code, asked for at its boundaries."""

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import Abandoned, Canceled
from .wire import FrameError


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What TypeScript decided at a checkpoint."""

    best: int | None
    """Step of the best checkpoint so far."""
    value: float | None
    """What the best one is told by, of this checkpoint."""
    stop: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Fine-tune the model."""

    scored: list[int] | None
    """To resume: steps of the checkpoints that have their decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate:
    """Score weights as they are."""

    weights: Path | None
    """Folder of an adapter or of a whole model; None: the base model."""
    step: int
    """Optimizer step that made them, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What begins a run."""

    spec: dict[str, Any]
    """The resolved spec, as plain data."""
    task: Train | Evaluate


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is wanted at a boundary between two steps."""

    stop: bool
    prune: list[int] = field(default_factory=list)
    """Steps of the checkpoints to remove."""
    statistics: list[tuple[str, str]] = field(default_factory=list)
    """(request id, regular expression) of the tensor statistics asked for."""


class Control:
    """Collects messages and signals; training asks when it suits training."""

    def __init__(
        self,
        inbox: "queue.Queue[Any]",
        is_attended: Callable[[], bool] = lambda: True,
    ) -> None:
        """``is_attended`` tells whether somebody is there to answer."""
        self._is_attended = is_attended
        self._inbox = inbox
        # Plain flags: a signal handler sets them, and must take no lock that the main
        # thread, or the handler that it interrupts, may hold. An Event has one.
        self._stop = False
        self._abandoned = False
        self._canceled = False
        self._start: Start | None = None
        self._decisions: dict[int, Decision] = {}
        self._prune: list[int] = []
        self._statistics: list[tuple[str, str]] = []
        self._scores: list[dict[str, Any]] = []
        self.waited_at = time.monotonic()
        """Until when training last waited for the outside: no fault of its own."""

    def request_stop(self) -> None:
        """Ends training after the step in hand (from a signal or a thread)."""
        self._stop = True

    def abandon(self) -> None:
        """The SDK is gone: end after the step in hand and wait for nothing."""
        self._abandoned = True
        self._stop = True

    @property
    def is_abandoned(self) -> bool:
        """Is the SDK gone?"""
        return self._abandoned

    @property
    def stopping(self) -> bool:
        """Has a stop been asked for?"""
        self._drain()
        return self._stop

    def wait_for_start(self, grace_ms: int) -> Start:
        """What to do.

        Raises:
            Abandoned: when the SDK is gone first, or nobody is there for so long.
            Canceled: when the run is.
        """
        attended_at = time.monotonic()
        while self._start is None:
            message = self._next(timeout=0.2)
            if message is not None:
                self._take(message)
            self.check()
            if self._is_attended():
                attended_at = time.monotonic()
            elif time.monotonic() - attended_at > grace_ms / 1000:
                raise Abandoned
        return self._start

    def check(self) -> None:
        """Call between pieces of work that may be given up half done.

        Raises:
            Abandoned: when the SDK is gone.
            Canceled: when the run is.
        """
        self._drain()
        if self._canceled:
            raise Canceled
        if self._abandoned:
            raise Abandoned

    def at_boundary(self) -> Wishes:
        """What is wanted now, between two steps.

        Raises:
            Canceled: when the run is.
        """
        self._drain()
        if self._canceled:
            raise Canceled
        wishes = Wishes(stop=self._stop, prune=self._prune, statistics=self._statistics)
        self._prune, self._statistics = [], []
        return wishes

    def decision(self, step: int, timeout_ms: int) -> Decision | None:
        """What was decided at that checkpoint; None when nobody answered in time.

        Where nobody is there to answer, it is not waited for.

        Raises:
            Abandoned: when the SDK is gone.
            Canceled: when the run is.
        """
        deadline = time.monotonic() + timeout_ms / 1000
        while step not in self._decisions:
            self.check()
            wait = min(0.2, deadline - time.monotonic())
            if wait <= 0 or not self._is_attended():
                return None
            message = self._next(timeout=wait)
            if message is not None:
                self._take(message)
        return self._decisions.pop(step)

    def scores(self) -> list[dict[str, Any]]:
        """The ``score`` messages taken since the last call; trackers ask for them."""
        scores, self._scores = self._scores, []
        return scores

    def hear(self, seconds: float) -> bool:
        """Takes a message if one comes so soon; False when nobody sends any more."""
        if self._canceled or self._abandoned:
            return False
        try:
            message = self._next(timeout=seconds)
        except Exception:  # noqa: BLE001 - the link is gone, and nothing else depends on it
            return False
        if message is not None:
            self._take(message)
        return True

    def _drain(self) -> None:
        while (message := self._next()) is not None:
            self._take(message)

    def _next(self, timeout: float | None = None) -> dict[str, Any] | None:
        try:
            message = self._inbox.get(block=timeout is not None, timeout=timeout)
        except queue.Empty:
            return None
        finally:
            if timeout is not None:
                self.waited_at = time.monotonic()
        if isinstance(message, Exception):
            raise message
        return message

    def _take(self, message: dict[str, Any]) -> None:
        try:
            self._obey(message)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise FrameError(f"not a control message: {reason}") from error

    def _obey(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "start":
                self._start = Start(spec=message["spec"], task=_task(message["task"]))
            case "stop":
                self._stop = True
            case "cancel":
                self._canceled = True
            case "decision":
                self._prune.extend(message["prune"])
                self._decisions[message["step"]] = Decision(
                    best=message["best"],
                    value=message["value"],
                    stop=message["stop"],
                )
            case "score":
                self._scores.append(message)
            case "tensorStatistics":
                self._statistics.append((message["requestId"], message["pattern"]))
            case unknown:
                raise FrameError(f"no control message is called {unknown!r}")


def _task(task: dict[str, Any]) -> Train | Evaluate:
    if task["kind"] == "train":
        resume = task["resume"]
        return Train(scored=None if resume is None else resume["scored"])
    weights = task["weights"]
    return Evaluate(
        weights=None if weights is None else Path(weights), step=task["step"]
    )
