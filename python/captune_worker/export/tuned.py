"""A base model with what was trained on it, and the two made one."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForImageTextToText

from .. import phi3_v  # noqa: F401  (registers the Auto classes)
from ..adapters import tower_of
from ..errors import Refusal, issue

ADAPTER = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
WRAPPED = "base_model.model."
"""What PEFT puts before the name of every module."""
DTYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
"""Types of weights by their safetensors names."""
ROOM = 1.3
"""A GPU is used where it holds so many times the weights."""


class AdapterFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What decides who can load an adapter."""

    rank: int
    alpha: float
    dora: bool
    rslora: bool
    bias: str
    target_modules: list[str] | str
    modules_to_save: list[str]
    towers: list[Literal["language", "projector", "vision"]]
    """Parts of the model that it changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A model as it was trained."""

    causal: Any
    """What is run: the transformers model, or it behind PEFT."""
    adapter: AdapterFacts | None
    """None for a model of which every weight was trained."""


def load_tuned(base: Path, weights: Path, dtype: str, device: torch.device) -> Tuned:
    """The model in ``base`` with the adapter in ``weights``, or the model that is there.

    ``dtype`` is that of the weights. Only plain PEFT is used, as whoever loads the
    adapter does.

    Raises:
        Refusal: ``MODEL_INVALID`` for what cannot be loaded, or does not fit the base.
    """
    is_adapter = (weights / ADAPTER_CONFIG).exists()
    with as_refusal(weights):
        causal = load_model(base if is_adapter else weights, dtype, device)
        if not is_adapter:
            return Tuned(causal=causal, adapter=None)
        with safe_open(weights / ADAPTER, "pt") as file:
            names = set(file.keys())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Found missing adapter keys")
            peft = PeftModel.from_pretrained(causal, weights, torch_device=device.type)
    peft.eval()
    # PEFT is silent on tensors that are too many. Embeddings it may save whole: asked
    # for them, it looks the base model up on the hub.
    own = get_peft_model_state_dict(peft, save_embedding_layers=False).keys()
    differ = (own - names) | (names - own - peft.state_dict().keys())
    if differ:
        raise _invalid(weights, f"does not fit the base model, as in {min(differ)}")
    return Tuned(causal=peft, adapter=adapter_facts(weights, names))


def merge(tuned: Tuned) -> Any:
    """The transformers model alone, adapters added to its weights.

    Sums are made in float32 and rounded once to the type of the weights, a layer at a
    time: no second copy of the model exists. The layers merge themselves, so this is
    right for whatever PEFT's layers do (DoRA, rsLoRA).
    """
    if tuned.adapter is None:
        return tuned.causal
    for layer in tuned.causal.modules():
        if isinstance(layer, BaseTunerLayer):
            weight = layer.get_base_layer().weight
            dtype = weight.dtype
            weight.data = weight.data.float()
            layer.merge()
            weight.data = weight.data.to(dtype)
    return tuned.causal.unload()


def load_model(folder: Path, dtype: str, device: torch.device) -> Any:
    """A model for inference, by plain transformers."""
    causal = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=dtype, use_safetensors=True
    )
    return causal.to(device).eval()


def stored_dtype(folder: Path) -> str:
    """Name of the type in which a model's files hold its weights.

    Raises:
        Refusal: ``MODEL_INVALID`` for one that is not computed in.
    """
    with as_refusal(folder), safe_open(min(folder.glob("*.safetensors")), "pt") as file:
        return DTYPES[file.get_slice(min(file.keys())).get_dtype()]


def choose_device(wanted: str, base: Path, dtype: str) -> torch.device:
    """The GPU where there is one with room for the model in ``dtype``, else the CPU."""
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    free, _ = torch.cuda.mem_get_info()
    stored = sum(one.stat().st_size for one in base.glob("*.safetensors"))
    size = {name: getattr(torch, name).itemsize for name in DTYPES.values()}
    needed = ROOM * stored * size[dtype] / size[stored_dtype(base)]
    return torch.device("cuda" if needed < free else "cpu")


def adapter_facts(folder: Path, names: set[str]) -> AdapterFacts:
    """Reads PEFT's file; ``names`` are those of the adapter's tensors."""
    config = json.loads((folder / ADAPTER_CONFIG).read_bytes())
    return AdapterFacts(
        rank=config["r"],
        alpha=config["lora_alpha"],
        dora=config.get("use_dora", False),
        rslora=config.get("use_rslora", False),
        bias=config.get("bias", "none"),
        target_modules=config["target_modules"],
        modules_to_save=config.get("modules_to_save") or [],
        towers=sorted({tower_of(name.removeprefix(WRAPPED)) for name in names}),
    )


@contextmanager
def as_refusal(folder: Path) -> Iterator[None]:
    """Whatever stands in the way of loading is about the folder that was given."""
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _invalid(folder, f"cannot be loaded: {lines[0]}") from error


def _invalid(folder: Path, reason: str) -> Refusal:
    problem = issue("source", reason, str(folder))
    return Refusal("MODEL_INVALID", "There is nothing to export", [problem])
