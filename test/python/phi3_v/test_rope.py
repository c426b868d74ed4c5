"""The rope factors: native Phi3's numbers, chosen per row."""

from typing import Any

import pytest
import torch
from captune_worker.phi3_v import Phi3VConfig
from captune_worker.phi3_v.rotary import (
    Phi3VRotaryEmbedding,
    any_row_switched,
    mask_positions,
    real_lengths,
)
from transformers import Phi3Config
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding

from .tiny import config_dict, tiny_model


def native(config: Phi3VConfig) -> Phi3RotaryEmbedding:
    """Native Phi3's module with the same factors."""
    text = Phi3Config(
        hidden_size=config.hidden_size,
        num_attention_heads=config.num_attention_heads,
        max_position_embeddings=config.max_position_embeddings,
        original_max_position_embeddings=config.original_max_position_embeddings,
        rope_parameters=dict(config.rope_parameters),
    )
    return Phi3RotaryEmbedding(text)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("length", [7, 128, 129, 500])
def test_one_row_has_native_phi3s_numbers(length: int, dtype: torch.dtype) -> None:
    config = Phi3VConfig(**config_dict())
    x, positions = torch.zeros(1, dtype=dtype), torch.arange(length)[None]
    ours = Phi3VRotaryEmbedding(config)(x, positions, torch.tensor([length > 128]))
    for got, expected in zip(ours, native(config)(x, positions)):
        assert got.dtype == dtype
        torch.testing.assert_close(got, expected, rtol=0, atol=0)


def test_scale_of_the_released_model() -> None:
    factors = {"type": "su", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
    config = Phi3VConfig(rope_scaling=factors)
    positions, long = torch.zeros(1, 1, dtype=torch.long), torch.tensor([False])
    cos, _ = Phi3VRotaryEmbedding(config)(torch.zeros(1), positions, long)
    assert cos.unique().item() == pytest.approx(1.1902380714, abs=1e-7)


def test_rows_do_not_share_factors() -> None:
    rotary = Phi3VRotaryEmbedding(Phi3VConfig(**config_dict()))
    x, positions = torch.zeros(1), torch.arange(40)[None]
    both = rotary(x, positions, torch.tensor([True, False]))
    for number, long in enumerate((True, False)):
        alone = rotary(x, positions, torch.tensor([long]))
        for got, expected in zip(both, alone):
            assert torch.equal(got[number], expected[0])


def test_factors_survive_a_cast_of_the_model() -> None:
    positions, long = torch.arange(300)[None], torch.tensor([True])
    model = tiny_model()
    before = model.model.rotary_emb(torch.zeros(1), positions, long)
    model.to(torch.bfloat16)
    after = model.model.rotary_emb(torch.zeros(1), positions, long)
    assert all(torch.equal(b, a) for b, a in zip(before, after))
    assert all(tensor.dtype == torch.bfloat16 for tensor in model.state_dict().values())


def test_a_model_without_factors_has_one_regime() -> None:
    config = Phi3VConfig(**config_dict(rope_scaling=None))
    assert config.rope_parameters["rope_type"] == "default"
    rotary = Phi3VRotaryEmbedding(config)
    positions = torch.arange(5)[None]
    cos, _ = rotary(torch.zeros(1), positions, torch.tensor([True, False]))
    assert torch.equal(cos[0], cos[1])


def lengths(**given: Any) -> list[int]:
    defaults = {"batch": 2, "width": 6, "limit": 4, "device": torch.device("cpu")}
    return real_lengths(**defaults | given).tolist()


def test_what_tells_the_lengths_of_rows() -> None:
    mask = torch.tensor([[0, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]])
    positions = torch.tensor([[0, 1, 2, 3, 4, 5], [0, 1, 2, 0, 0, 0]])
    known = torch.tensor([6, 3])
    assert lengths(attention_mask=mask) == [5, 3]
    assert lengths(attention_mask=mask.bool(), position_ids=positions) == [5, 3]
    assert lengths(row_lengths=known) == [6, 3]
    assert lengths(row_lengths=known, position_ids=positions) == [6, 3]
    assert lengths(position_ids=positions) == [6, 3]
    # A mask of four dimensions (static caches) does not tell; positions do.
    assert lengths(attention_mask=mask[:, None, None], position_ids=positions) == [6, 3]
    assert lengths(batch=1) == [6]
    assert lengths(width=4) == [4]
    assert mask_positions(mask).tolist() == [[0, 0, 1, 2, 3, 4], [0, 1, 2, 2, 2, 2]]


def test_lengths_that_nobody_tells_are_refused() -> None:
    with pytest.raises(ValueError, match="pass row_lengths"):
        lengths()
    with pytest.raises(ValueError, match="not both"):
        lengths(attention_mask=torch.ones(2, 6), row_lengths=torch.tensor([6, 6]))
    with pytest.raises(ValueError, match="shape"):
        lengths(row_lengths=torch.tensor([6]))


def test_which_rows_have_stale_keys() -> None:
    def switched(length: int, new: int) -> bool:
        return any_row_switched(torch.tensor([2, length]), new, 4)

    assert not switched(4, 1)
    assert switched(5, 1)
    assert not switched(6, 1)
    assert switched(6, 2)
    # Nothing was cached.
    assert not switched(6, 6)
