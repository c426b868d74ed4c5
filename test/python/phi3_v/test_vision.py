"""The image embedding against a slow reading of its description."""

import numpy as np
import pytest
import torch
from captune_worker.phi3_v import Phi3VForCausalLM
from captune_worker.phi3_v.placeholders import fill_placeholders
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import CLIPVisionModel

from .rows import collate, draw_row
from .tiny import random_changes, tiny_model


def slow_features(
    model: Phi3VForCausalLM, pixels: Tensor, size: tuple[int, int]
) -> Tensor:
    """Cell by cell: the row-major grid of the tiles, one separator, the global view."""
    embedding = model.model.vision_embed_tokens
    clip: CLIPVisionModel = embedding.img_processor.vision_model
    config = model.config
    k, side = config.cells_per_side, 2 * config.cells_per_side
    layer = config.img_processor.get("layer_idx", -2)
    states = clip(pixels, output_hidden_states=True).hidden_states[layer]
    patches = states[:, 1:].reshape(len(pixels), side, side, -1)

    def lines(tiles: Tensor, rows: int, columns: int) -> list[Tensor]:
        out = []
        for y in range(rows * k):
            for x in range(columns * k):
                tile = tiles[(y // k) * columns + x // k]
                top, left = 2 * (y % k), 2 * (x % k)
                four = [tile[top + dy, left + dx] for dy in (0, 1) for dx in (0, 1)]
                out.append(torch.cat(four))
            out.append(embedding.sub_GN[0, 0, 0])
        return out

    rows, columns = size[0] // config.tile_size, size[1] // config.tile_size
    parts = lines(patches[1:], rows, columns)
    parts += [embedding.glb_GN[0, 0], *lines(patches[:1], 1, 1)]
    return embedding.img_projection(torch.stack(parts))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31 - 1))
@torch.no_grad()
def test_features_equal_the_slow_reading(seed: int) -> None:
    model = tiny_model(seed, **random_changes(seed))
    row = draw_row(model.config, np.random.RandomState(seed), length=9, images=3)
    batch = collate([row])
    features = model.get_image_features(batch["pixel_values"], batch["image_sizes"])
    for got, pixels, size in zip(features, row.tiles, row.sizes, strict=True):
        expected = slow_features(model, pixels, size)
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)
    ids = batch["input_ids"]
    filled = fill_placeholders(
        ids, features, model.model.embed_tokens, model.config.image_token_id
    )
    rows = iter(torch.cat(features))
    for token, got in zip(ids[0].tolist(), filled[0]):
        plain = model.model.embed_tokens.weight[token]
        expected = next(rows) if token == model.config.image_token_id else plain
        assert torch.equal(got, expected)


def test_dead_blocks_and_padding_tiles_are_not_computed() -> None:
    model = tiny_model()
    embedding = model.model.vision_embed_tokens
    clip = embedding.img_processor.vision_model
    ran: list[str] = []
    for name, module in clip.named_modules():
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    tiles: list[int] = []
    clip.embeddings.register_forward_hook(
        lambda _, args, __: tiles.append(len(args[0]))
    )
    pixels = torch.zeros(2, 17, 3, 336, 336)
    sizes = torch.tensor([[336, 672], [336, 336]])
    embedding(pixels, sizes)
    assert tiles == [(2 + 1) + (1 + 1)]
    assert "encoder.layers.1.mlp" in ran
    assert not any(name.startswith("encoder.layers.2") for name in ran)
    assert "post_layernorm" not in ran


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_tower_records_no_graph(frozen: bool) -> None:
    model = tiny_model()
    tower = model.model.vision_embed_tokens.img_processor.requires_grad_(not frozen)
    # Marks the outputs of all input embeddings, CLIP's too.
    model.enable_input_require_grads()
    patches = tower(torch.zeros(1, 3, 336, 336))
    assert patches.requires_grad is not frozen
    # The separators and the projector stay trainable.
    sizes = torch.tensor([[336, 336]])
    features = model.get_image_features(torch.zeros(1, 2, 3, 336, 336), sizes)
    assert features[0].requires_grad
