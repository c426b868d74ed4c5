"""Neighbours, padding and attention kernels change nothing about a row."""

from typing import Any

import numpy as np
import pytest
import torch
from captune_worker.phi3_v import Phi3VForCausalLM
from captune_worker.phi3_v.placeholders import images_per_row
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from .rows import Row, assert_close, collate, copied, draw_row
from .tiny import random_changes, tiny_model

seeds = st.integers(0, 2**31 - 1)
few = settings(max_examples=12, deadline=None, derandomize=True)


def draw_rows(model: Phi3VForCausalLM, seed: int) -> list[Row]:
    """Rows on both sides of the switch, one exactly at it and one just beyond."""
    draw = np.random.RandomState(seed)
    limit = model.config.original_max_position_embeddings
    wanted = [limit, limit + 1, draw.randint(4, limit), draw.randint(limit, 2 * limit)]
    draw.shuffle(wanted)
    return [
        draw_row(model.config, draw, length=length, images=draw.randint(0, 3))
        for length in wanted
    ]


def alone(model: Phi3VForCausalLM, row: Row) -> tuple[Tensor, Tensor]:
    """Logits [length, vocabulary] and loss of a row by itself, unpadded."""
    batch = collate([row])
    del batch["attention_mask"]
    out = model(**batch, use_cache=False)
    return out.logits[0], out.loss


def real(logits: Tensor, rows: list[Row], side: str) -> list[Tensor]:
    """The logits of real tokens, row by row."""
    return [
        each[-len(row) :] if side == "left" else each[: len(row)]
        for each, row in zip(logits, rows)
    ]


@few
@given(seed=seeds)
@torch.no_grad()
def test_a_batch_equals_its_rows(seed: int) -> None:
    model = tiny_model(seed, **random_changes(seed))
    rows = draw_rows(model, seed)
    expected = [alone(model, row) for row in rows]
    counts = torch.tensor([sum(i != -100 for i in row.labels) for row in rows])
    losses = torch.stack([loss for _, loss in expected])
    mean = (losses * counts).sum() / counts.sum()
    for side, told in (
        ("left", "attention_mask"),
        ("right", "attention_mask"),
        ("right", "row_lengths"),
    ):
        batch = collate(rows, side, told)
        before = copied(batch)
        out = model(**batch, use_cache=False)
        for got, (logits, _) in zip(real(out.logits, rows, side), expected):
            assert_close(got, logits)
        assert_close(out.loss, mean)
        assert all(torch.equal(batch[name], before[name]) for name in before)


@few
@given(seed=seeds)
@torch.no_grad()
def test_eager_equals_sdpa(seed: int) -> None:
    changes = random_changes(seed)
    models = [tiny_model(seed, kind, **changes) for kind in ("eager", "sdpa")]
    rows = draw_rows(models[0], seed)
    for side in ("left", "right"):
        eager, sdpa = (model(**collate(rows, side)).logits for model in models)
        for got, expected in zip(real(eager, rows, side), real(sdpa, rows, side)):
            # Two kernels round differently, and random weights amplify it.
            assert_close(got, expected, 1e-4)


@torch.no_grad()
def test_padding_never_switches_the_factors() -> None:
    model = tiny_model()
    draw = np.random.RandomState(0)
    short = draw_row(model.config, draw, length=100, images=1)
    long = draw_row(model.config, draw, length=129, images=0)
    logits, _ = alone(model, short)
    wide = collate([short, long], lengths="row_lengths")
    got = model(**wide).logits[0, : len(short)]
    assert_close(got, logits)
    # The test can tell: with the factors of the padded width the row is another.
    wide["row_lengths"] = torch.tensor([129, 129])
    other = model(**wide).logits[0, : len(short)]
    assert (other - logits).abs().max() > 0.1
    # Nobody says how long the rows are.
    del wide["row_lengths"]
    with pytest.raises(ValueError, match="pass row_lengths"):
        model(**wide)
    # Up to the limit there is nothing to know.
    narrow = collate([short, short])
    del narrow["attention_mask"]
    model(**narrow)


