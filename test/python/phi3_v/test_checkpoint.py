"""Loading the hub's folder without its code, and writing the same keys back."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker.phi3_v import (
    Phi3VConfig,
    Phi3VForCausalLM,
    Phi3VImageProcessor,
    Phi3VProcessor,
)
from captune_worker.phi3_v.registration import register
from safetensors import safe_open
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedConfig,
)
from transformers.models.auto.image_processing_auto import AutoImageProcessor
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

from .tiny import IDS, config_dict, tiny_model, write_checkpoint, write_weights

EMBEDDING = "model.embed_tokens.weight"
SECOND_NAME = "model.vision_embed_tokens.wte.weight"


def keys_of(folder: Path) -> set[str]:
    keys: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            keys.update(weights.keys())
    return keys


def load(folder: Path, **options: Any) -> tuple[Phi3VForCausalLM, dict[str, Any]]:
    return AutoModelForImageTextToText.from_pretrained(
        folder, output_loading_info=True, **options
    )


def nothing_amiss(info: dict[str, Any]) -> bool:
    return not any(
        info[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys")
    )


def test_full_size_model_has_the_released_parameters() -> None:
    with torch.device("meta"):
        model = Phi3VForCausalLM(Phi3VConfig())
    assert len(model.state_dict()) == 592
    assert sum(p.numel() for p in model.parameters()) == 4_146_621_440
    assert not any("rotary" in name for name, _ in model.named_buffers())


def test_keys_are_the_hubs(hub: Path) -> None:
    index = json.loads((hub / "model.safetensors.index.json").read_text("utf-8"))
    config = AutoConfig.from_pretrained(hub)
    with torch.device("meta"):
        model = Phi3VForCausalLM(config).to(torch.bfloat16)
    assert model.state_dict().keys() == index["weight_map"].keys()
    size = sum(p.nbytes for p in model.parameters())
    assert size == index["metadata"]["total_size"]


def test_config_of_the_hub(hub: Path, tmp_path: Path) -> None:
    written = json.loads((hub / "config.json").read_text("utf-8"))
    config = AutoConfig.from_pretrained(hub)
    assert type(config) is Phi3VConfig
    assert config.rope_parameters["rope_type"] == "longrope"
    assert config.dtype == torch.bfloat16
    assert config.sliding_window is None
    assert (config.image_token_id, config.end_token_id) == (32044, 32007)
    config.save_pretrained(tmp_path)
    again = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert again["rope_scaling"] == written["rope_scaling"]
    assert again["rope_theta"] == written["rope_theta"]
    assert "auto_map" not in again and "_attn_implementation" not in again
    assert AutoConfig.from_pretrained(tmp_path).to_diff_dict() == config.to_diff_dict()


@pytest.mark.parametrize("shards", [1, 3])
def test_hub_layout_loads_and_saves_the_same_keys(tmp_path: Path, shards: int) -> None:
    weights = write_checkpoint(tmp_path / "hub", shards=shards)
    assert any(".img_processor.vision_model.encoder." in name for name in weights)
    model, info = load(tmp_path / "hub")
    assert nothing_amiss(info), info
    assert type(model) is Phi3VForCausalLM
    assert model.config._attn_implementation == "sdpa"
    assert model.config.vision_config._attn_implementation == "sdpa"
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=0, atol=0)

    size = "1GB" if shards == 1 else "100KB"
    model.save_pretrained(tmp_path / "saved", max_shard_size=size)
    assert len(list((tmp_path / "saved").glob("*.safetensors"))) >= shards
    assert keys_of(tmp_path / "saved") == weights.keys()
    again, info = load(tmp_path / "saved")
    assert nothing_amiss(info), info
    for name, weight in again.state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=0, atol=0)


def test_a_model_made_here_saves_the_hubs_keys(tmp_path: Path) -> None:
    model = tiny_model()
    model.save_pretrained(tmp_path)
    assert keys_of(tmp_path) == set(model.state_dict())
    _, info = load(tmp_path)
    assert nothing_amiss(info), info


@pytest.mark.parametrize("shards", [1, 2])
def test_second_name_of_the_embedding(tmp_path: Path, shards: int) -> None:
    weights = write_checkpoint(tmp_path / "hub")
    (tmp_path / "hub" / "model.safetensors").unlink()
    both = weights | {
        SECOND_NAME: torch.zeros_like(weights[EMBEDDING]),
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8),
    }
    write_weights(tmp_path / "hub", both, shards)
    model, info = load(tmp_path / "hub")
    assert nothing_amiss(info), info
    assert torch.equal(model.state_dict()[EMBEDDING], weights[EMBEDDING])
    model.save_pretrained(tmp_path / "saved")
    assert keys_of(tmp_path / "saved") == weights.keys()


def test_second_name_of_the_embedding_alone(tmp_path: Path) -> None:
    weights = write_checkpoint(tmp_path / "hub")
    (tmp_path / "hub" / "model.safetensors").unlink()
    alone = {SECOND_NAME if k == EMBEDDING else k: v for k, v in weights.items()}
    write_weights(tmp_path / "hub", alone)
    model, info = load(tmp_path / "hub")
    assert nothing_amiss(info), info
    assert torch.equal(model.state_dict()[EMBEDDING], weights[EMBEDDING])
    model.save_pretrained(tmp_path / "saved")
    assert keys_of(tmp_path / "saved") == weights.keys()


@pytest.mark.parametrize("trust", [None, False, True])
def test_registered_classes_win_over_the_repositorys_code(
    checkpoint: Path, trust: bool | None
) -> None:
    # The files that auto_map names do not exist, so using them would fail.
    options = {} if trust is None else {"trust_remote_code": trust}
    assert type(AutoConfig.from_pretrained(checkpoint, **options)) is Phi3VConfig
    for auto_class in (AutoModelForImageTextToText, AutoModelForCausalLM):
        model = auto_class.from_pretrained(checkpoint, **options)
        assert type(model) is Phi3VForCausalLM
    processor = AutoProcessor.from_pretrained(checkpoint, **options)
    assert type(processor) is Phi3VProcessor
    images = AutoImageProcessor.from_pretrained(checkpoint, **options)
    assert type(images) is Phi3VImageProcessor


def test_registered_classes_win_over_a_later_native_model(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NativeConfig(PreTrainedConfig):
        model_type = "phi3_v"

    # What a transformers with a phi3_v of its own would have registered.
    monkeypatch.setitem(PROCESSOR_MAPPING_NAMES, "phi3_v", "Phi3VProcessor")
    AutoConfig.register("phi3_v", NativeConfig, exist_ok=True)
    register()
    assert "phi3_v" not in PROCESSOR_MAPPING_NAMES
    assert type(AutoConfig.from_pretrained(checkpoint)) is Phi3VConfig
    assert type(AutoProcessor.from_pretrained(checkpoint)) is Phi3VProcessor


def test_generation_stops_at_the_end_of_an_answer(checkpoint: Path) -> None:
    generation = load(checkpoint)[0].generation_config
    ends = [IDS["<|end|>"], IDS["<|endoftext|>"], 2]
    assert generation.eos_token_id == ends
    assert generation.pad_token_id == IDS["<|endoftext|>"]
    assert generation.bos_token_id == 1
    assert generation.do_sample is False
    assert generation.suppress_tokens == [IDS["<|image|>"]]


def test_a_repositorys_generation_file_is_completed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    own = {"eos_token_id": [5, IDS["<|endoftext|>"]], "do_sample": True}
    (tmp_path / "generation_config.json").write_text(json.dumps(own), "utf-8")
    model, _ = load(tmp_path)
    generation = model.generation_config
    assert generation.eos_token_id == [IDS["<|end|>"], IDS["<|endoftext|>"], 2, 5]
    assert generation.do_sample is True
    assert generation.suppress_tokens == [IDS["<|image|>"]]
    model.save_pretrained(tmp_path / "saved")
    again = load(tmp_path / "saved")[0].generation_config
    assert again.to_diff_dict() == generation.to_diff_dict()


def test_dtype(checkpoint: Path) -> None:
    model, info = load(checkpoint, dtype=torch.bfloat16)
    assert nothing_amiss(info), info
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_rope_as_newer_files_write_it() -> None:
    old = Phi3VConfig(**config_dict())
    changes = {"rope_scaling": None, "rope_theta": None}
    new = Phi3VConfig(**config_dict(**changes), rope_parameters=old.rope_parameters)
    assert new.rope_parameters == old.rope_parameters
    assert new.to_dict() == old.to_dict()
    # A scale of one's own is kept: the hub's layout has no place for it.
    own = old.rope_parameters | {"attention_factor": 1.5}
    kept = Phi3VConfig(**config_dict(**changes), rope_parameters=own)
    assert kept.to_dict()["rope_parameters"]["attention_factor"] == 1.5


def test_vision_config_overrides_single_values(tmp_path: Path) -> None:
    # 768 is what CLIPVisionConfig itself defaults to: it must survive saving.
    config = Phi3VConfig(vision_config={"hidden_size": 768, "num_attention_heads": 12})
    assert config.vision_config.hidden_size == 768
    assert config.vision_config.patch_size == 14
    assert config.img_processor["image_dim_out"] == 768
    config.save_pretrained(tmp_path)
    again = AutoConfig.from_pretrained(tmp_path)
    assert again.vision_config.to_dict() == config.vision_config.to_dict()


def test_config_leaves_its_arguments_alone() -> None:
    given = config_dict()
    Phi3VConfig(**given)
    assert given == config_dict()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embd_layer": {"hd_transform_order": "glb_sub"}}, "hd_transform_order"),
        ({"embd_layer": {"use_hd_transform": False}}, "use_hd_transform"),
        ({"img_processor": {"num_img_tokens": 144}}, "num_img_tokens"),
        ({"img_processor": {"type_feature": "cls_patch"}}, "type_feature"),
        ({"vision_config": {"patch_size": 112}}, "cells"),
    ],
)
def test_unknown_image_embeddings_are_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Phi3VConfig(**config_dict(**changes))
