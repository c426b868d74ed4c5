"""The loop's numbers: equalities that must hold however a step is cut."""

import copy
import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker import phi3_v, session  # noqa: F401
from captune_worker.errors import Refusal
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, get_scheduler

from worker.conftest import Conduct, Conducted, picture, question


def adapter_of(run: Conducted) -> dict[str, torch.Tensor]:
    return load_file(run.folder / "adapter" / "adapter_model.safetensors")


def relative_error(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).norm() / b.norm().clamp(min=1e-12)).item()


def with_training(plain: dict[str, Any], **changes: Any) -> dict[str, Any]:
    changed = copy.deepcopy(plain)
    changed["training"].update(changes)
    return changed


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_step_is_the_same_however_it_is_cut(
    conduct: Conduct, plain_spec: dict[str, Any], method: str
) -> None:
    if method == "full":
        plain_spec["method"] = {"kind": "full"}
    runs = [
        conduct(
            with_training(plain_spec, batchSize=size, gradientAccumulationSteps=steps)
        )
        for size, steps in [(6, 1), (1, 6), (2, 3)]
    ]
    folder = "adapter" if method == "lora" else "model"
    name = "adapter_model" if method == "lora" else "model"
    weights = [load_file(run.folder / folder / f"{name}.safetensors") for run in runs]
    for run, other in zip(runs[1:], weights[1:], strict=True):
        for a, b in zip(run.of("step"), runs[0].of("step"), strict=True):
            assert a["tokens"] == b["tokens"]
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)
            assert a["gradNorm"] == pytest.approx(b["gradNorm"], rel=1e-5)
        for key, tensor in weights[0].items():
            # Softmax does not see this bias: its gradient is rounding, which Adam scales
            # up to a whole step.
            if not key.endswith("k_proj.bias"):
                assert relative_error(other[key], tensor) < 1e-5, key


