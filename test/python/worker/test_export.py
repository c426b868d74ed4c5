"""Exports: the merged model is the adapter's model, in the base's layout."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker.errors import Refusal
from captune_worker.export.exporter import Request, export
from captune_worker.export.layout import write_model
from captune_worker.export.verify import Row
from peft import PeftModel
from phi3_v import tiny
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from worker.conftest import Conduct

EMBEDDING = "model.embed_tokens.weight"
SECOND_NAME = "model.vision_embed_tokens.wte.weight"
METHODS = {
    "lora": {"targetModules": "language+projector+vision"},
    "dora": {"dora": True, "targetModules": "language+projector+vision"},
    "rslora": {"rslora": True},
    "biases": {"bias": "all", "targetModules": "language+projector"},
    "own biases": {"bias": "lora_only", "targetModules": "language+projector+vision"},
    "modules": {"modulesToSave": ["lm_head", "img_projection", "norm"]},
}


def ask(run: Path, base: Path, folder: Path, /, **changes: Any) -> Request:
    """A request for an export of a run of the tiny model."""
    fields = {
        "form": "merged",
        "weights": str(run / "adapter"),
        "base": str(base),
        "revision": None,
        "image_crops": 1,
        "dtype": "auto",
        "device": "auto",
        "row": None,
        "max_new_tokens": 4,
        "folder": str(folder),
        "cache_folder": str(folder.parent / "cache"),
    }
    return Request(**fields | changes)


def tensors(folder: Path) -> dict[str, dict[str, torch.Size]]:
    """Names and shapes, per file."""
    return {
        path.name: {name: tensor.shape for name, tensor in load_file(path).items()}
        for path in folder.glob("*.safetensors")
    }


def row_inputs(processor: Any, rows: Path) -> dict[str, torch.Tensor]:
    picture = Image.open(rows.with_name("0.png"))
    text = "<|user|>\n<|image_1|>\nWhat is it?<|end|>\n<|assistant|>\nanswer 0"
    return dict(processor(text, images=[[picture]]))


@torch.no_grad()
def logits(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    return model.eval()(**inputs).logits


def train(conduct: Conduct, plain_spec: dict[str, Any], **method: Any) -> Path:
    plain_spec["method"] |= method
    plain_spec["training"].update(maxSteps=3, learningRate=1e-3)
    return conduct(plain_spec).folder


@pytest.mark.parametrize("method", METHODS)
def test_merged_answers_as_the_adapter_behind_plain_peft(
    conduct: Conduct,
    plain_spec: dict[str, Any],
    checkpoint: Path,
    rows: Path,
    tmp_path: Path,
    method: str,
) -> None:
    run = train(conduct, plain_spec, **METHODS[method])
    merged = tmp_path / "merged"
    row = Row(pictures=[str(rows.with_name("0.png"))], prompt="What is it?")
    told = export(ask(run, checkpoint, merged, row=row)).verification

    assert tensors(merged) == tensors(checkpoint)
    inputs = row_inputs(AutoProcessor.from_pretrained(merged), rows)
    base = AutoModelForImageTextToText.from_pretrained(checkpoint)
    before = logits(base, inputs)
    adapter = PeftModel.from_pretrained(base, run / "adapter")
    model = AutoModelForImageTextToText.from_pretrained(merged)
    expected = logits(adapter, inputs)
    assert (expected - before).abs().max() > 0.1
    scale = expected.abs().max()
    assert (logits(model, inputs) - expected).abs().max() <= 1e-5 * scale
    # Computed in float64 nothing is left but the rounding of the merged weights.
    exact = logits(model.double(), inputs) - logits(adapter.double(), inputs)
    assert exact.abs().max() <= 1e-5
    assert (told.dtype, told.is_drawn, told.agreement) == ("float32", False, 1)
    assert told.difference <= told.tolerance <= 1e-5 * max(1, 1.5 * scale)


def test_a_model_trained_whole_takes_type_and_layout_of_its_base(
    conduct: Conduct, plain_spec: dict[str, Any], tmp_path: Path
) -> None:
    base = tmp_path / "base"
    weights = tiny.write_checkpoint(base, torch_dtype="bfloat16")
    (base / "model.safetensors").unlink()
    # As other tools save it: the embedding under its other name, and a leftover.
    held = {name: weight.bfloat16() for name, weight in weights.items()}
    held[SECOND_NAME] = held.pop(EMBEDDING)
    held["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    tiny.write_weights(base, held, shards=3)
    plain_spec["model"]["nameOrPath"] = str(base)
    plain_spec["method"] = {"kind": "full"}
    run = conduct(plain_spec).folder
    trained = load_file(run / "model" / "model.safetensors")
    assert trained[EMBEDDING].dtype == torch.float32

    merged = tmp_path / "merged"
    request = ask(run, base, merged, weights=str(run / "model"))
    told = export(request)
    assert (told.adapter, told.verification.dtype) == (None, "bfloat16")
    assert told.verification.is_drawn
    index = json.loads((merged / "model.safetensors.index.json").read_text())
    files = tensors(merged)
    assert files.keys() == tensors(base).keys()
    assert set(index["weight_map"]) == {key for file in files.values() for key in file}
    assert set(index["weight_map"]) == weights.keys()
    for name, file in index["weight_map"].items():
        written = load_file(merged / file)[name]
        assert torch.equal(written, trained[name].bfloat16()), name


def test_settings_are_the_bases_but_for_what_the_run_decided(
    conduct: Conduct, plain_spec: dict[str, Any], checkpoint: Path, tmp_path: Path
) -> None:
    run = train(conduct, plain_spec)
    merged = tmp_path / "merged"
    export(ask(run, checkpoint, merged, image_crops=7))
    config, before = (
        json.loads((folder / "config.json").read_text())
        for folder in (merged, checkpoint)
    )
    del before["auto_map"], before["_name_or_path"]
    assert config == before
    generation = json.loads((merged / "generation_config.json").read_text())
    assert generation["eos_token_id"] == [
        tiny.IDS["<|end|>"],
        tiny.IDS["<|endoftext|>"],
        2,
    ]
    processor = AutoProcessor.from_pretrained(merged)
    assert processor.image_processor.num_crops == 7
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (merged / name).read_bytes() == (checkpoint / name).read_bytes()


def test_code_stays_on_the_hub(checkpoint: Path, tmp_path: Path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(checkpoint)
    write_model(tmp_path, model, checkpoint, "microsoft/Phi-3-vision", 4)
    config = json.loads((tmp_path / "config.json").read_text())
    place = "microsoft/Phi-3-vision--configuration_phi3_v.Phi3VConfig"
    assert config["auto_map"]["AutoConfig"] == place
    assert not list(tmp_path.glob("*.py"))


def test_an_adapter_for_plain_peft(
    conduct: Conduct,
    plain_spec: dict[str, Any],
    checkpoint: Path,
    rows: Path,
    tmp_path: Path,
) -> None:
    run = train(conduct, plain_spec, dora=True)
    folder = tmp_path / "export"
    told = export(ask(run, checkpoint, folder, form="adapter"))
    names = {"adapter_config.json", "adapter_model.safetensors"}
    assert {one.name for one in folder.iterdir()} == names
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] is None, "it has no place on the hub"
    assert told.adapter.towers == ["language"]
    assert told.adapter.dora and told.verification.effect > 0.1
    inputs = row_inputs(AutoProcessor.from_pretrained(checkpoint), rows)
    first, second = (
        logits(
            PeftModel.from_pretrained(
                AutoModelForImageTextToText.from_pretrained(checkpoint), weights
            ),
            inputs,
        )
        for weights in (folder, run / "adapter")
    )
    assert torch.equal(first, second)


def test_what_does_not_fit_is_refused_and_nothing_is_left(
    conduct: Conduct,
    plain_spec: dict[str, Any],
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = train(conduct, plain_spec)
    short = tmp_path / "short"
    shutil.copytree(run / "adapter", short)
    held = load_file(short / "adapter_model.safetensors")
    missing = min(held)
    del held[missing]
    save_file(held, short / "adapter_model.safetensors")
    folder = tmp_path / "export"
    other = tmp_path / "other"
    tiny.write_checkpoint(other, intermediate_size=48)
    for changes, said in (
        ({"weights": str(short)}, missing),
        ({"weights": str(tmp_path / "none")}, "cannot be loaded"),
        ({"base": str(other)}, "cannot be loaded"),
    ):
        for form in ("merged", "adapter"):
            with pytest.raises(Refusal, match="nothing to export") as caught:
                export(ask(run, checkpoint, folder, form=form, **changes))
            assert caught.value.code == "MODEL_INVALID"
            assert said in caught.value.issues[0].reason
            assert not folder.exists()

    def damage(path: Path, causal: Any, *rest: Any) -> None:
        causal.lm_head.weight.data[5] += 0.01
        write_model(path, causal, *rest)

    monkeypatch.setattr("captune_worker.export.exporter.write_model", damage)
    with pytest.raises(Refusal) as caught:
        export(ask(run, checkpoint, folder))
    assert caught.value.code == "EXPORT_MISMATCH"
    assert not folder.exists()

    def fill(path: Path, *_: Any) -> None:
        (path / "half").touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("captune_worker.export.exporter.write_model", fill)
    with pytest.raises(Refusal) as caught:
        export(ask(run, checkpoint, folder))
    assert caught.value.code == "DISK_FULL"
    assert not folder.exists()
