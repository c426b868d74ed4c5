"""What ``auto`` means here and now, from measured facts; the only place that decides it."""

import math
from dataclasses import dataclass

import torch
from transformers.utils import is_flash_attn_2_available

from .errors import Refusal, issue
from .spec import Full, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The outcome for one run."""

    device: torch.device
    dtype: torch.dtype
    """Type that is computed in; also held in, but for weights that are trained."""
    attention: str
    """``attn_implementation`` of transformers."""
    steps_per_epoch: int
    total_steps: int
    warmup_steps: int


def resolve(spec: Spec, train_rows: int) -> Resolution:
    """Raises:
    Refusal: ``DEVICE_UNAVAILABLE`` when the spec asks for what is not there.
    """
    training = spec.training
    device = _device(spec.compute.device)
    examples = training.batch_size * training.gradient_accumulation_steps
    steps_per_epoch = math.ceil(train_rows / examples)
    total_steps = math.ceil(training.epochs * steps_per_epoch)
    if training.max_steps is not None:
        total_steps = min(total_steps, training.max_steps)
    return Resolution(
        device=device,
        dtype=_dtype(spec.model.dtype, device),
        attention=_attention(spec.model.attention, device),
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        warmup_steps=math.ceil(training.warmup_ratio * total_steps),
    )


def demand_device(spec: Spec) -> None:
    """Raises:
    Refusal: ``DEVICE_UNAVAILABLE`` when the spec asks for what is not there.
    """
    _attention(spec.model.attention, _device(spec.compute.device))


def held_dtype(spec: Spec, dtype: torch.dtype) -> torch.dtype:
    """The type weights are loaded in.

    Weights that are trained stay in float32, where small updates do not vanish.
    """
    return torch.float32 if isinstance(spec.method, Full) else dtype


def _device(wanted: str) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise _unavailable("compute.device", wanted, "finds no CUDA device", "cpu")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def _dtype(wanted: str, device: torch.device) -> torch.dtype:
    if wanted == "auto":
        has_bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        wanted = "bfloat16" if has_bfloat16 else "float32"
    return getattr(torch, wanted)


def _attention(wanted: str, device: torch.device) -> str:
    has_flash = device.type == "cuda" and is_flash_attn_2_available()
    if wanted == "flash" and device.type != "cuda":
        raise _unavailable("model.attention", wanted, "needs a CUDA device", "sdpa")
    if wanted in ("auto", "flash"):
        return "flash_attention_2" if has_flash else "sdpa"
    return wanted


def _unavailable(path: str, value: str, reason: str, other: str) -> Refusal:
    remedy = f'Use "auto" or "{other}".'
    problem = issue(path, reason, value, remedy)
    return Refusal("DEVICE_UNAVAILABLE", "This machine cannot do that", [problem])