def test_the_same_spec_gives_the_same_numbers(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain_spec["method"]["dropout"] = 0.2
    one, two = conduct(plain_spec), conduct(plain_spec)
    other = conduct(plain_spec | {"seed": 7})
    losses = [[step["loss"] for step in run.of("step")] for run in (one, two, other)]
    assert losses[0] == losses[1] != losses[2]
    for key, tensor in adapter_of(one).items():
        assert torch.equal(tensor, adapter_of(two)[key])


def test_recomputation_changes_nothing(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain_spec["method"]["dropout"] = 0.2
    plain = conduct(plain_spec)
    recomputed = conduct(with_training(plain_spec, gradientCheckpointing=True))
    for key, tensor in adapter_of(plain).items():
        assert relative_error(adapter_of(recomputed)[key], tensor) < 1e-6, key


def test_the_loss_is_transformers_own(
    conduct: Conduct, plain_spec: dict[str, Any], checkpoint: Path, rows: Path
) -> None:
    from captune_worker.examples import Encoder, collate
    from captune_worker.pictures import read_image
    from transformers import AutoProcessor

    plain = with_training(plain_spec, batchSize=7, maxSteps=1)
    said = conduct(plain).of("step")[0]["loss"]
    processor = AutoProcessor.from_pretrained(checkpoint, num_crops=1)
    encoder = Encoder(processor)
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    pictures = [read_image(rows.parent / line["image"]) for line in lines]
    prompt = plain["data"]["prompt"]
    examples = [
        encoder.encode(question(line["answer"], picture(shown.size), prompt=prompt))
        for line, shown in zip(lines, pictures, strict=True)
    ]
    batch = collate(examples, processor.tokenizer.pad_token_id)
    seen = processor.image_processor(pictures)
    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype="float32")
    with torch.no_grad():
        loss = model(
            input_ids=batch.input_ids,
            labels=batch.labels,
            attention_mask=(
                torch.arange(batch.input_ids.shape[1]) < batch.lengths[:, None]
            ).long(),
            **seen,
        ).loss
    assert said == pytest.approx(loss.item(), rel=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_the_learning_rate_follows_transformers_schedules(
    conduct: Conduct, plain_spec: dict[str, Any], schedule: str
) -> None:
    run = conduct(
        with_training(
            plain_spec, maxSteps=6, epochs=9, schedule=schedule, warmupRatio=0.3
        )
    )
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1e-4)
    name = "constant_with_warmup" if schedule == "constant" else schedule
    reference = get_scheduler(name, optimizer, num_warmup_steps=2, num_training_steps=6)
    for step in run.of("step"):
        assert step["learningRate"] == reference.get_last_lr()[0]
        optimizer.step()
        reference.step()


def test_every_row_is_seen_once_in_an_epoch(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    run = conduct(
        with_training(
            plain_spec,
            maxSteps=None,
            epochs=2,
            batchSize=2,
            gradientAccumulationSteps=2,
        )
    )
    assert [step["examples"] for step in run.of("step")] == [4, 3, 4, 3]
    assert [step["epoch"] for step in run.of("step")] == [0.5, 1, 1.5, 2]
    tokens = [step["tokens"] for step in run.of("step")]
    assert sum(tokens[:2]) == sum(tokens[2:])
    assert tokens[:2] != tokens[2:], "the order is another in every epoch"
    assert run.of("resolved")[0]["totalSteps"] == 4


def test_max_steps_wins_over_epochs(conduct: Conduct, plain_spec) -> None:
    run = conduct(with_training(plain_spec, maxSteps=3, epochs=50))
    assert run.of("resolved")[0]["totalSteps"] == len(run.of("step")) == 3


def test_full_trains_everything_but_what_is_never_used(
    conduct: Conduct, plain_spec: dict[str, Any], checkpoint: Path
) -> None:
    plain_spec["method"] = {"kind": "full"}
    run = conduct(with_training(plain_spec, learningRate=1e-2))
    before = load_file(checkpoint / "model.safetensors")
    after = load_file(run.folder / "model" / "model.safetensors")
    assert set(before) == set(after)
    unchanged = {
        key for key, tensor in before.items() if torch.equal(tensor, after[key])
    }
    vision = "model.vision_embed_tokens.img_processor.vision_model."
    assert unchanged == {
        key
        for key in before
        if key.startswith((f"{vision}encoder.layers.2.", f"{vision}post_layernorm."))
    }


def test_lora_trains_the_adapters_and_nothing_else(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    run = conduct(with_training(plain_spec, maxSteps=3, learningRate=1e-2))
    (model,) = run.of("model")
    (trainable,) = (one for one in run.of("tensors") if one["of"] == "trainable")
    sizes = [math.prod(one["shape"]) for one in trainable["tensors"]]
    assert (
        model["trainable"]
        == sum(sizes)
        == sum(one["trainable"] for one in model["modules"])
    )
    assert {one["target"]: one["count"] for one in model["modules"]} == {
        "qkv_proj": 2,
        "o_proj": 2,
        "gate_up_proj": 2,
        "down_proj": 2,
    }
    assert all("lora_" in one["name"] for one in trainable["tensors"])
    for key, tensor in adapter_of(run).items():
        assert tensor.abs().sum() > 0, f"{key} has not moved"


@pytest.mark.parametrize(
    "change", [{"dora": True}, {"rslora": True}, {"rank": 2}, {"alpha": 1}]
)
def test_every_setting_of_lora_has_effect(
    conduct: Conduct, plain_spec: dict[str, Any], change: dict[str, Any]
) -> None:
    changed = copy.deepcopy(plain_spec)
    changed["method"].update(change)
    plain = with_training(plain_spec, maxSteps=3, learningRate=1e-2)
    other = with_training(changed, maxSteps=3, learningRate=1e-2)
    assert conduct(plain).of("step")[2]["loss"] != conduct(other).of("step")[2]["loss"]


@pytest.mark.parametrize(
    "change",
    [
        {"learningRate": 1e-3},
        {"weightDecay": 0.5},
        {"maxGradNorm": 0.01},
        {"schedule": "linear"},
        {"warmupRatio": 1},
    ],
)
def test_every_setting_of_the_optimizer_has_effect(
    conduct: Conduct, plain_spec: dict[str, Any], change: dict[str, Any]
) -> None:
    plain = with_training(plain_spec, maxSteps=4, learningRate=1e-2)
    other = with_training(plain, **change)
    assert conduct(plain).of("step")[3]["loss"] != conduct(other).of("step")[3]["loss"]


def test_no_model_and_no_gpu_are_refused(
    conduct: Conduct, plain_spec: dict[str, Any], tmp_path: Path
) -> None:
    plain_spec["model"]["nameOrPath"] = str(tmp_path)
    with pytest.raises(Refusal) as caught:
        conduct(plain_spec)
    assert caught.value.issues[0].path == "model.nameOrPath"
    if not torch.cuda.is_available():
        plain_spec["compute"]["device"] = "cuda"
        with pytest.raises(Refusal) as caught:
            conduct(plain_spec)
        assert caught.value.code == "DEVICE_UNAVAILABLE"


def test_a_loss_that_is_not_finite_is_told_and_its_step_skipped(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from captune_worker.model import TrainedModel

    real = TrainedModel.answer_sums
    calls = itertools.count()

    def sometimes_nan(self, batch, inputs):
        sums = real(self, batch, inputs)
        if next(calls) == 2:  # the kernel was looked for in the first call
            sums.loss.mul_(float("nan"))
        return sums

    monkeypatch.setattr(TrainedModel, "answer_sums", sometimes_nan)
    run = conduct(with_training(plain_spec, maxSteps=3))
    assert [(step["loss"] is None, step["finite"]) for step in run.of("step")] == [
        (False, True),
        (True, False),
        (False, True),
    ]
    assert all(tensor.isfinite().all() for tensor in adapter_of(run).values())
