"""What training is made of besides weights, as plain JSON and tensors: no pickle."""

import math
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor

Plain = dict[str, Any]
Tensors = dict[str, Tensor]


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[Plain, Tensors]:
    """Groups and numbers as plain data, moments as tensors ``<parameter>.<name>``."""
    state = optimizer.state_dict()
    plain: Plain = {"groups": _plain(state["param_groups"]), "numbers": {}}
    tensors: Tensors = {}
    for index, entries in state["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value.detach().cpu().contiguous()
            else:
                plain["numbers"].setdefault(str(index), {})[name] = _plain(value)
    return plain, tensors


def load_optimizer(
    optimizer: torch.optim.Optimizer, plain: Plain, tensors: Tensors
) -> None:
    """The reverse of ``optimizer_state``, into an optimizer of the same groups."""
    state: dict[int, Plain] = {}
    for index, numbers in plain["numbers"].items():
        state.setdefault(int(index), {}).update(_unplain(numbers))
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    groups = _unplain(plain["groups"])
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def schedule_state(schedule: Any) -> Plain:
    """The attributes of a schedule that are numbers; the rest its maker gives anew."""
    return _plain(
        {
            name: value
            for name, value in schedule.state_dict().items()
            if _is_plain(value)
        }
    )


def load_schedule(schedule: Any, plain: Plain) -> None:
    """The reverse of ``schedule_state``."""
    schedule.load_state_dict({**schedule.state_dict(), **_unplain(plain)})


def random_state() -> tuple[Plain, Tensors]:
    """The generators of Python, numpy, torch and every CUDA device."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    plain: Plain = {
        "python": [version, list(words), gauss],
        "numpy": [kind, int(position), int(has_gauss), float(cached)],
    }
    tensors = {
        "numpy": torch.from_numpy(keys.astype(np.int64)),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        for index, state in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"cuda.{index}"] = state
    return plain, tensors


def load_random(plain: Plain, tensors: Tensors) -> None:
    """The reverse of ``random_state``; devices that are not here are left out."""
    version, words, gauss = plain["python"]
    random.setstate((version, tuple(words), gauss))
    kind, position, has_gauss, cached = plain["numpy"]
    keys = tensors["numpy"].numpy().astype(np.uint32)
    np.random.set_state((kind, keys, position, has_gauss, cached))
    torch.set_rng_state(tensors["torch"])
    for index in range(torch.cuda.device_count()):
        if f"cuda.{index}" in tensors:
            torch.cuda.set_rng_state(tensors[f"cuda.{index}"], index)


def prefixed(prefix: str, tensors: Tensors) -> Tensors:
    """The same tensors under ``<prefix>.<name>``."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def unprefixed(prefix: str, tensors: Tensors) -> Tensors:
    """The reverse of ``prefixed``; others are left out."""
    start = f"{prefix}."
    return {
        name.removeprefix(start): tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _plain(value: Any) -> Any:
    """JSON has no infinity and no tuples; the latter nothing here tells from lists."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Tensor):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def _unplain(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        return {key: _unplain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_unplain(one) for one in value]
    return value
