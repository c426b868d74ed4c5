"""Checkpoints on disk: whole and known to be, or not there; in formats others read."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .errors import unwritable
from .model import TrainedModel
from .report import Report

STATE = "state.json"
TENSORS = "state.safetensors"
MANIFEST = "manifest.json"
VERSION = 1
"""Of the layout of a checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything but weights that training needs to go on as if never interrupted."""

    plain: dict[str, Any]
    tensors: dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A checkpoint that is whole."""

    step: int
    path: Path
    bytes: int
    state: State


class Checkpoints:
    """The folder ``checkpoints/`` of a run, one folder per step."""

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder / "checkpoints"

    def path(self, step: int) -> Path:
        return self._folder / f"step-{step:06d}"

    def save(self, step: int, model: TrainedModel, state: State) -> int:
        """Writes a checkpoint and returns its bytes."""

        def write(folder: Path) -> None:
            save_weights(model, folder)
            save_file(state.tensors, folder / TENSORS)
            (folder / STATE).write_text(json.dumps({"step": step, **state.plain}))

        needed = sum(one.nbytes for _, one in model.trainable())
        needed += sum(one.nbytes for one in state.tensors.values())
        return write_folder(self.path(step), write, needed)

    def load(self, step: int, model: TrainedModel) -> None:
        """Puts the weights of a checkpoint into the model."""
        load_weights(model, self.path(step))

    def newest(self, report: Report) -> Found | None:
        """The newest checkpoint that is whole; those that are not are warned of."""
        for partial in self._folder.glob(".*.partial"):
            shutil.rmtree(partial, ignore_errors=True)
        for path in sorted(self._folder.glob("step-*"), reverse=True):
            problem = damage(path)
            if problem is None:
                return _read(path)
            report.warning(
                code="CHECKPOINT_DAMAGED",
                message=f"{path.name} {problem}; the checkpoint before it is used.",
                data={"path": str(path), "reason": problem},
            )
        return None

    def remove(self, step: int) -> None:
        shutil.rmtree(self.path(step), ignore_errors=True)


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint, by its manifest; None when it is whole."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        version = manifest["version"]
        files = {
            str(name): (one["bytes"], one["sha256"])
            for name, one in manifest["files"].items()
        }
    except FileNotFoundError:
        return "was never finished"
    except (AttributeError, OSError, RecursionError, ValueError, KeyError, TypeError):
        return f"has a {MANIFEST} that cannot be read"
    if version != VERSION:
        return f"has the layout {version!r}, not {VERSION}"
    for name, (size, digest) in files.items():
        file = path / name
        if not file.is_file():
            return f"lacks {name}"
        if file.stat().st_size != size or _hash(file) != digest:
            return f"holds another {name} than was written"
    return None


def save_weights(model: TrainedModel, folder: Path) -> None:
    """An adapter in PEFT's format, or the whole model with its processor."""
    if model.peft is None:
        model.causal.save_pretrained(folder)
        model.processor.save_pretrained(folder)
        return
    # "auto" would ask the hub whether the vocabulary has grown.
    weights = get_peft_model_state_dict(model.peft, save_embedding_layers=False)
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


def write_folder(
    path: Path, write: Callable[[Path], None], needed: int | None = None
) -> int:
    """Fills a folder so that it appears under ``path`` complete, or not at all.

    Its manifest, written last, has size and SHA-256 of every file. Returns its bytes;
    ``needed`` is what they are expected to be, for an error to tell.

    Raises:
        Refusal: ``DISK_FULL``, ``OUTPUT_UNWRITABLE``; what was there stays.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        return _write_folder(path, partial, write)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise unwritable(path.parent, error, needed) from error


def _write_folder(path: Path, partial: Path, write: Callable[[Path], None]) -> int:
    shutil.rmtree(partial, ignore_errors=True)
    # The run folder itself is not made anew where somebody has removed it.
    partial.parent.mkdir(exist_ok=True)
    partial.mkdir()
    write(partial)
    files = {
        str(one.relative_to(partial)): {
            "bytes": one.stat().st_size,
            "sha256": _hash(one),
        }
        for one in _files(partial)
    }
    for name in files:
        sync(partial / name)
    manifest = partial / MANIFEST
    manifest.write_text(json.dumps({"version": VERSION, "files": files}, indent=1))
    sync(manifest)
    sync(partial)
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)
    sync(path.parent)
    return _bytes(path)


def _read(path: Path) -> Found:
    plain = json.loads((path / STATE).read_bytes())
    state = State(plain=plain, tensors=load_file(path / TENSORS))
    return Found(step=plain["step"], path=path, bytes=_bytes(path), state=state)


def _files(folder: Path) -> Iterator[Path]:
    return (one for one in sorted(folder.rglob("*")) if one.is_file())


def _bytes(folder: Path) -> int:
    return sum(one.stat().st_size for one in _files(folder))


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Waits until the disk has it: a rename may reach the disk before the content."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
