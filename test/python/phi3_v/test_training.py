"""Gradients: who gets one, and that saving memory does not change them."""

from typing import Any

import numpy as np
import pytest
import torch
from captune_worker.phi3_v import Phi3VForCausalLM
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from .rows import collate, draw_row
from .tiny import random_changes, tiny_model


def batch_of(model: Phi3VForCausalLM, seed: int) -> dict[str, Any]:
    """A row beyond the switch beside a short one, both with an image."""
    draw = np.random.RandomState(seed)
    limit = model.config.original_max_position_embeddings
    rows = [
        draw_row(model.config, draw, length=length, images=1)
        for length in (limit + 5, 10)
    ]
    return collate(rows, lengths="row_lengths")


def gradients(model: Phi3VForCausalLM, batch: dict[str, Any]) -> dict[str, Tensor]:
    model.zero_grad()
    model(**batch).loss.backward()
    return {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def checkpointing(model: Phi3VForCausalLM, on: bool) -> None:
    # 5.23 warns about the name that 5.17 has.
    new = hasattr(model, "activation_checkpointing_enable")
    kind = "activation" if new else "gradient"
    if on:
        enable = getattr(model, f"{kind}_checkpointing_enable")
        enable({"use_reentrant": False})
    else:
        getattr(model, f"{kind}_checkpointing_disable")()


def dead(model: Phi3VForCausalLM) -> set[str]:
    """What the files hold and nothing uses: CLIP above the chosen hidden state."""
    config = model.config
    blocks = range(config.vision_blocks, config.vision_config.num_hidden_layers)
    clip = "model.vision_embed_tokens.img_processor.vision_model."
    unused = tuple(f"{clip}encoder.layers.{block}." for block in blocks)
    return {
        name
        for name, _ in model.named_parameters()
        if name.startswith((f"{clip}post_layernorm.", *unused))
    }


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31 - 1))
def test_every_living_parameter_gets_a_gradient(seed: int) -> None:
    model = tiny_model(seed, **random_changes(seed)).train()
    got = gradients(model, batch_of(model, seed))
    names = {name for name, _ in model.named_parameters()}
    assert got.keys() == names - dead(model)
    # Adding to every key adds the same to every score, which softmax takes out again.
    without = "k_proj.bias"
    assert all(g.abs().max() > 0 for name, g in got.items() if without not in name)


@pytest.mark.parametrize("layer_idx", [-1, -2, -3])
def test_freezing_what_is_unused_leaves_what_is_trained(layer_idx: int) -> None:
    changes = {"image_dim_out": 32, "num_img_tokens": 4, "layer_idx": layer_idx}
    model = tiny_model(img_processor=changes).train()
    model.model.vision_embed_tokens.img_processor.freeze_unused()
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == dead(model)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert gradients(model, batch_of(model, 0)).keys() == trained


def test_the_padding_token_gets_no_gradient_as_input() -> None:
    model = tiny_model().train()
    batch = batch_of(model, 0)
    got = gradients(model, batch)["model.embed_tokens.weight"]
    assert got[model.config.pad_token_id].abs().max() == 0
    assert got[model.config.image_token_id].abs().max() == 0
    assert got[int(batch["input_ids"][0, -2])].abs().max() > 0


@pytest.mark.parametrize("frozen", [(), ("embed_tokens",), ("vision_embed_tokens",)])
def test_gradient_checkpointing_changes_nothing(frozen: tuple[str, ...]) -> None:
    model = tiny_model().train()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not any(f".{part}." in name for part in frozen))
    batch = batch_of(model, 0)
    expected = gradients(model, batch)
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert expected.keys() == trained - dead(model)
    for marked in (False, True):
        if marked:
            model.enable_input_require_grads()
        checkpointing(model, True)
        calls: list[str] = []
        clip = model.model.vision_embed_tokens.img_processor.vision_model
        blocks = {"decoder": model.model.layers[0], "clip": clip.encoder.layers[0]}
        hooks = [
            block.self_attn.register_forward_pre_hook(
                lambda *_, name=name, calls=calls: calls.append(name)
            )
            for name, block in blocks.items()
        ]
        got = gradients(model, batch)
        for hook in hooks:
            hook.remove()
        checkpointing(model, False)
        # Every block in use is computed again, but not that of a frozen tower.
        tower = 1 if frozen == ("vision_embed_tokens",) else 2
        assert (calls.count("decoder"), calls.count("clip")) == (2, tower)
        assert got.keys() == expected.keys()
        for name, gradient in got.items():
            torch.testing.assert_close(gradient, expected[name])


def test_cached_patches_train_the_projector() -> None:
    """Features are ordinary tensors: what made them can learn through them."""
    model = tiny_model().train()
    model.model.vision_embed_tokens.img_processor.requires_grad_(False)
    batch = batch_of(model, 0)
    expected = gradients(model, batch)
    assert not any(".img_processor." in name for name in expected)
    pixels, sizes = batch.pop("pixel_values"), batch.pop("image_sizes")
    embedding = model.model.vision_embed_tokens
    patches = embedding.patches(pixels, sizes)
    assert not patches.requires_grad
    batch["image_features"] = embedding.assemble(patches, sizes)
    got = gradients(model, batch)
    assert got.keys() == expected.keys()
    for name, gradient in got.items():
        torch.testing.assert_close(gradient, expected[name])


def test_embedding_dropout_follows_the_merge() -> None:
    model = tiny_model(embd_pdrop=0.5)
    batch = batch_of(model, 0)
    with torch.no_grad():
        still = [model(**batch).loss for _ in range(2)]
        assert torch.equal(*still)
        model.train()
        noisy = [model(**batch).loss for _ in range(2)]
        assert not torch.equal(*noisy)
