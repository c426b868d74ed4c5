"""The numbers of the original code on seeded weights (fixtures/phi3v)."""

import os
import zlib
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captune_worker.phi3_v import Phi3VConfig, Phi3VForCausalLM, Phi3VImageProcessor
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoProcessor

from .conftest import REPOSITORY
from .tiny import picture

ANSWERED = ["one_image", "two_images", "long_rope"]
IS_WHOLE = os.environ.get("CAPTUNE_TEST_WHOLE") == "1"
CASES = ["text", "text_4096", "text_4097", *ANSWERED]


@pytest.fixture(scope="module")
def arrays() -> dict[str, Tensor]:
    return load_file(REPOSITORY / "test" / "fixtures" / "phi3v" / "goldens.safetensors")


@pytest.fixture(scope="module", params=["eager", "sdpa"])
def model(request: Any, goldens: dict[str, Any]) -> Iterator[Phi3VForCausalLM]:
    config = Phi3VConfig(**goldens["config"], attn_implementation=request.param)
    model = Phi3VForCausalLM(config)
    weights = {
        name: golden_weight(name, parameter.shape, goldens["seed"])
        for name, parameter in model.state_dict().items()
    }
    model.load_state_dict(weights)
    yield model.eval()


def golden_weight(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    """Make one parameter by ``weights_rule`` of goldens.json."""
    state = np.random.RandomState((zlib.crc32(name.encode()) + seed) % 2**32)
    z = state.standard_normal(shape)
    if name.endswith(("glb_GN", "sub_GN")):
        pass
    elif len(shape) == 1:
        z = 1 + 0.1 * z if "norm" in name and name.endswith("weight") else 0.1 * z
    elif "embed_tokens.weight" in name or "position_embedding" in name:
        z = 0.5 * z
    else:
        z = z / np.sqrt(prod(shape[1:]))
    return torch.from_numpy(z.astype(np.float32))


def images_of(case: dict[str, Any]) -> list[Any]:
    return [picture(i["width"], i["height"], i["k"]) for i in case["images"]]


def test_weights_follow_the_rule(
    model: Phi3VForCausalLM, goldens: dict[str, Any]
) -> None:
    assert model.state_dict().keys() == goldens["weights"].keys()
    for name, weight in model.state_dict().items():
        shape, total, absolute = goldens["weights"][name]
        assert list(weight.shape) == shape
        wide = weight.double()
        assert wide.sum().item() == pytest.approx(total, rel=1e-9, abs=1e-6)
        assert wide.abs().sum().item() == pytest.approx(absolute, rel=1e-9)


def test_tiles(goldens: dict[str, Any], arrays: dict[str, Tensor]) -> None:
    for entry in goldens["processor"]:
        width, height, crops = entry["width"], entry["height"], entry["num_crops"]
        processor = Phi3VImageProcessor(num_crops=crops)
        out = processor(picture(width, height, entry["k"]))
        assert out["image_sizes"].tolist() == [entry["image_size"]]
        assert processor.visual_tokens(width, height) == entry["num_img_tokens"]
        tiles = out["pixel_values"][0]
        sample = arrays[entry["sample"]]
        # The original appends zero tiles up to num_crops + 1.
        assert sample[len(tiles) :].abs().sum() == 0
        torch.testing.assert_close(
            tiles[:, :, 5::48, 7::48], sample[: len(tiles)], rtol=0, atol=1e-6
        )
        assert tiles.double().sum().item() == pytest.approx(entry["sum"], rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_logits_loss_and_gradients(
    name: str,
    model: Phi3VForCausalLM,
    goldens: dict[str, Any],
    arrays: dict[str, Tensor],
    record_property: Callable[[str, object], None],
) -> None:
    is_eager = model.config._attn_implementation == "eager"
    if is_eager and name == "long_rope" and not IS_WHOLE:
        pytest.skip("half a minute; text_4097 has its factors (CAPTUNE_TEST_WHOLE=1)")
    case = goldens["cases"][name]
    input_ids = arrays[f"{name}.input_ids"].long()[None]
    images = {}
    if case["images"]:
        processor = Phi3VImageProcessor(num_crops=case["num_crops"])
        images = dict(processor(images_of(case)))
    labels = None
    if name in ANSWERED:
        # The answer is all that stands behind the assistant's tag.
        labels = input_ids.clone()
        labels[:, : input_ids[0].tolist().index(32001) + 1] = -100
    at = torch.tensor(case["logits_positions"])
    # Of the longest case only the logits that count: all would be 820 MB.
    keep: int | Tensor = 0
    if name == "long_rope":
        keep = torch.cat((at, (labels[0] != -100).nonzero()[:, 0] - 1)).unique()
        at = torch.searchsorted(keep, at)
    # Eager attention keeps every score of 6,388 tokens for the way back; the shorter
    # cases show its gradients.
    learns = name in ANSWERED and not (is_eager and name == "long_rope")
    model.zero_grad()
    with torch.set_grad_enabled(learns):
        out = model(
            input_ids, labels=labels, use_cache=False, logits_to_keep=keep, **images
        )
    logits = out.logits[0, at]
    stride = case["logits_vocab_stride"]
    off = (logits[:, ::stride] - arrays[f"{name}.logits"]).abs().max().item()
    record_property("logits_off", off)
    assert off <= 2e-5
    assert logits.argmax(-1).tolist() == case["argmax"]
    if name not in ANSWERED:
        return
    assert out.loss.item() == pytest.approx(case["loss"], abs=1e-5)
    if not learns:
        return
    out.loss.backward()
    parameters = dict(model.named_parameters())
    for key, norm in case["grad_norms"].items():
        measured = parameters[key].grad.double().norm().item()
        assert measured == pytest.approx(norm, rel=1e-5), key


@pytest.mark.parametrize("name", ["text", *ANSWERED])
def test_token_ids_of_the_released_tokenizer(
    name: str, hub: Path, goldens: dict[str, Any], arrays: dict[str, Tensor]
) -> None:
    case = goldens["cases"][name]
    processor = AutoProcessor.from_pretrained(hub, num_crops=case["num_crops"])
    out = processor(case["prompt"], images_of(case) or None)
    ids = out["input_ids"][0].tolist()
    if "answer" in case:
        tokenizer = processor.tokenizer
        ids += tokenizer(case["answer"], add_special_tokens=False).input_ids
    golden = arrays[f"{name}.input_ids"].long()
    assert ids == golden.masked_fill(golden < 0, 32044).tolist()
