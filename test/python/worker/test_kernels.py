"""The attention kernel is told as it ran."""

from typing import Any

import pytest
import torch
from captune_worker.errors import Refusal
from captune_worker.kernels import AttentionKernels
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from worker.conftest import Conduct


class Ear:
    """Hears warnings."""

    def __init__(self) -> None:
        self.warnings: list[dict[str, Any]] = []

    def warning(self, **fields: Any) -> None:
        self.warnings.append(fields)


def attend(backend: SDPBackend) -> None:
    query = torch.randn(1, 2, 5, 8, requires_grad=True)
    with sdpa_kernel(backend):
        scaled_dot_product_attention(query, query, query, is_causal=True)


def test_the_kernel_that_ran_is_seen_and_a_change_is_a_warning() -> None:
    ear = Ear()
    kernels = AttentionKernels("sdpa", ear)
    for backend, kernel in [
        (SDPBackend.FLASH_ATTENTION, "sdpa:flash"),
        (SDPBackend.FLASH_ATTENTION, "sdpa:flash"),
        (SDPBackend.MATH, "sdpa:math"),
    ]:
        with kernels.observe("training"):
            attend(backend)
        assert kernels.training == kernel
    assert kernels.evaluation is None
    (warning,) = ear.warnings
    assert warning["code"] == "ATTENTION_CHANGED"
    assert warning["data"] == {
        "phase": "training",
        "before": "sdpa:flash",
        "now": "sdpa:math",
    }


def test_flash_is_demanded_of_the_kernel_not_of_the_setting() -> None:
    kernels = AttentionKernels("sdpa", Ear())
    with kernels.observe("training"):
        attend(SDPBackend.FLASH_ATTENTION)
    kernels.demand_flash()
    with kernels.observe("training"):
        attend(SDPBackend.MATH)
    with pytest.raises(Refusal) as caught:
        kernels.demand_flash()
    assert caught.value.code == "DEVICE_UNAVAILABLE"
    assert "sdpa:math" in caught.value.issues[0].reason


@pytest.mark.parametrize(
    ("attention", "kernel"), [("sdpa", "sdpa:flash"), ("eager", "eager")]
)
def test_a_run_tells_its_kernels(
    conduct: Conduct, plain_spec: dict[str, Any], attention: str, kernel: str
) -> None:
    plain_spec["model"]["attention"] = attention
    assert conduct(plain_spec).of("model")[0]["evaluationAttention"] is None
    plain_spec["data"]["test"] = plain_spec["data"]["train"]
    (model,) = conduct(plain_spec).of("model")
    assert (model["attention"], model["evaluationAttention"]) == (kernel, kernel)


def test_looking_changes_no_number(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_spec["method"]["dropout"] = 0.3
    plain_spec["training"]["maxSteps"] = 3
    looked = conduct(plain_spec)
    monkeypatch.setattr(
        "captune_worker.train.Trainer.watch_attention",
        lambda self: setattr(self._kernels, "training", "unseen"),
    )
    blind = conduct(plain_spec)
    for one, two in zip(looked.of("step"), blind.of("step"), strict=True):
        assert one["loss"] == two["loss"]
