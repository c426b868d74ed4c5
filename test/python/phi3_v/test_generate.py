"""Cached generation equals uncached, also where rows cross rope's switch."""

from typing import Any

import numpy as np
import pytest
import torch
from captune_worker.phi3_v import Phi3VForCausalLM
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from .rows import Row, assert_close, copied, draw_row, prompt
from .tiny import IDS, random_changes, tiny_model

NEW = 12


def draw_prompts(model: Phi3VForCausalLM, seed: int) -> list[Row]:
    """Rows that cross after 1, 4 and 9 tokens, one that never does, one that has."""
    draw = np.random.RandomState(seed)
    limit = model.config.original_max_position_embeddings
    lengths = [limit, limit - 3, limit - 8, max(5, limit - 30), limit + 7]
    draw.shuffle(lengths)
    images = draw.randint(0, 3, size=len(lengths))
    return [
        draw_row(model.config, draw, length=length, images=count)
        for length, count in zip(lengths, images)
    ]


def generate(
    model: Phi3VForCausalLM, batch: dict[str, Any], new: int = NEW, **options: Any
) -> tuple[Tensor, Tensor]:
    """Greedy: new ids [batch, new] and the logits [batch, new, vocabulary]."""
    out = model.generate(
        **batch,
        max_new_tokens=new,
        min_new_tokens=new,
        output_logits=True,
        return_dict_in_generate=True,
        **options,
    )
    return out.sequences[:, -new:], torch.stack(out.logits, dim=1)


@torch.no_grad()
def by_hand(model: Phi3VForCausalLM, row: Row, new: int = NEW) -> tuple[Tensor, Tensor]:
    """The same for one row, every token from a forward pass over all before it."""
    batch = prompt([row])
    del batch["attention_mask"]
    ids, images = batch.pop("input_ids"), batch
    stops = model.generation_config.eos_token_id + [model.config.image_token_id]
    logits = []
    for _ in range(new):
        logits.append(model(ids, use_cache=False, **images).logits[0, -1])
        allowed = logits[-1].clone()
        allowed[stops] = -torch.inf
        ids = torch.cat((ids, allowed.argmax()[None, None]), dim=1)
    return ids[0, -new:], torch.stack(logits)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31 - 1))
def test_cached_equals_uncached_equals_every_row_alone(seed: int) -> None:
    model = tiny_model(seed, **random_changes(seed))
    rows = draw_prompts(model, seed)
    batch = prompt(rows)
    before = copied(batch)
    cached_ids, cached = generate(model, batch)
    plain_ids, plain = generate(model, batch, use_cache=False)
    assert all(torch.equal(batch[name], before[name]) for name in before)
    assert torch.equal(cached_ids, plain_ids)
    assert_close(cached, plain)
    for number, row in enumerate(rows):
        ids, logits = by_hand(model, row)
        assert torch.equal(cached_ids[number], ids)
        assert_close(cached[number], logits)


def test_the_switch_matters() -> None:
    """The cases above can tell: with the short factors kept, logits are others."""
    model = tiny_model()
    rows = draw_prompts(model, 0)
    _, right = generate(model, prompt(rows))
    model.config.original_max_position_embeddings = 1000
    model.model.rotary_emb._frequencies.clear()
    _, wrong = generate(model, prompt(rows))
    assert (right - wrong).abs().max() > 0.1


@pytest.mark.parametrize("images", [0, 2])
def test_the_batch_is_encoded_anew_only_when_a_row_crosses(images: int) -> None:
    model = tiny_model()
    draw = np.random.RandomState(0)
    rows = [
        draw_row(model.config, draw, length=length, images=images)
        for length in (120, 125, 60)
    ]
    widths, encoded = [], []
    model.model.layers[0].register_forward_hook(
        lambda _, args, __: widths.append(args[0].shape[1])
    )
    model.model.vision_embed_tokens.register_forward_hook(lambda *_: encoded.append(1))
    generate(model, prompt(rows), new=12)
    # 125 tokens grow to 129 at the fifth pass, 120 tokens at the tenth.
    expected = [125, 1, 1, 1, 129, 1, 1, 1, 1, 134, 1, 1]
    assert widths == expected
    assert len(encoded) == (3 if images else 0)


@pytest.mark.parametrize("options", [{}, {"use_cache": False}])
def test_precomputed_features(options: dict[str, Any]) -> None:
    model = tiny_model()
    batch = prompt(draw_prompts(model, 1))
    expected = generate(model, batch)
    images = {name: batch.pop(name) for name in ("pixel_values", "image_sizes")}
    batch["image_features"] = model.get_image_features(**images)
    ids, logits = generate(model, batch, **options)
    assert torch.equal(ids, expected[0])
    assert_close(logits, expected[1])


def test_static_cache() -> None:
    model = tiny_model()
    batch = prompt(draw_prompts(model, 2))
    ids, logits = generate(model, batch)
    static_ids, static = generate(model, batch, cache_implementation="static")
    assert torch.equal(ids, static_ids)
    assert_close(static, logits)


