"""The same numbers on a CUDA device, with the kernels that exist only there."""

import importlib.util

import numpy as np
import pytest
import torch
from captune_worker.phi3_v import Phi3VForCausalLM

from .rows import Row, assert_close, collate, draw_row
from .test_batches import draw_rows, real
from .test_generate import draw_prompts, generate, prompt
from .tiny import tiny_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def on_gpu(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.cuda() for name, value in batch.items()}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@torch.no_grad()
def test_logits_equal_the_cpus(attention: str) -> None:
    cpu, gpu = tiny_model(), tiny_model(attention=attention).cuda()
    rows = draw_rows(cpu, 1)
    for side, told in (
        ("left", "attention_mask"),
        ("right", "attention_mask"),
        ("right", "row_lengths"),
    ):
        batch = collate(rows, side, told)
        expected, got = cpu(**batch), gpu(**on_gpu(batch))
        pairs = zip(
            real(got.logits.cpu(), rows, side), real(expected.logits, rows, side)
        )
        for one, other in pairs:
            assert_close(one, other, 1e-4)
        assert_close(got.loss.cpu(), expected.loss, 1e-4)


def test_generation_equals_the_cpus() -> None:
    cpu, gpu = tiny_model(), tiny_model().cuda()
    batch = prompt(draw_prompts(cpu, 0))
    ids, logits = generate(cpu, batch)
    for options in ({}, {"use_cache": False}):
        got_ids, got = generate(gpu, on_gpu(batch), **options)
        assert torch.equal(got_ids.cpu(), ids)
        assert_close(got.cpu(), logits, 1e-4)


def loss_and_gradients(
    model: Phi3VForCausalLM, rows: list[Row], told: str
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    loss = model(**on_gpu(collate(rows, lengths=told)), use_cache=False).loss
    loss.backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return loss, {name: gradient.clone() for name, gradient in gradients.items()}


@pytest.mark.parametrize(
    "attention", ["sdpa", "flash_attention_2", "flash_attention_3"]
)
def test_bfloat16_training(attention: str) -> None:
    package = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_3"}
    if attention in package and not importlib.util.find_spec(package[attention]):
        pytest.skip(f"{package[attention]} is not installed")
    # Head sizes that flash kernels take.
    changes = {
        "hidden_size": 256,
        "rope_scaling": {
            "type": "su",
            "short_factor": (1 + np.arange(32) / 10).tolist(),
            "long_factor": (2 + np.arange(32) / 1).tolist(),
        },
        "vision_config": {
            "hidden_size": 128,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "patch_size": 84,
        },
        "img_processor": {"image_dim_out": 128, "num_img_tokens": 4},
    }
    draw = np.random.RandomState(0)
    exact = tiny_model(**changes).cuda().train()
    model = tiny_model(attention=attention, **changes).cuda().to(torch.bfloat16).train()
    rows = [
        draw_row(exact.config, draw, length=length, images=1) for length in (140, 60)
    ]
    expected, gradients = loss_and_gradients(exact, rows, "row_lengths")
    for told in ("row_lengths", "attention_mask"):
        loss, got = loss_and_gradients(model, rows, told)
        torch.testing.assert_close(loss, expected, rtol=0.1, atol=0)
        assert got.keys() == gradients.keys()
        for name, gradient in got.items():
            assert torch.isfinite(gradient).all(), name
