"""A run that was cut off and goes on gives the very numbers of one that was not."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker import checkpoint, training_state
from captune_worker.checkpoint import Checkpoints
from captune_worker.errors import Refusal
from captune_worker.train import Trainer
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from worker.conftest import Conduct, Conducted


class PowerCut(Exception):
    """Nothing is said or saved any more."""


@pytest.fixture
def long_spec(plain_spec: dict[str, Any]) -> dict[str, Any]:
    """Six steps of two epochs, a checkpoint at every second, and dropout."""
    plain_spec["data"]["validation"] = plain_spec["data"]["train"]
    plain_spec["method"]["dropout"] = 0.2
    plain_spec["training"].update(
        maxSteps=6, epochs=9, batchSize=3, learningRate=1e-2, schedule="cosine"
    )
    plain_spec["evaluation"].update(everySteps=2, maxNewTokens=2)
    return plain_spec


def cut_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    original = Trainer._learn

    def learn(trainer: Trainer, deal: Any) -> None:
        if trainer.progress.step == step:
            raise PowerCut
        original(trainer, deal)

    monkeypatch.setattr(Trainer, "_learn", learn)


def cut_and_resume(
    conduct: Conduct,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    plain: dict[str, Any],
    step: int,
    scored: list[int],
) -> Conducted:
    folder.mkdir()
    with monkeypatch.context() as patch:
        cut_at(patch, step)
        with pytest.raises(PowerCut):
            conduct(plain, folder)
    return conduct(plain, folder, scored)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    names = ("adapter/adapter_model", "model/model")
    (file,) = [
        path for name in names if (path := folder / f"{name}.safetensors").exists()
    ]
    return load_file(file)


OPTIMIZERS = ["adamw", "adafactor", "adagrad", "nadam", "radam", "rmsprop", "sgd"]


@pytest.mark.parametrize(
    "change",
    [
        *({"training": {"optimizer": one}} for one in OPTIMIZERS),
        {"method": {"dora": True}},
        {"method": {"bias": "all", "modulesToSave": ["lm_head"]}},
        {"root": {"method": {"kind": "full"}}},
        {"training": {"schedule": "warmup_stable_decay"}},
        {"model": {"dtype": "float16"}},
        {"data": {"augmentation": [{"kind": "horizontalFlip", "probability": 0.5}]}},
    ],
    ids=lambda one: json.dumps(one),
)
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(
    conduct: Conduct,
    long_spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change: dict[str, Any],
) -> None:
    for section, fields in change.items():
        (long_spec if section == "root" else long_spec[section]).update(fields)
    if change.get("training", {}).get("schedule") == "warmup_stable_decay":
        long_spec["training"]["scheduleArguments"] = {"num_decay_steps": 2}
    whole = conduct(long_spec)
    again = cut_and_resume(
        conduct, monkeypatch, tmp_path / "cut", long_spec, step=5, scored=[2, 4]
    )
    (loaded,) = [one for one in again.of("checkpoint") if one["state"] == "loaded"]
    assert loaded["step"] == 4
    assert [one["step"] for one in again.of("step")] == [5, 6]
    assert [one["step"] for one in again.of("evaluation")] == [6]
    keys = ("loss", "gradNorm", "learningRate", "epoch", "tokens")
    for one, other in zip(again.of("step"), whole.of("step")[4:], strict=True):
        assert [one[key] for key in keys] == [other[key] for key in keys]
    assert (
        again.of("evaluation")[0]["examples"] == whole.of("evaluation")[-1]["examples"]
    )
    one, other = weights_of(whole.folder), weights_of(again.folder)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_checkpoint_without_its_decision_is_evaluated_again(
    conduct: Conduct,
    long_spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run = cut_and_resume(
        conduct, monkeypatch, tmp_path / "cut", long_spec, step=4, scored=[2]
    )
    assert [one["step"] for one in run.of("evaluation")] == [4, 6]


def test_without_a_checkpoint_a_run_begins_anew(
    conduct: Conduct,
    long_spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run = cut_and_resume(
        conduct, monkeypatch, tmp_path / "cut", long_spec, step=1, scored=[]
    )
    assert [one["step"] for one in run.of("step")] == [1, 2, 3, 4, 5, 6]
    assert "NO_CHECKPOINT" in [one["code"] for one in run.of("warning")]
    assert not [one for one in run.of("checkpoint") if one["state"] == "loaded"]


def flip_a_bit(folder: Path) -> None:
    file = folder / "adapter_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


DAMAGES = {
    "flipped bit": (flip_a_bit, "holds another adapter_model.safetensors"),
    "cut short": (
        lambda folder: os.truncate(folder / checkpoint.TENSORS, 100),
        "holds another state.safetensors",
    ),
    "file gone": (lambda folder: (folder / checkpoint.STATE).unlink(), "lacks state"),
    "no manifest": (
        lambda folder: (folder / checkpoint.MANIFEST).unlink(),
        "was never finished",
    ),
    "torn manifest": (
        lambda folder: os.truncate(folder / checkpoint.MANIFEST, 20),
        "has a manifest.json that cannot be read",
    ),
    "other layout": (
        lambda folder: (folder / checkpoint.MANIFEST).write_text(
            '{"version": 9, "files": {}}'
        ),
        "has the layout 9, not 1",
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    conduct: Conduct,
    long_spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
) -> None:
    damage, reason = DAMAGES[kind]
    whole = conduct(long_spec)
    folder = tmp_path / "cut"
    folder.mkdir()
    with monkeypatch.context() as patch:
        cut_at(patch, 5)
        with pytest.raises(PowerCut):
            conduct(long_spec, folder)
    checkpoints = Checkpoints(folder)
    damage(checkpoints.path(4))
    half = checkpoints.path(6).with_name(".step-000006.partial")
    half.mkdir()
    run = conduct(long_spec, folder, [2, 4])
    (warning,) = [
        one for one in run.of("warning") if one["code"] == "CHECKPOINT_DAMAGED"
    ]
    assert reason in warning["data"]["reason"]
    assert [one["step"] for one in run.of("step")] == [3, 4, 5, 6]
    assert not half.exists()
    one, other = weights_of(whole.folder), weights_of(folder)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_other_rows_are_not_gone_on_with(
    conduct: Conduct,
    long_spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    with monkeypatch.context() as patch:
        cut_at(patch, 3)
        with pytest.raises(PowerCut):
            conduct(long_spec, folder)
    long_spec["data"]["train"]["limit"] = 6
    with pytest.raises(Refusal) as refused:
        conduct(long_spec, folder, [2])
    assert refused.value.code == "DATA_CHANGED"


def test_what_was_resolved_stays_so(
    conduct: Conduct,
    long_spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    with monkeypatch.context() as patch:
        cut_at(patch, 3)
        patch.setattr("captune_worker.resolution._room", lambda *_: 0.0)
        with pytest.raises(PowerCut):
            first = conduct(long_spec, folder)
    run = conduct(long_spec, folder, [2])
    lines = (folder / "worker.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    first, second = [one for one in events if one["type"] == "resolved"]
    assert first["microBatchSize"] == second["microBatchSize"] == 1
    assert first["gradientCheckpointing"] and second["gradientCheckpointing"]
    assert run.of("step")


def test_a_checkpoint_is_safetensors_and_json_only(
    conduct: Conduct, long_spec: dict[str, Any]
) -> None:
    run = conduct(long_spec)
    path = Checkpoints(run.folder).path(6)
    assert checkpoint.damage(path) is None
    files = {one.name for one in path.rglob("*")}
    assert files == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "manifest.json",
        "state.json",
        "state.safetensors",
    }

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    for name in ("state.json", "manifest.json"):
        json.loads((path / name).read_text(), parse_constant=refuse)


def test_every_generator_goes_on_where_it_was() -> None:
    import random

    import numpy as np

    def draw() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), torch.rand(()).item()

    np.random.randn()  # leaves half a pair behind, which is a part of the state
    plain, tensors = training_state.random_state()
    plain = json.loads(json.dumps(plain))
    drawn = [draw(), draw()]
    training_state.load_random(plain, tensors)
    assert [draw(), draw()] == drawn


@pytest.mark.parametrize(
    "method",
    [
        {},
        {"dora": True},
        {"rslora": True},
        {"bias": "all", "targetModules": "language+projector+vision"},
        {"modulesToSave": ["lm_head"]},
    ],
    ids=lambda one: json.dumps(one),
)
def test_plain_peft_loads_the_adapter_and_gives_the_same_logits(
    conduct: Conduct,
    plain_spec: dict[str, Any],
    checkpoint: Path,
    rows: Path,
    method: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain_spec["method"].update(method)
    plain_spec["training"].update(learningRate=1e-2)
    trained: list[Any] = []
    original = Trainer.run

    def run(trainer: Trainer, **how: Any) -> None:
        trained.append(trainer._model)
        original(trainer, **how)

    monkeypatch.setattr(Trainer, "run", run)
    folder = conduct(plain_spec).folder
    processor = AutoProcessor.from_pretrained(checkpoint, num_crops=1)
    from captune_worker.pictures import read_image

    shown = read_image(rows.parent / "0.png")
    prompt = "<|user|>\n<|image_1|>\nWhat is it?<|end|>\n<|assistant|>\n"
    inputs = processor(text=prompt, images=[shown], return_tensors="pt")
    base = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype="float32")
    plain = PeftModel.from_pretrained(base, folder / "adapter").eval()
    with torch.no_grad():
        ours = trained[0].causal.eval()(**inputs).logits
        theirs = plain(**inputs).logits
        untrained = AutoModelForImageTextToText.from_pretrained(
            checkpoint, dtype="float32"
        )(**inputs).logits
    assert (ours - theirs).abs().max() < 1e-5
    assert (ours - untrained).abs().max() > 1e-2
