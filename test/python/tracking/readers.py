"""What each tracker holds of a run, as (name, step, value), read from its files.

``python -m tracking.readers FOLDER KIND...`` prints it as JSON, by kind; the folder is
the one named ``tracking`` in a run folder.
"""

import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

Point = tuple[str, int, float]


def read_tensorboard(folder: Path) -> list[Point]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), {"scalars": 0})
    events.Reload()
    return [
        (name, point.step, point.value)
        for name in events.Tags()["scalars"]
        for point in events.Scalars(name)
    ]


def read_mlflow(folder: Path) -> list[Point]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiments = [one.experiment_id for one in client.search_experiments()]
    (run,) = client.search_runs(experiments)
    assert run.info.status == "FINISHED"
    return [
        (name, point.step, point.value)
        for name in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, name)
    ]


def read_trackio(folder: Path) -> list[Point]:
    import sqlite3

    (database,) = (folder / "trackio").glob("*.db")
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT run_name, step, metrics FROM metrics")
        lines = rows.fetchall()
    assert len({run for run, _, _ in lines}) == 1
    return [
        (name, step, value)
        for _, step, metrics in lines
        for name, value in json.loads(metrics).items()
    ]


def read_wandb(folder: Path) -> list[Point]:
    from wandb.proto import wandb_internal_pb2 as protocol

    points: list[Point] = []
    steps_of: dict[str, str] = {}
    runs = set()
    for file in sorted((folder / "wandb").glob("offline-run-*/*.wandb")):
        runs.add(file.name)
        for part in log_records(file):
            record = protocol.Record.FromString(part)
            if record.HasField("metric") and record.metric.glob_name:
                steps_of[record.metric.glob_name] = record.metric.step_metric
            if record.HasField("history"):
                row = {
                    item.key or "/".join(item.nested_key): json.loads(item.value_json)
                    for item in record.history.item
                }
                points += points_of(row, steps_of)
    assert len(runs) == 1
    return points


def points_of(row: dict[str, float], steps_of: dict[str, str]) -> Iterator[Point]:
    """The numbers of a row of history, each at the step that its chart goes by."""
    for name, value in row.items():
        axis = steps_of.get(f"{name.split('/')[0]}/*")
        if axis is not None and name != axis:
            yield name, row[axis], value


def log_records(file: Path) -> Iterator[bytes]:
    """The records of a wandb log: LevelDB's format behind a header of its own."""
    block, header = 32 * 1024, 7
    data = file.read_bytes()
    assert data[:4] == b":W&B"
    at, record = header, b""
    while at + header <= len(data):
        if block - at % block < header:
            at += block - at % block
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        record += data[at + header : at + header + length]
        at += header + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


READERS: dict[str, Callable[[Path], list[Point]]] = {
    "wandb": read_wandb,
    "mlflow": read_mlflow,
    "tensorboard": read_tensorboard,
    "trackio": read_trackio,
}

if __name__ == "__main__":
    _, folder, *kinds = sys.argv
    print(json.dumps({kind: READERS[kind](Path(folder)) for kind in kinds}))
