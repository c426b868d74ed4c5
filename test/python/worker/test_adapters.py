"""Targets of adapters: what presets, patterns and lists match."""

from typing import Any

import pytest
import torch
from captune_worker.adapters import resolve_targets, tower_of
from captune_worker.errors import Refusal
from captune_worker.phi3_v import Phi3VConfig, Phi3VForCausalLM
from safetensors.torch import load_file

from worker.conftest import Conduct


@pytest.fixture(scope="module")
def full_size() -> Phi3VForCausalLM:
    with torch.device("meta"):
        return Phi3VForCausalLM(Phi3VConfig())


@pytest.mark.parametrize(
    ("preset", "modules"),
    [
        ("language", {"language": 128}),
        ("language+projector", {"language": 128, "projector": 2}),
        (
            "language+projector+vision",
            {"language": 128, "projector": 2, "vision": 138},
        ),
        ("article", {"language": 64}),
        (["qkv_proj"], {"language": 32}),
        (r".*\.layers\.[01]\.self_attn\.qkv_proj", {"language": 2}),
    ],
)
def test_matches_at_full_size(
    full_size: Phi3VForCausalLM, preset: Any, modules: dict[str, int]
) -> None:
    targets = resolve_targets(full_size, preset)
    found: dict[str, int] = {}
    for name, module in full_size.named_modules():
        if isinstance(module, torch.nn.Linear) and targets.match(name):
            tower = tower_of(name)
            found[tower] = found.get(tower, 0) + 1
    assert found == modules


@pytest.mark.parametrize(
    "targets",
    [
        "language",
        "language+projector",
        "language+projector+vision",
        "article",
        r".*\.o_proj",
        ["mlp.down_proj", "img_projection.0"],
    ],
)
def test_what_is_told_is_what_peft_did_and_all_of_it_learns(
    conduct: Conduct, plain_spec: dict[str, Any], targets: Any
) -> None:
    plain_spec["method"]["targetModules"] = targets
    plain_spec["training"].update(maxSteps=2, learningRate=1e-2)
    run = conduct(plain_spec)
    (model,) = run.of("model")
    (trainable,) = (one for one in run.of("tensors") if one["of"] == "trainable")
    names = {
        one["name"].rpartition(".lora_")[0].removeprefix("base_model.model.")
        for one in trainable["tensors"]
    }
    assert sum(one["count"] for one in model["modules"]) == len(names)
    assert sum(one["trainable"] for one in model["modules"]) == model["trainable"]
    if isinstance(targets, list):
        assert {one["target"] for one in model["modules"]} == set(targets)
    weights = load_file(run.folder / "adapter" / "adapter_model.safetensors")
    for key, tensor in weights.items():
        assert tensor.abs().sum() > 0, f"{key} has not moved"


def test_presets_leave_the_dead_block_alone(full_size: Phi3VForCausalLM) -> None:
    targets = resolve_targets(full_size, "language+projector+vision")
    tower = "model.vision_embed_tokens.img_processor.vision_model.encoder.layers"
    assert targets.match(f"{tower}.22.mlp.fc1") == "fc1"
    assert targets.match(f"{tower}.23.mlp.fc1") is None


@pytest.mark.parametrize(
    ("targets", "path", "value", "remedy"),
    [
        (
            ["qkv_proj", "gate_up_porj"],
            "method.targetModules[1]",
            "gate_up_porj",
            'Did you mean "gate_up_proj"?',
        ),
        (
            ["self_attn.qkv_proj.weight"],
            "method.targetModules[0]",
            "self_attn.qkv_proj.weight",
            'Did you mean "qkv_proj"?',
        ),
        (r".*\.quv_proj", "method.targetModules", r".*\.quv_proj", '"qkv_proj"?'),
        ("(", "method.targetModules", "(", "Known:"),
    ],
)
def test_what_matches_nothing_is_refused_with_the_nearest(
    full_size: Phi3VForCausalLM, targets: Any, path: str, value: str, remedy: str
) -> None:
    with pytest.raises(Refusal) as caught:
        resolve_targets(full_size, targets)
    (problem,) = caught.value.issues
    assert caught.value.code == "MODEL_INVALID"
    assert (problem.path, problem.value) == (path, value)
    assert remedy in problem.remedy


def test_nothing_is_told_where_every_weight_is_trained(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain_spec["method"] = {"kind": "full"}
    assert conduct(plain_spec).of("model")[0]["modules"] == []
