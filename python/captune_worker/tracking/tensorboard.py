"""TensorBoard."""

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from .. import spec
from .record import Record
from .tracker import Run


class TensorboardTracker:
    """Event files in one folder for all attempts; TensorBoard reads them as one run."""

    settle_seconds = 0.0

    def __init__(self, settings: spec.Tensorboard, run: Run) -> None:
        folder = (
            run.folder / "tensorboard"
            if settings.folder is None
            else Path(settings.folder) / run.id
        )
        self._writer = SummaryWriter(str(folder))

    def log(self, records: list[Record]) -> None:
        for record in records:
            for name, value in record.values.items():
                self._writer.add_scalar(name, value, record.step, record.time / 1000)
        self._writer.flush()

    def finish(self, completed: bool) -> None:
        self._writer.close()
