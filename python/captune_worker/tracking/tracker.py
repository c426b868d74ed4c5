"""What a tracker is to captune, whatever library it speaks through."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The run as trackers show it."""

    id: str
    name: str
    settings: dict[str, Any]
    """The resolved spec, as plain data."""
    folder: Path
    """Where files go that have no other place; it exists."""


class Tracker(Protocol):
    """One run at one tracker. Every method may raise, and take its time."""

    settle_seconds: float
    """How long after ``log`` a killed process still takes records with it."""

    def log(self, records: list[Record]) -> None:
        """Takes records in the order in which they were made."""

    def finish(self, completed: bool) -> None:
        """Sends what is left and ends; ``completed``: the run ended well."""


def open_tracker(kind: str, settings: Any, run: Run) -> Tracker:
    """Imports the library and begins a run there, or goes on with it.

    ``settings`` is the tracker's part of the spec.

    Raises:
        Exception: whatever the library does.
    """
    match kind:
        case "wandb":
            from .wandb import WandbTracker

            return WandbTracker(settings, run)
        case "mlflow":
            from .mlflow import MlflowTracker

            return MlflowTracker(settings, run)
        case "tensorboard":
            from .tensorboard import TensorboardTracker

            return TensorboardTracker(settings, run)
        case "trackio":
            from .trackio import TrackioTracker

            return TrackioTracker(settings, run)
    raise ValueError(f"{kind} is no tracker")
