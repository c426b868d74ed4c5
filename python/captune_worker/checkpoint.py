"""Trained weights on disk: whole or not at all, in formats other tools read."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from .model import TrainedModel

STATE = "state.json"


class Checkpoints:
    """The folder ``checkpoints/`` of a run, one folder per step."""

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder / "checkpoints"

    def path(self, step: int) -> Path:
        return self._folder / f"step-{step:06d}"

    def save(self, step: int, model: TrainedModel, state: dict[str, Any]) -> int:
        """Writes a checkpoint and returns its bytes."""

        def write(folder: Path) -> None:
            save_weights(model, folder)
            (folder / STATE).write_text(json.dumps({"step": step, **state}))

        return write_folder(self.path(step), write)

    def load(self, step: int, model: TrainedModel) -> None:
        """Puts the weights of a checkpoint into the model."""
        load_weights(model, self.path(step))

    def remove(self, step: int) -> None:
        shutil.rmtree(self.path(step), ignore_errors=True)


def save_weights(model: TrainedModel, folder: Path) -> None:
    """An adapter in PEFT's format, or the whole model with its processor."""
    if model.peft is None:
        model.causal.save_pretrained(folder)
        model.processor.save_pretrained(folder)
        return
    weights = get_peft_model_state_dict(model.peft)
    save_file(
        {name: tensor.contiguous().cpu() for name, tensor in weights.items()},
        folder / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )
    model.peft.peft_config["default"].save_pretrained(folder)


def load_weights(model: TrainedModel, folder: Path) -> None:
    """The reverse of ``save_weights``, into a model of the same method."""
    if model.peft is not None:
        weights = load_file(folder / "adapter_model.safetensors")
        set_peft_model_state_dict(model.peft, weights)
        return
    whole = type(model.causal).from_pretrained(folder, dtype=model.causal.dtype)
    model.causal.load_state_dict(whole.state_dict())


def write_folder(path: Path, write: Callable[[Path], None]) -> int:
    """Fills a folder so that it appears under ``path`` complete, or not at all.

    Returns its bytes.
    """
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write(partial)
    files = [one for one in partial.rglob("*") if one.is_file()]
    for one in files:
        _sync(one)
    _sync(partial)
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)
    _sync(path.parent)
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def _sync(path: Path) -> None:
    """Waits until the disk has it: a rename may reach the disk before the content."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
