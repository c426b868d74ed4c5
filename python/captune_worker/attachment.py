"""Adapters from folders: read, put on a model beside those that are there, and filled."""

import json
import warnings
from pathlib import Path
from typing import Any

from peft import (
    LoraConfig,
    PeftConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from .errors import Refusal, issue
from .events import EndIssue
from .lora_linear import LeanLoraLinear

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


def read_adapter(folder: Path, path: str) -> LoraConfig:
    """What a folder in PEFT's format says of its adapter.

    ``path`` is the field that named the folder.

    Raises:
        Refusal: ``MODEL_INVALID`` for a folder that holds no LoRA adapter.
    """
    if not (folder / CONFIG).is_file():
        raise _invalid(folder, path, f"has no {CONFIG}")
    try:
        # PEFT warns of fields that are newer than itself.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = PeftConfig.from_pretrained(str(folder))
    except Exception as error:  # PEFT raises whatever it met
        raise _invalid(folder, path, f"has a {CONFIG} that {_short(error)}") from error
    if not isinstance(config, LoraConfig):
        raise _invalid(folder, path, f"holds no LoRA adapter but {config.peft_type}")
    if not (folder / WEIGHTS).is_file():
        raise _invalid(folder, path, f"has no {WEIGHTS}")
    return config


def attach_adapter(
    causal: Any, peft: PeftModel | None, folder: Path, name: str, path: str
) -> PeftModel:
    """Puts the adapter of a folder on a model as ``name``; held as training holds it.

    ``peft`` is the model behind PEFT where it has adapters already; ``path`` is the
    field that named the folder.

    Raises:
        Refusal: ``MODEL_INVALID`` for an adapter that does not fit the model.
    """
    config = read_adapter(folder, path)
    config.inference_mode = False
    is_quantized = getattr(causal, "is_quantized", False)
    if not config.use_dora and not is_quantized:
        config._register_custom_module({nn.Linear: LeanLoraLinear})
    try:
        if peft is None:
            peft = get_peft_model(causal, config, adapter_name=name)
        else:
            peft.add_adapter(name, config)
    except Exception as error:
        raise _invalid(folder, path, f"does not fit: {_short(error)}") from error
    peft.set_adapter(name)
    hold_trained(causal)
    try:
        weights = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        reason = f"has a {WEIGHTS} that is damaged: {_short(error)}"
        raise _invalid(folder, path, reason) from error
    expected = get_peft_model_state_dict(
        peft, adapter_name=name, save_embedding_layers=False
    )
    problems = [*_misfits(weights, expected, folder, path)]
    if problems:
        raise Refusal("MODEL_INVALID", "The adapter is not of this model", problems)
    set_peft_model_state_dict(peft, weights, adapter_name=name)
    return peft


def hold_trained(causal: Any) -> None:
    """Holds in float32 what an adapter trains.

    PEFT does so for adapters only: in 16 bits small updates of the rest would vanish.
    """
    for parameter in causal.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def _misfits(
    weights: dict[str, Tensor], expected: dict[str, Tensor], folder: Path, path: str
) -> list[EndIssue]:
    """The first tensor of each way in which a file can be another model's."""
    lacking = [name for name in expected if name not in weights]
    foreign = [name for name in weights if name not in expected]
    other = [
        name
        for name, tensor in weights.items()
        if name in expected and tensor.shape != expected[name].shape
    ]
    reasons = []
    if lacking:
        reasons.append(f"lacks {lacking[0]}{_more(lacking)}")
    if foreign:
        reasons.append(f"has {foreign[0]}{_more(foreign)}, which the model has not")
    if other:
        found, wanted = (list(one[other[0]].shape) for one in (weights, expected))
        reasons.append(
            f"has {other[0]}{_more(other)} of the shape {found}; the model needs "
            f"{wanted}"
        )
    remedy = "Give the model that it was trained on."
    return [issue(path, reason, str(folder), remedy) for reason in reasons]


def _more(names: list[str]) -> str:
    return "" if len(names) == 1 else f" and {len(names) - 1} more"


def _invalid(folder: Path, path: str, reason: str) -> Refusal:
    problem = issue(path, reason, str(folder))
    return Refusal("MODEL_INVALID", "The adapter cannot be used", [problem])


def _short(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON: {error}"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
