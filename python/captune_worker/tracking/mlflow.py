"""MLflow."""

import os
from collections.abc import Iterator
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from .. import spec
from .record import Record
from .tracker import Run

RUN_TAG = "captune.runId"

BATCH_METRICS = 1000
BATCH_PARAMS = 100
PARAM_CHARACTERS = 6000
"""The most that a server takes at once, and as one value."""


class MlflowTracker:
    """A run of MLflow with captune's run id as a tag, by which a later attempt finds it."""

    settle_seconds = 0.0

    def __init__(self, settings: spec.Mlflow, run: Run) -> None:
        uri = settings.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        own = None if uri else f"sqlite:///{run.folder / 'mlflow.db'}"
        self._client = MlflowClient(tracking_uri=uri or own)
        artifacts = (run.folder / "mlflow").as_uri() if own else None
        found = self._client.get_experiment_by_name(settings.experiment)
        experiment = (
            self._client.create_experiment(settings.experiment, artifacts)
            if found is None
            else found.experiment_id
        )
        mine = f"tags.`{RUN_TAG}` = '{run.id}'"
        earlier = self._client.search_runs([experiment], mine, max_results=1)
        self._id = (earlier[0] if earlier else self._begin(experiment, run)).info.run_id
        if earlier:
            self._client.update_run(self._id, status="RUNNING")

    def log(self, records: list[Record]) -> None:
        metrics = [
            Metric(name, value, int(record.time), record.step)
            for record in records
            for name, value in record.values.items()
        ]
        for part in _parts(metrics, BATCH_METRICS):
            self._client.log_batch(self._id, metrics=part)

    def finish(self, completed: bool) -> None:
        status = "FINISHED" if completed else "FAILED"
        self._client.set_terminated(self._id, status)

    def _begin(self, experiment: str, run: Run) -> Any:
        begun = self._client.create_run(
            experiment, run_name=run.name, tags={RUN_TAG: run.id}
        )
        settings = [
            Param(name, value[:PARAM_CHARACTERS])
            for name, value in _flat(run.settings, "")
        ]
        for part in _parts(settings, BATCH_PARAMS):
            self._client.log_batch(begun.info.run_id, params=part)
        return begun


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every setting by its dotted path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    else:
        yield path, str(value)


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
