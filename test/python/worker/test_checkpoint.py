"""Checkpoints are whole or not there."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from captune_worker import checkpoint
from captune_worker.control import Decision
from captune_worker.errors import Refusal
from safetensors import safe_open

from worker.conftest import Conduct


def test_a_folder_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "step-000001"

    def fails(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def refusal() -> Refusal:
        with pytest.raises(Refusal) as refused:
            checkpoint.write_folder(target, fails, 4)
        return refused.value

    refused = refusal()
    assert refused.code == "DISK_FULL"
    assert "No space left on device" in refused.issues[0].reason
    assert refused.data["neededBytes"] == 4
    assert refused.data["freeBytes"] > 0
    assert not target.exists()
    size = checkpoint.write_folder(target, lambda one: (one / "a").write_text("abc"))
    manifest = (target / checkpoint.MANIFEST).stat().st_size
    assert size == 3 + manifest
    refusal()
    assert (target / "a").read_text() == "abc"
    checkpoint.write_folder(target, lambda one: (one / "b").write_text("new"))
    assert {one.name for one in target.iterdir()} == {"b", checkpoint.MANIFEST}
    assert [one.name for one in tmp_path.iterdir()] == ["step-000001"]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_best_checkpoint_is_what_is_kept(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch, method: str
) -> None:
    if method == "full":
        plain_spec["method"] = {"kind": "full"}
    plain_spec["data"]["validation"] = plain_spec["data"]["train"]
    plain_spec["data"]["test"] = plain_spec["data"]["train"]
    plain_spec["training"].update(maxSteps=6, learningRate=1e-2)
    plain_spec["evaluation"].update(everySteps=2, maxNewTokens=4)
    monkeypatch.setattr(
        "captune_worker.control.Control.decision",
        lambda self, step, timeout_ms: Decision(best=2, value=None, stop=False),
    )
    run = conduct(plain_spec)
    assert run.outcome.kept_step == 2
    at_two, last, kept = (
        next(
            one["examples"]
            for one in run.of("evaluation")
            if (one["split"], one["step"], one["model"]) == (split, step, "tuned")
        )
        for split, step in [("validation", 2), ("validation", 6), ("test", 2)]
    )
    assert kept == at_two != last
    name = "model" if method == "full" else "adapter_model"
    folder = "model" if method == "full" else "adapter"
    paths = [
        run.folder / "checkpoints" / "step-000002" / f"{name}.safetensors",
        run.folder / folder / f"{name}.safetensors",
    ]
    with safe_open(paths[0], "pt") as one, safe_open(paths[1], "pt") as two:
        assert set(one.keys()) == set(two.keys())
        for key in one.keys():  # noqa: SIM118 - a safetensors file is no mapping
            assert (one.get_tensor(key) == two.get_tensor(key)).all(), key
    state = run.folder / "checkpoints" / "step-000006" / "state.json"
    assert json.loads(state.read_text())["step"] == 6


def test_a_full_model_is_saved_in_hub_layout(
    conduct: Conduct, plain_spec: dict[str, Any], checkpoint: Path
) -> None:
    plain_spec["method"] = {"kind": "full"}
    folder = conduct(plain_spec).folder / "model"
    with (
        safe_open(checkpoint / "model.safetensors", "pt") as before,
        safe_open(folder / "model.safetensors", "pt") as after,
    ):
        assert set(after.keys()) == set(before.keys())
    names = {one.name for one in folder.iterdir()}
    assert {"config.json", "generation_config.json", "tokenizer.json"} <= names
