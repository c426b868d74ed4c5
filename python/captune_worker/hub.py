"""A model's folder: one that lies here, or a snapshot of a repository on the hub.

Only data is fetched: JSON and safetensors. A repository's Python files and pickled
weights stay where they are.
"""

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from .errors import Refusal, issue
from .spec import Model

PROCESSOR = ["*.json"]
"""What says how text and pictures are read; a few megabytes."""
WEIGHTS = ["*.safetensors"]
EMBEDDED = {
    "captune/airplanes-tiny": Path(__file__).parent / "embedded" / "airplanes-tiny"
}
"""Models that come with the package, by the name a spec gives."""
SUPPORTED = "phi3_v"
"""The ``model_type`` that captune trains."""
TOLD_SECONDS = 0.25

Progress = Callable[[int, int], None]
"""Told bytes fetched and bytes in all, by any thread, one at a time."""


def fetch_model(model: Model, verified: Path, on_progress: Progress) -> Path:
    """The folder of a model, complete, and of a kind that can be trained.

    ``verified`` is a folder that remembers which files' hashes were checked.

    Raises:
        Refusal: ``MODEL_INVALID``, ``DOWNLOAD_FAILED`` or ``DISK_FULL``.
    """
    folder = _find(model, [*PROCESSOR, *WEIGHTS], on_progress)
    if not _is_local(model):
        _verify(model, folder, verified)
    if not list(folder.glob("*.safetensors")):
        remedy = "Other formats of weights can run code when they are loaded."
        raise _invalid(model, "has no safetensors weights", remedy)
    return folder


def fetch_processor(model: Model, on_progress: Progress) -> Path:
    """The same folder, with the model's settings, tokenizer and processor at least.

    Raises:
        Refusal: as ``fetch_model``.
    """
    return _find(model, PROCESSOR, on_progress)


def _find(model: Model, patterns: list[str], on_progress: Progress) -> Path:
    folder = EMBEDDED.get(model.name_or_path, Path(model.name_or_path))
    if not _is_local(model):
        if Path(model.name_or_path).is_absolute():
            raise _invalid(model, "is no folder", "Give a hub id, or another folder.")
        folder = _download(model, patterns, on_progress)
    _check(model, folder)
    return folder


def _is_local(model: Model) -> bool:
    return model.name_or_path in EMBEDDED or Path(model.name_or_path).is_dir()


def _download(model: Model, patterns: list[str], on_progress: Progress) -> Path:
    try:
        folder = Path(
            snapshot_download(
                model.name_or_path,
                revision=model.revision,
                allow_patterns=patterns,
                tqdm_class=_progress_class(on_progress),
            )
        )
    except GatedRepoError:
        remedy = (
            "Accept its conditions on the hub and set HF_TOKEN to a token that may "
            "read it."
        )
        raise _invalid(model, "is gated", remedy) from None
    except RevisionNotFoundError:
        problem = issue("model.revision", "does not exist", model.revision)
        raise Refusal("MODEL_INVALID", "There is no such model", [problem]) from None
    except RepositoryNotFoundError:
        remedy = "Check its spelling; if it is private, set HF_TOKEN."
        raise _invalid(model, "is not on the hub", remedy) from None
    except HFValidationError as error:
        raise _invalid(model, f"is no hub id: {error}", "") from None
    except LocalEntryNotFoundError as error:
        raise _failed(model, _reason(error)) from error
    except (HTTPError, OSError, RuntimeError) as error:
        # RuntimeError: one thread's lost connection closes the client of all.
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise _disk_full(model) from error
        raise _failed(model, str(error)) from error
    return folder


def _progress_class(on_progress: Progress) -> type:
    """The library reports to a class of progress bars; this one draws nothing.

    It is no subclass of the hub's own, which is mute where bars are switched off. It is
    switched off itself: tqdm then neither watches it in a thread nor keeps it in a set
    that the garbage collector changes while others go through it.
    """

    # Files arrive in several threads, and who is told may be made for one.
    telling = Lock()

    class Bar(tqdm):
        monitor_interval = 0
        told_at = 0.0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs | {"disable": True})
            self.counts_bytes = kwargs.get("unit") == "B"

        def update(self, n: float | None = 1) -> None:
            with telling:
                self.n += n or 0
                if not (self.counts_bytes and self.total):
                    return
                is_complete = self.n >= self.total
                if is_complete or time.monotonic() - Bar.told_at >= TOLD_SECONDS:
                    Bar.told_at = time.monotonic()
                    on_progress(int(self.n), int(self.total))

    return Bar


def _verify(model: Model, folder: Path, verified: Path) -> None:
    """Large files are stored under their SHA-256; a file that differs is removed."""
    for link in folder.rglob("*"):
        blob = link.resolve()
        digest = blob.name
        if not re.fullmatch("[0-9a-f]{64}", digest) or (verified / digest).exists():
            continue
        with blob.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                link.unlink()
                blob.unlink()
                raise _failed(model, f"{link.name} arrived damaged and was removed")
        verified.mkdir(parents=True, exist_ok=True)
        (verified / digest).touch()


def _check(model: Model, folder: Path) -> None:
    config = folder / "config.json"
    if not config.exists():
        raise _invalid(model, "has no config.json", "Give a folder in hub layout.")
    kind = json.loads(config.read_bytes()).get("model_type")
    if kind != SUPPORTED:
        known = f"captune trains {SUPPORTED} (Phi-3-vision and Phi-3.5-vision)."
        raise _invalid(model, f"is of the type {kind}", known)


def _reason(error: Exception) -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return "HF_HUB_OFFLINE is set and the model is not, or not wholly, in the cache"
    return str(error.__cause__ or error).split("\n")[0]


def _invalid(model: Model, reason: str, remedy: str) -> Refusal:
    problem = issue("model.nameOrPath", reason, model.name_or_path, remedy)
    return Refusal("MODEL_INVALID", "There is no model to train", [problem])


def _failed(model: Model, reason: str) -> Refusal:
    problem = issue(
        "model.nameOrPath",
        f"could not be fetched: {reason.strip().split(chr(10))[0]}",
        model.name_or_path,
        "Try again: files that have arrived whole are kept.",
    )
    return Refusal("DOWNLOAD_FAILED", "The model did not arrive", [problem])


def _disk_full(model: Model) -> Refusal:
    problem = issue(
        "model.nameOrPath",
        "does not fit on the disk",
        model.name_or_path,
        "Free some space, or set HF_HOME to a folder on another disk.",
    )
    return Refusal("DISK_FULL", "The model did not arrive", [problem])
