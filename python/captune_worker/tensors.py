"""Facts about tensors, for people who want to see what goes in and what is trained."""

import torch
from torch import Tensor

from .events import TensorInfo, TensorStatistics

SAFETENSORS_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def describe(name: str, tensor: Tensor, with_statistics: bool = False) -> TensorInfo:
    """Name, shape, dtype, place and size; on request statistics, which take a sync."""
    return TensorInfo(
        name=name,
        shape=list(tensor.shape),
        dtype=SAFETENSORS_NAMES[tensor.dtype],
        device=str(tensor.device),
        bytes=tensor.numel() * tensor.element_size(),
        trainable=isinstance(tensor, torch.nn.Parameter) and tensor.requires_grad,
        statistics=statistics(tensor) if with_statistics else None,
    )


def statistics(tensor: Tensor) -> TensorStatistics:
    """Of the finite values, in float64; all but ``non_finite`` None if there is none."""
    values = tensor.detach().double().flatten()
    finite = values[values.isfinite()]
    if len(values) == 0 or len(finite) == 0:
        share = 0.0 if len(values) == 0 else 1.0
        return TensorStatistics(
            min=None, max=None, mean=None, std=None, non_finite=share
        )
    return TensorStatistics(
        min=finite.min().item(),
        max=finite.max().item(),
        mean=finite.mean().item(),
        std=finite.std(correction=0).item(),
        non_finite=1 - len(finite) / len(values),
    )
