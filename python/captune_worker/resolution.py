"""What ``auto`` means here and now, from measured facts; the only place that decides it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from transformers.utils import is_flash_attn_2_available

from .errors import Refusal, issue
from .spec import Full, Model, Qlora, Spec

ACTIVATIONS = (10, 5)
"""Elements kept for the backward pass, per token and decoder layer: so many times the
hidden size, and so many times the intermediate size. By them 4.6 MB a token at true
size in bfloat16; an H100 took 4.55 for LoRA, and 5.9 where PEFT's own layers run."""
RECOMPUTED = 1
"""The same with recomputation, in hidden sizes; besides one whole layer. By them 0.34
MB a token; 0.35 were taken."""
RESERVE = {"cuda": 0.08, "cpu": 0.5}
"""Share of free memory that is left alone."""
OPTIMIZER_BYTES = 12
"""Per trained parameter: gradient and two moments in float32."""


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
    step_examples: int
    """Examples of one optimizer step."""
    micro_batch_size: int
    """Examples that are computed at once."""
    gradient_checkpointing: bool
    cache_image_features: bool
    answer_rows_only: bool
    autocast: bool

    @property
    def gradient_accumulation_steps(self) -> int:
        return math.ceil(self.step_examples / self.micro_batch_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and how a model is held, before anything is known of its use."""

    device: torch.device
    dtype: torch.dtype
    attention: str
    """``attn_implementation`` of transformers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What has to fit into memory, and what decides how it is computed."""

    config: Any
    """Of the model, as transformers has it."""
    trained: int
    """Parameters that are trained."""
    trains_weights: bool
    """Is anything trained but adapters?"""
    trains_features: bool
    """Does anything that is trained decide what a picture is to the decoder?"""
    longest: int
    """Tokens of the longest training row."""
    answer_tokens: int
    """The most answer tokens of a row."""
    pictures: int
    """Visual tokens of all pictures, where they are to be kept."""


def resolve(spec: Spec, train_rows: int) -> Resolution:
    """What is known before the model is loaded; ``fit`` settles the rest.

    Raises:
        Refusal: ``DEVICE_UNAVAILABLE`` when the spec asks for what is not there.
    """
    training = spec.training
    demand_device(spec)
    at = place(spec.model, spec.compute.device)
    examples = training.batch_size * training.gradient_accumulation_steps
    steps_per_epoch = math.ceil(train_rows / examples)
    total_steps = math.ceil(training.epochs * steps_per_epoch)
    if training.max_steps is not None:
        total_steps = min(total_steps, training.max_steps)
    warmup_steps = training.warmup_steps
    if warmup_steps is None:
        warmup_steps = math.ceil(training.warmup_ratio * total_steps)
    return Resolution(
        device=at.device,
        dtype=at.dtype,
        attention=at.attention,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        warmup_steps=warmup_steps,
        step_examples=examples,
        micro_batch_size=training.batch_size,
        gradient_checkpointing=training.gradient_checkpointing is True,
        cache_image_features=training.cache_image_features is True,
        answer_rows_only=training.answer_rows_only is not False,
        autocast=False,
    )


def place(model: Model, device: str) -> Place:
    """Raises:
    Refusal: ``DEVICE_UNAVAILABLE`` when what is asked for is not there.
    """
    found = _device(device)
    return Place(
        device=found,
        dtype=_dtype(model.dtype, found),
        attention=_attention(model.attention, found),
    )


def fit(spec: Spec, draft: Resolution, load: Load) -> Resolution:
    """Settles what depends on the loaded model and on the memory it leaves.

    Raises:
        Refusal: ``SPEC_INVALID`` when features are to be kept that training changes.
    """
    training = spec.training
    if training.cache_image_features is True and load.trains_features:
        problem = issue(
            "training.cacheImageFeatures",
            "cannot be kept: what makes them is trained",
            True,
            'Use "auto", or train the decoder only.',
        )
        raise Refusal("SPEC_INVALID", "The spec contradicts itself", [problem])
    if training.cache_image_features == "auto":
        draft = dataclasses.replace(
            draft, cache_image_features=not load.trains_features
        )
    wants_autocast = training.autocast
    if wants_autocast == "auto":
        wants_autocast = load.trains_weights
    # In float32 there is nothing to cast to.
    draft = dataclasses.replace(
        draft, autocast=wants_autocast and draft.dtype != torch.float32
    )
    room = _room(draft, load)
    recompute = training.gradient_checkpointing
    if recompute == "auto":
        recompute = room < _example_bytes(draft, load, recompute=False)
    fitting = int(room // _example_bytes(draft, load, recompute))
    return dataclasses.replace(
        draft,
        gradient_checkpointing=recompute,
        micro_batch_size=_micro_batch(spec, draft.step_examples, fitting),
    )


def shrink(spec: Spec, resolution: Resolution) -> Resolution | None:
    """What to try when memory did not hold; None when nothing is left to try."""
    if resolution.micro_batch_size > 1:
        half = math.ceil(resolution.micro_batch_size / 2)
        return dataclasses.replace(resolution, micro_batch_size=half)
    if (
        spec.training.gradient_checkpointing == "auto"
        and not resolution.gradient_checkpointing
    ):
        return dataclasses.replace(resolution, gradient_checkpointing=True)
    return None


def fitting_tokens(resolution: Resolution, load: Load) -> int:
    """About how many tokens a row may have, by the memory that is free now."""
    per_token = _example_bytes(resolution, load, resolution.gradient_checkpointing)
    return max(0, int(_room(resolution, load) * load.longest // per_token))


def demand_device(spec: Spec) -> None:
    """Raises:
    Refusal: ``DEVICE_UNAVAILABLE`` when the spec asks for what is not there.
    """
    device = _device(spec.compute.device)
    _attention(spec.model.attention, device)
    if isinstance(spec.method, Qlora) and device.type != "cuda":
        raise _unavailable(
            "method.kind", "qlora", "needs a CUDA device: bitsandbytes", "lora"
        )


def held_dtype(spec: Spec, dtype: torch.dtype) -> torch.dtype:
    """The type weights are loaded in.

    Weights that are trained stay in float32, where small updates do not vanish, unless
    the spec wants no autocast.
    """
    is_mixed = isinstance(spec.method, Full) and spec.training.autocast is not False
    return torch.float32 if is_mixed else dtype


def saved(resolution: Resolution) -> dict[str, Any]:
    """As plain data, for a checkpoint."""
    plain = dataclasses.asdict(resolution)
    return plain | {
        "device": resolution.device.type,
        "dtype": str(resolution.dtype).removeprefix("torch."),
    }


def restored(plain: dict[str, Any], spec: Spec) -> Resolution:
    """The resolution of a checkpoint.

    Raises:
        Refusal: ``DEVICE_UNAVAILABLE`` when its device is not here.
    """
    demand_device(spec)
    if plain["device"] == "cuda" and not torch.cuda.is_available():
        raise _unavailable(
            "compute.device", "cuda", "is what the run began on and is not here", "cuda"
        )
    return Resolution(
        **plain
        | {
            "device": torch.device(plain["device"]),
            "dtype": getattr(torch, plain["dtype"]),
        }
    )


def _micro_batch(spec: Spec, examples: int, fitting: int) -> int:
    """Examples at once: as many as fit, in micro-batches of about one size."""
    combine = spec.training.combine_micro_batches
    if combine is False:
        return spec.training.batch_size
    at_once = examples if combine is True else min(examples, max(fitting, 1))
    return math.ceil(examples / math.ceil(examples / at_once))


def _room(resolution: Resolution, load: Load) -> float:
    """Bytes for activations: what is free now, less what is still to come."""
    if resolution.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(resolution.device)
    else:
        free = psutil.virtual_memory().available
    features = load.pictures * load.config.hidden_size * resolution.dtype.itemsize
    kept = features if resolution.cache_image_features else 0
    share = 1 - RESERVE[resolution.device.type]
    return free * share - load.trained * OPTIMIZER_BYTES - kept


def _example_bytes(resolution: Resolution, load: Load, recompute: bool) -> float:
    """What the longest row keeps until its backward pass has used it."""
    config = load.config
    hidden, intermediate = ACTIVATIONS
    layer = hidden * config.hidden_size + intermediate * config.intermediate_size
    layers = config.num_hidden_layers
    if recompute:
        elements = layers * RECOMPUTED * config.hidden_size + layer
    else:
        elements = layers * layer
    rows = load.answer_tokens if resolution.answer_rows_only else load.longest
    # The logits, and in float32 the same again, their softmax and its gradient.
    logits = rows * config.vocab_size * (resolution.dtype.itemsize + 12)
    return load.longest * elements * resolution.dtype.itemsize + logits


def _device(wanted: str) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise _unavailable("compute.device", wanted, "finds no CUDA device", "cpu")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def _dtype(wanted: str, device: torch.device) -> torch.dtype:
    if wanted == "auto":
        wanted = "float32"
        if device.type == "cuda":
            # Computing in bfloat16 is emulated, and slow, on cards before Ampere.
            is_ampere = torch.cuda.get_device_capability(device) >= (8, 0)
            wanted = "bfloat16" if is_ampere else "float16"
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
