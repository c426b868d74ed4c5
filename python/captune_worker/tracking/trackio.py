"""Trackio."""

import os

from .. import spec
from .record import Record
from .tracker import Run


class TrackioTracker:
    """A run of trackio that has captune's run id as its name, in the group of its name."""

    settle_seconds = 2.0  # it writes twice a second

    def __init__(self, settings: spec.Trackio, run: Run) -> None:
        folder = settings.folder or os.environ.get("TRACKIO_DIR")
        # Read where the library is imported, and nowhere else.
        os.environ["TRACKIO_DIR"] = folder or str(run.folder / "trackio")
        import trackio

        self._library = trackio
        self._run = trackio.init(
            project=settings.project,
            name=run.id,
            group=run.name,
            space_id=settings.space,
            resume="allow",
            config=run.settings,
            embed=False,
            # Every step tells throughput and memory.
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def log(self, records: list[Record]) -> None:
        for record in records:
            self._run.log(record.values, step=record.step)

    def finish(self, completed: bool) -> None:
        self._library.finish()
