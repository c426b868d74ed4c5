"""Writes one export, and looks whether it answers as it should.

The folder appears under another name; whoever asked gives it its own, with a README.
"""

import errno
import gc
import os
import shutil
import warnings
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from transformers import AutoProcessor
from transformers.utils import logging as transformers_logging

from ..errors import Refusal, issue
from ..hub import EMBEDDED, fetch_model
from ..spec import Model
from .layout import write_adapter, write_model
from .tuned import (
    AdapterFacts,
    Tuned,
    as_refusal,
    choose_device,
    load_model,
    load_tuned,
    merge,
    stored_dtype,
)
from .verify import (
    Probe,
    Row,
    Verification,
    caption,
    compare,
    largest,
    logits_of,
    make_probe,
)


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is asked."""

    form: Literal["merged", "adapter"]
    weights: str
    """Folder of an adapter, or of a model of which every weight was trained."""
    base: str
    """Hub id or folder of the model that was trained on."""
    revision: str | None
    image_crops: int | None
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    device: Literal["auto", "cpu", "cuda"]
    row: Row | None
    max_new_tokens: int
    folder: str
    """Where to write; made anew."""
    cache_folder: str


class Exported(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was written; the twin of ``sdk/export/export.ts``."""

    base: str | None
    """The base's id on the hub; None when it has no place there."""
    parameters: int
    adapter: AdapterFacts | None
    verification: Verification


def export(request: Request) -> Exported:
    """Writes the folder, or nothing.

    Raises:
        Refusal: ``MODEL_INVALID``, ``DOWNLOAD_FAILED``, ``DISK_FULL``, and
            ``EXPORT_MISMATCH`` when the two forms do not answer alike.
    """
    folder = Path(request.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return _export(request, folder)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if os.strerror(errno.ENOSPC) in str(error):
            raise _disk_full(request) from error
        raise


@torch.no_grad()
def _export(request: Request, folder: Path) -> Exported:
    base = fetch_base(request)
    hub_id = place_on_hub(request.base)
    dtype = stored_dtype(base) if request.dtype == "auto" else request.dtype
    device = choose_device(request.device, base, dtype)
    weights = Path(request.weights)
    # What is judged is what lies on the disk, as others will read it.
    if request.form == "adapter":
        with as_refusal(weights):
            write_adapter(folder, weights, hub_id, request.revision)
        weights = folder
    tuned = load_tuned(base, weights, dtype, device)
    adapter = tuned.adapter
    processor = load_processor(base, request.image_crops)
    probe = make_probe(processor, request.row)
    expected = logits_of(tuned.causal, probe)
    effect = effect_of(tuned, probe, expected)
    if request.form == "adapter":
        said = caption(tuned.causal, processor, probe, request.max_new_tokens)
    model = merge(tuned)
    del tuned
    if request.form == "merged":
        write_model(folder, model, base, hub_id, request.image_crops)
        del model
        free(device)
        model = load_model(folder, "auto", device)
        processor = load_processor(folder, None)
        probe = make_probe(processor, request.row)
        said = caption(model, processor, probe, request.max_new_tokens)
    numbers = compare(expected, logits_of(model, probe), model.dtype)
    return Exported(
        base=hub_id,
        parameters=sum(one.numel() for one in model.parameters()),
        adapter=adapter,
        verification=Verification(
            dtype=str(model.dtype).removeprefix("torch."),
            device=device.type,
            effect=effect,
            prompt=probe.prompt,
            is_drawn=probe.is_drawn,
            caption=said[0],
            stopped=said[1],
            **numbers,
        ),
    )


def place_on_hub(base: str) -> str | None:
    """The base's id there; None for a folder, and for what comes with the package."""
    return None if base in EMBEDDED or Path(base).is_dir() else base


def effect_of(tuned: Tuned, probe: Probe, expected: torch.Tensor) -> float | None:
    """How much the adapter changes a logit at most.

    None where PEFT cannot take it off: every weight, or biases, were trained.
    """
    if tuned.adapter is None or tuned.adapter.bias != "none":
        return None
    with tuned.causal.disable_adapter():
        return largest(logits_of(tuned.causal, probe) - expected)


def fetch_base(request: Request) -> Path:
    """The base model's folder, complete.

    Raises:
        Refusal: as ``fetch_model``.
    """
    model = Model(
        name_or_path=request.base,
        revision=request.revision,
        dtype="auto",
        attention="auto",
        image_crops=request.image_crops or 1,
    )
    verified = Path(request.cache_folder) / "verified"
    return fetch_model(model, verified, lambda *_: None)


def load_processor(folder: Path, crops: int | None) -> Any:
    """The processor of a model, by plain transformers."""
    options = {} if crops is None else {"num_crops": crops}
    return AutoProcessor.from_pretrained(folder, **options)


def free(device: torch.device) -> None:
    """Gives memory back before the next model needs it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _disk_full(request: Request) -> Refusal:
    remedy = "Free some space, or choose a folder on another disk."
    problem = issue("folder", "has no room for the export", request.folder, remedy)
    return Refusal("DISK_FULL", "Nothing was exported", [problem])


def answer(request: Request) -> Exported:
    """Raises:
    Refusal: as ``export``.
    """
    warnings.simplefilter("ignore", FutureWarning)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    return export(request)
