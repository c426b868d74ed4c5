"""Facts about tensors."""

import pytest
import torch
from captune_worker.tensors import SAFETENSORS_NAMES, describe, statistics
from safetensors.torch import load_file, save_file


def test_statistics_are_of_the_finite_values() -> None:
    told = statistics(torch.tensor([[1.0, 3.0], [float("nan"), float("-inf")]]))
    assert (told.min, told.max, told.mean, told.std) == (1, 3, 2, 1)
    assert told.non_finite == 0.5


@pytest.mark.parametrize("values", [[], [float("nan")], [float("inf")] * 3])
def test_statistics_without_a_finite_value(values: list[float]) -> None:
    told = statistics(torch.tensor(values))
    assert (told.min, told.max, told.mean, told.std) == (None,) * 4
    assert told.non_finite == (1 if values else 0)


def test_statistics_of_half_precision_do_not_overflow() -> None:
    told = statistics(torch.full((100_000,), 60_000, dtype=torch.float16))
    assert told.mean == pytest.approx(60_000, rel=1e-3)
    assert told.std == 0


def test_names_of_dtypes_are_those_of_safetensors(tmp_path) -> None:
    for dtype, name in SAFETENSORS_NAMES.items():
        path = tmp_path / f"{name}.safetensors"
        save_file({"x": torch.zeros(2, 3, dtype=dtype)}, path)
        assert f'"dtype":"{name}"'.encode() in path.read_bytes()
        told = describe("x", load_file(path)["x"])
        assert (told.dtype, told.shape) == (name, [2, 3])
        assert told.bytes == 6 * dtype.itemsize


def test_what_is_trained_says_so() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    assert describe("p", parameter).trainable
    assert not describe("p", parameter.requires_grad_(False)).trainable
    assert describe("p", parameter).statistics is None
    assert describe("p", parameter, with_statistics=True).statistics.max == 0
