"""LoRA on this model: what target lists match, adapters in files, merged weights."""

from pathlib import Path

import pytest
import torch
from captune_worker.phi3_v import Phi3VConfig, Phi3VForCausalLM
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from .rows import assert_close
from .test_generate import draw_prompts, generate, prompt
from .test_training import batch_of
from .tiny import tiny_model

# PEFT 0.21 asks transformers 5.23 by a name that is on its way out.
pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"
)

LANGUAGE = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
# What fits Llama finds the unfused names in CLIP.
LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PROJECTOR = ["img_projection.0", "img_projection.2"]
ARTICLE = ["mlp.gate_up_proj", "mlp.down_proj"]
CLIP = r"img_processor\.vision_model\.encoder\.layers\.(\d|1\d|2[0-2])\."
VISION = (
    r".*\.(qkv_proj|o_proj|gate_up_proj|down_proj)"
    r"|.*\.img_projection\.[02]"
    rf"|.*\.{CLIP}(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])"
)
# Names from recipes in circulation. Those ending in `.weight` name parameters, which
# are not modules; the last one is a tensor that DoRA creates.
DEAD = [
    "self_attn.q_proj.weight",
    "self_attn.k_proj.weight",
    "self_attn.v_proj.weight",
    "self_attn.qkv_proj.weight",
    "self_attn.out_proj.weight",
    "lora_magnitude_vector",
]


def adapted(model: Phi3VForCausalLM, targets: list[str] | str, rank: int) -> PeftModel:
    config = LoraConfig(r=rank, target_modules=targets, task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def matched(model: PeftModel) -> set[str]:
    names = (name for name, _ in model.named_modules() if name.endswith(".lora_A"))
    return {name.removeprefix("base_model.model.")[: -len(".lora_A")] for name in names}


@pytest.mark.parametrize(
    ("targets", "language", "projector", "clip", "parameters"),
    [
        (LANGUAGE, 128, 0, 0, 12_582_912),
        (LANGUAGE + PROJECTOR, 128, 2, 0, 12_689_408),
        (VISION, 128, 2, 138, 16_080_896),
        (ARTICLE, 64, 0, 0, 7_864_320),
        (ARTICLE + DEAD, 64, 0, 0, 7_864_320),
        # Without `.weight` the names exist in CLIP only.
        (["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], 0, 0, 72, None),
        (LLAMA, 64, 0, 72, None),
    ],
)
def test_what_target_lists_match(
    targets: list[str] | str,
    language: int,
    projector: int,
    clip: int,
    parameters: int | None,
) -> None:
    with torch.device("meta"):
        model = adapted(Phi3VForCausalLM(Phi3VConfig()), targets, rank=8)
    names = matched(model)
    by_tower = [
        sum(name.startswith(prefix) for name in names)
        for prefix in (
            "model.layers.",
            "model.vision_embed_tokens.img_projection.",
            "model.vision_embed_tokens.img_processor.",
        )
    ]
    assert by_tower == [language, projector, clip]
    assert len(names) == sum(by_tower)
    if parameters is not None:
        assert model.get_nb_trainable_parameters()[0] == parameters


def test_dead_names_alone_are_an_error() -> None:
    with pytest.raises(ValueError, match="not found"):
        adapted(tiny_model(), DEAD, rank=2)


def test_an_adapter_trains_and_comes_back_from_its_files(
    checkpoint: Path, tmp_path: Path
) -> None:
    base = AutoModelForImageTextToText.from_pretrained(checkpoint)
    frozen = {name: p.clone() for name, p in base.named_parameters()}
    model = adapted(base, LANGUAGE + PROJECTOR, rank=2).train()
    batch = batch_of(base, 0)
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=0.1
    )
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    model.eval().save_pretrained(tmp_path / "adapter")

    keys = load_file(tmp_path / "adapter" / "adapter_model.safetensors").keys()
    stem = "base_model.model.model."
    assert f"{stem}layers.0.self_attn.qkv_proj.lora_A.weight" in keys
    assert f"{stem}vision_embed_tokens.img_projection.2.lora_B.weight" in keys
    assert len(keys) == 2 * (2 * 4 + 2)

    fresh = AutoModelForImageTextToText.from_pretrained(checkpoint)
    again = PeftModel.from_pretrained(fresh, tmp_path / "adapter")
    with torch.no_grad():
        expected = model(**batch).logits
        assert torch.equal(again(**batch).logits, expected)
        merged = again.merge_and_unload()
        # Sums are rounded in another order.
        assert_close(merged(**batch).logits, expected, 1e-4)
    # Merged weights have the hub's names; what was not adapted is untouched.
    merged.save_pretrained(tmp_path / "merged")
    saved = load_file(tmp_path / "merged" / "model.safetensors")
    assert saved.keys() == frozen.keys()
    changed = {name for name, weight in saved.items() if not weight.equal(frozen[name])}
    assert len(changed) == 2 * 4 + 2


def test_generation_with_an_adapter_crosses_the_switch() -> None:
    model = adapted(tiny_model(), LANGUAGE, rank=2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    batch = prompt(draw_prompts(model.base_model.model, 0))
    cached_ids, cached = generate(model, batch)
    plain_ids, plain = generate(model, batch, use_cache=False)
    assert torch.equal(cached_ids, plain_ids)
    assert_close(cached, plain)
