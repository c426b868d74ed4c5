"""What a run computes, counted: the reasons why it is fast, without a clock."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker.evaluate import Evaluator
from captune_worker.phi3_v.modeling import Phi3VModel
from captune_worker.phi3_v.vision import ClipTower
from captune_worker.pixels import preparer
from captune_worker.steplog import StepLog
from captune_worker.train import Trainer
from torch.utils._python_dispatch import TorchDispatchMode

from worker.conftest import Conduct, Conducted

WAITS = {
    "aten._local_scalar_dense",
    "aten.nonzero",
    "aten.masked_select",
    "aten.is_nonzero",
    "aten.equal",
    "aten._unique2",
    "aten.bincount",
}
"""Operators that on a GPU hold up the program until the device has come that far."""


class Counts(Counter):
    """Events by name."""


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counts]:
    """Counts while a run goes on; names say in which part."""
    seen = Counts()
    part = ["load"]

    def counted(owner: Any, name: str, key: str, amount: Any = lambda *_: 1) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            seen[f"{key} {part[0]}"] += amount(*args)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    def during(owner: Any, name: str, label: Any) -> None:
        original = getattr(owner, name)

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            before, part[0] = part[0], label(self)
            try:
                return original(self, *args, **kwargs)
            finally:
                part[0] = before

        monkeypatch.setattr(owner, name, call)

    counted(ClipTower, "forward", "tower")
    counted(torch.nn.Linear, "forward", "head", head_rows)
    counted(preparer, "prepare", "decode")
    during(Trainer, "_learn", lambda one: f"epoch {one.progress.position.epoch}")
    during(Evaluator, "run", lambda _: "evaluation")
    return seen


def head_rows(linear: torch.nn.Linear, x: torch.Tensor) -> int:
    return x.shape[:-1].numel() if linear.out_features == VOCABULARY else 0


VOCABULARY = 0


@pytest.fixture(autouse=True)
def vocabulary(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoConfig

    size = AutoConfig.from_pretrained(checkpoint).vocab_size
    monkeypatch.setattr("worker.test_counters.VOCABULARY", size)


@pytest.fixture
def counted_run(
    conduct: Conduct, plain_spec: dict[str, Any], counts: Counts
) -> Conducted:
    """Three epochs, three evaluations, the same seven pictures in both splits."""
    plain_spec["data"]["validation"] = plain_spec["data"]["train"]
    plain_spec["compute"]["loaderWorkers"] = 0
    plain_spec["training"].update(
        maxSteps=None, epochs=3, batchSize=1, gradientAccumulationSteps=4
    )
    plain_spec["evaluation"] = {
        **{
            key: value
            for key, value in plain_spec["evaluation"].items()
            if key not in ("stemming", "maxNewTokens", "sampling")
        },
        "kind": "teacherForced",
        "metrics": ["loss"],
        "best": {"metric": "loss", "direction": "min"},
        "everySteps": 2,
    }
    return conduct(plain_spec)


def test_each_picture_is_decoded_and_encoded_once(
    counted_run: Conducted, counts: Counts
) -> None:
    assert counts["decode load"] == 7
    assert sum(counts[key] for key in counts if key.startswith("decode")) == 7
    towers = {key: counts[key] for key in counts if key.startswith("tower")}
    assert sum(towers.values()) == 7
    assert counts["tower epoch 1"] == counts["tower epoch 2"] == 0
    assert counts["tower evaluation"] == 0


def test_the_head_sees_the_rows_that_are_learnt_and_no_other(
    counted_run: Conducted, counts: Counts
) -> None:
    learnt = sum(step["tokens"] for step in counted_run.of("step"))
    rows = sum(counts[f"head epoch {epoch}"] for epoch in range(3))
    assert rows == learnt
    evaluated = sum(
        one["tokens"] for run in counted_run.of("evaluation") for one in run["examples"]
    )
    assert counts["head evaluation"] == evaluated


@pytest.mark.parametrize("every", [1, 3, 50])
def test_the_device_is_read_once_in_a_log_interval(
    conduct: Conduct,
    plain_spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    every: int,
) -> None:
    plain_spec["training"].update(maxSteps=6, epochs=9, loggingSteps=every)
    plain_spec["evaluation"]["everySteps"] = 6
    logs: list[StepLog] = []
    original = Trainer.run

    def run(trainer: Trainer, **how: Any) -> None:
        logs.append(trainer.log)
        original(trainer, **how)

    monkeypatch.setattr(Trainer, "run", run)
    conducted = conduct(plain_spec)
    assert [one["step"] for one in conducted.of("step")] == [1, 2, 3, 4, 5, 6]
    # And once in the first step, for the gradients that are missing or not finite.
    assert logs[0].reads == 1 + -(-6 // every)


def test_nothing_else_waits_for_the_device(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Waits(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen[str(func.overloadpacket)] += 1
            return func(*args, **(kwargs or {}))

    def watched(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            with Waits():
                return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    seen = Counter()
    # All that runs on the device; around it the host asks its own tensors, which is free.
    watched(Phi3VModel, "forward")
    watched(torch.Tensor, "backward")
    watched(Trainer, "_step_unless_bad")
    plain_spec["training"].update(maxSteps=4, epochs=9, loggingSteps=4)
    conduct(plain_spec)
    assert seen["aten._fused_adamw_"] == 4
    assert {name: seen[name] for name in WAITS if seen[name]} == {}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
def test_a_step_never_waits_on_a_gpu(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Trainer._learn

    def learn(trainer: Trainer, deal: Any) -> None:
        # The first steps also encode pictures, and look at their gradients.
        if 2 <= trainer.progress.step < 7:
            torch.cuda.set_sync_debug_mode("error")
        try:
            original(trainer, deal)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Trainer, "_learn", learn)
    plain_spec["training"].update(maxSteps=8, epochs=9, loggingSteps=8)
    plain_spec["evaluation"]["everySteps"] = 8
    plain_spec["compute"]["device"] = "cuda"
    assert len(conduct(plain_spec).of("step")) == 8