def test_beams_and_several_answers_keep_a_rows_images_together() -> None:
    model = tiny_model()
    draw = np.random.RandomState(3)
    rows = [
        draw_row(model.config, draw, length=length, images=images)
        for length, images in ((124, 2), (60, 0), (126, 1))
    ]
    options = {"num_beams": 3, "num_return_sequences": 2, "max_new_tokens": 8}
    together = model.generate(**prompt(rows), **options)
    features = prompt(rows)
    images = {name: features.pop(name) for name in ("pixel_values", "image_sizes")}
    features["image_features"] = model.get_image_features(**images)
    assert torch.equal(model.generate(**features, **options), together)
    for number, row in enumerate(rows):
        alone = model.generate(**prompt([row]), **options)[:, len(row) :]
        own = together[2 * number : 2 * number + 2, -8:]
        padding = torch.full(own.shape, model.config.pad_token_id)
        padding[:, : alone.shape[1]] = alone
        assert torch.equal(own, padding)


def test_a_conversation_goes_on_from_its_cache() -> None:
    model = tiny_model()
    row = draw_row(model.config, np.random.RandomState(4), length=110, images=1)
    batch = prompt([row])
    images = {name: batch[name] for name in ("pixel_values", "image_sizes")}
    first = model.generate(
        **batch, max_new_tokens=5, return_dict_in_generate=True, min_new_tokens=5
    )
    question = torch.tensor([[300, 301, 302] * 6])
    ids = torch.cat((first.sequences, question), dim=1)
    whole = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **images}
    assert ids.shape[1] > 128
    expected, logits = generate(model, whole, new=4)
    # The new turn crosses the switch, so the cached keys are of no use.
    cache = first.past_key_values
    got, got_logits = generate(model, whole, new=4, past_key_values=cache)
    assert torch.equal(got, expected)
    assert_close(got_logits, logits)
    assert cache.get_seq_length() == ids.shape[1] + 3


def test_only_the_new_ids_are_not_enough_to_cross() -> None:
    model = tiny_model()
    ids = torch.randint(260, 350, (1, 126))
    cache = model(ids, use_cache=True).past_key_values
    with pytest.raises(ValueError, match="not all of its token ids"):
        model.generate(
            torch.randint(260, 350, (1, 9)),
            attention_mask=torch.ones(1, 135, dtype=torch.long),
            past_key_values=cache,
            max_new_tokens=2,
        )


@pytest.mark.parametrize("told", ["mask", "positions", "nothing"])
def test_a_loop_by_hand_is_told_to_start_again(told: str) -> None:
    model = tiny_model()
    ids = torch.randint(260, 350, (1, 129))
    expected = model(ids).logits[:, 127]
    cache = model(ids[:, :127], use_cache=True).past_key_values
    with torch.no_grad():
        model_inputs = {"mask": {"attention_mask": torch.ones(1, 128)}}.get(told, {})
        step = model(ids[:, 127:128], past_key_values=cache, **model_inputs)
    short = model(ids[:, :128]).logits[:, 127]
    assert_close(step.logits[:, 0], short)
    assert (short - expected).abs().max() > 0.01
    more = {
        "mask": {"attention_mask": torch.ones(1, 129)},
        "positions": {"position_ids": torch.tensor([[128]])},
        "nothing": {},
    }[told]
    with pytest.raises(ValueError, match="run the whole sequence again"):
        model(ids[:, 128:], past_key_values=cache, **more)


def test_assisted_generation_stops_at_the_switch() -> None:
    model = tiny_model()
    # Repeats, so that looking up the prompt finds candidates.
    ids = torch.tensor([[300, 301, 302, 303] * 31 + [300, 301]])
    options = {"max_new_tokens": 12, "min_new_tokens": 12}
    assisted = {"prompt_lookup_num_tokens": 3, **options}
    for near in (ids, ids[:, :117]):
        with pytest.raises(ValueError, match="An assistant cannot be used"):
            model.generate(near, **assisted)
    # Away from it an assistant changes nothing.
    for start in (ids[:, :116], torch.cat((ids, ids), dim=1)):
        expected = model.generate(start, **options)
        assert torch.equal(model.generate(start, **assisted), expected)


def test_generate_does_not_take_row_lengths() -> None:
    model = tiny_model()
    options = {"row_lengths": torch.tensor([4]), "max_new_tokens": 2}
    with pytest.raises(ValueError, match="attention_mask, not from row_lengths"):
        model.generate(torch.ones(1, 4).long(), **options)


def test_no_image_token_is_ever_generated() -> None:
    model = tiny_model()
    image = IDS["<|image|>"]
    with torch.no_grad():
        # The image token wins every comparison by far.
        model.lm_head.weight.zero_()
        model.lm_head.weight[300] = 0.01
        model.lm_head.weight[image] = 1
        model.model.norm.weight.fill_(1)
    ids = torch.randint(260, 350, (1, 6))
    hidden = model.model(ids).last_hidden_state
    with torch.no_grad():
        model.lm_head.weight[image] = hidden[0, -1]
    assert model(ids).logits[0, -1].argmax() == image
    for options in ({}, {"suppress_tokens": [5]}, {"num_beams": 2}):
        out = model.generate(ids, max_new_tokens=4, **options)
        assert image not in out