@torch.no_grad()
def test_negative_placeholders_and_tiles_up_to_num_crops() -> None:
    model = tiny_model()
    rows = draw_rows(model, 3)
    batch = collate(rows)
    expected = model(**batch).logits
    count = 0
    for row in batch["input_ids"]:
        places = row == model.config.image_token_id
        # The original numbers the images of a row from -1.
        row[places] = -1 - (torch.arange(int(places.sum())) // 5)
        count += int(places.sum())
    assert count
    zeros = torch.zeros(len(batch["pixel_values"]), 12, 3, 336, 336)
    batch["pixel_values"] = torch.cat((batch["pixel_values"], zeros), dim=1)
    got = model(**batch).logits
    torch.testing.assert_close(got, expected, rtol=0, atol=0)


@torch.no_grad()
def test_precomputed_features_equal_pixels() -> None:
    model = tiny_model()
    batch = collate(draw_rows(model, 5))
    expected = model(**batch).logits
    images = {name: batch.pop(name) for name in ("pixel_values", "image_sizes")}
    features = model.get_image_features(**images)
    assert [len(f) for f in features] == model.model.vision_embed_tokens.token_counts(
        images["image_sizes"]
    )
    got = model(**batch, image_features=features).logits
    torch.testing.assert_close(got, expected, rtol=0, atol=0)
    # The halves: patches of a frozen tower, and what is learned behind it.
    embedding = model.model.vision_embed_tokens
    patches = embedding.patches(**images)
    again = embedding.assemble(patches, images["image_sizes"])
    assert all(torch.equal(a, b) for a, b in zip(again, features))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixel_values": None, "image_sizes": None}, "placeholders"),
        ({"image_sizes": None}, "belong together"),
        ({"input_ids": 1}, "placeholders"),
        ({"image_sizes": torch.tensor([[336, 336], [672, 672]])}, "placeholders"),
        ({"image_sizes": torch.tensor([[336, 330], [672, 672]])}, "after padding"),
        ({"image_sizes": torch.tensor([[336, 336]])}, "asks for"),
        ({"image_sizes": torch.tensor([[3360, 336], [672, 672]])}, "asks for"),
        ({"image_features": [torch.zeros(9, 64)]}, "not both"),
        ({"inputs_embeds": torch.zeros(2, 3, 64)}, "exactly one"),
        ({"input_ids": None}, "exactly one"),
        ({"input_ids": None, "inputs_embeds": torch.zeros(2, 3, 64)}, "need input_ids"),
    ],
)
def test_images_that_do_not_fit_are_refused(
    change: dict[str, Any], message: str
) -> None:
    model = tiny_model()
    draw = np.random.RandomState(0)
    rows = [draw_row(model.config, draw, length=50, images=1) for _ in range(2)]
    batch = collate(rows)
    batch.pop("labels")
    if change.get("input_ids") == 1:
        # One placeholder fewer in one row and one more in the other: the total fits.
        ids = batch["input_ids"].clone()
        ids[0, (ids[0] == model.config.image_token_id).nonzero()[0]] = 300
        ids[1, -1] = model.config.image_token_id
        change = {"input_ids": ids}
    with pytest.raises(ValueError, match=message):
        model(**batch | change)


def test_images_are_dealt_to_rows() -> None:
    assert images_per_row([5, 0, 7], [2, 3, 7]) == [2, 0, 1]
    assert images_per_row([0, 0], []) == [0, 0]
    for placeholders, tokens in (
        ([5], [6]),
        ([5], []),
        ([5, 1], [3, 3]),
        ([0], [1]),
        ([3, 3], [3]),
    ):
        with pytest.raises(ValueError, match="exactly"):
            images_per_row(placeholders, tokens)


@torch.no_grad()
def test_logits_at_chosen_positions() -> None:
    model = tiny_model()
    rows = draw_rows(model, 1)
    batch = collate(rows)
    whole = model(**batch)
    last = model(**batch, logits_to_keep=3).logits
    torch.testing.assert_close(last, whole.logits[:, -3:])
    at = torch.tensor([0, 7, 5])
    some = model(**batch, logits_to_keep=at).logits
    torch.testing.assert_close(some, whole.logits[:, at])
    own = torch.arange(8).view(4, 2)
    each = model(**batch, logits_to_keep=own).logits
    expected = torch.stack([whole.logits[n, own[n]] for n in range(4)])
    torch.testing.assert_close(each, expected)
    # Where the next token has a label: all the loss needs.
    labelled = (
        torch.nn.functional.pad(batch["labels"], (0, 1), value=-100)[:, 1:] != -100
    )
    few_logits = model(**batch, logits_to_keep=labelled)
    torch.testing.assert_close(few_logits.logits, whole.logits[labelled])
    torch.testing.assert_close(few_logits.loss, whole.loss)
    shared = labelled.any(0).nonzero()[:, 0]
    torch.testing.assert_close(model(**batch, logits_to_keep=shared).loss, whole.loss)
    total = model(**batch, num_items_in_batch=2).loss
    torch.testing.assert_close(total, whole.loss * labelled.sum() / 2)


@torch.no_grad()
def test_hidden_states_and_attentions_are_the_decoders() -> None:
    model = tiny_model(attention="eager")
    batch = collate(draw_rows(model, 2))
    out = model(**batch, output_hidden_states=True, output_attentions=True)
    layers, width = model.config.num_hidden_layers, batch["input_ids"].shape[1]
    assert len(out.hidden_states) == layers + 1
    assert {state.shape for state in out.hidden_states} == {(4, width, 64)}
    assert len(out.attentions) == layers
    assert isinstance(model(**batch, return_dict=False), tuple)


@torch.no_grad()
def test_bfloat16() -> None:
    model = tiny_model().to(torch.bfloat16)
    rows = draw_rows(model, 4)
    out = model(**collate(rows))
    assert out.logits.dtype == torch.bfloat16
    assert out.loss.dtype == torch.float32
    full = tiny_model()(**collate(rows)).loss
    torch.testing.assert_close(out.loss, full, rtol=0.1, atol=0)


@torch.no_grad()
def test_every_attention_goes_through_the_librarys_table() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    seen = []

    def spy(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
        # An all-right-padded batch passes no mask, so flash kernels can run.
        seen.append((type(module).__name__, args[3] is None))
        return sdpa_attention_forward(module, *args, **kwargs)

    AttentionInterface.register("phi3_v_spy", spy)
    AttentionMaskInterface.register("phi3_v_spy", sdpa_mask)
    model, plain = tiny_model(attention="phi3_v_spy"), tiny_model()
    batch = collate(draw_rows(model, 6), lengths="row_lengths")
    torch.testing.assert_close(model(**batch).logits, plain(**batch).logits)
    # All but CLIP's last block, and every decoder layer.
    assert seen == [("CLIPAttention", True)] * 2 + [("Phi3VAttention", True)] * 2
