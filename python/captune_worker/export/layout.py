"""Folders as the hub has them: weights, and the files that say how to use them."""

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from ..checkpoint import sync
from .tuned import ADAPTER, ADAPTER_CONFIG

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
COPIED = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.json",
    "chat_template.jinja",
    "tokenizer.model",
]
"""Files of the base model that are taken as they are, where it has them."""
PROCESSORS = ["preprocessor_config.json", "processor_config.json"]


def write_model(
    folder: Path, causal: Any, base: Path, hub_id: str | None, crops: int | None
) -> None:
    """A model in the layout of the one in ``base``: its file names and its keys.

    ``hub_id`` names the base on the hub, where it has a place there; ``crops`` is what
    the processor shall cut pictures into, None for what the base says.
    """
    state = causal.state_dict()
    files = shards(base, set(state))
    for name, keys in files.items():
        part = {key: state[key].contiguous().cpu() for key in keys}
        save_file(part, folder / name, {"format": "pt"})
    if len(files) > 1:
        size = sum(tensor.nbytes for tensor in state.values())
        places = {key: name for name, keys in files.items() for key in keys}
        index = {"metadata": {"total_size": size}, "weight_map": places}
        _write_json(folder / INDEX, index)
    for name in COPIED:
        if (base / name).exists():
            shutil.copyfile(base / name, folder / name)
    config = json.loads((base / "config.json").read_bytes())
    config.pop("_name_or_path", None)
    key = "dtype" if "dtype" in config else "torch_dtype"
    config[key] = str(causal.dtype).removeprefix("torch.")
    _write_json(folder / "config.json", _with_code(config, hub_id))
    for name in PROCESSORS:
        if (base / name).exists():
            settings = json.loads((base / name).read_bytes())
            _set_crops(settings, crops)
            _write_json(folder / name, _with_code(settings, hub_id))
    # End tokens that the base's own files lack are in here: see `generation.py`.
    causal.generation_config.save_pretrained(folder)
    sync_folder(folder)


def write_adapter(
    folder: Path, weights: Path, base: str | None, revision: str | None
) -> None:
    """An adapter in PEFT's format, which names the base by its place on the hub."""
    shutil.copyfile(weights / ADAPTER, folder / ADAPTER)
    config = json.loads((weights / ADAPTER_CONFIG).read_bytes())
    config |= {
        "base_model_name_or_path": base,
        "revision": revision,
        "inference_mode": True,
    }
    _write_json(folder / ADAPTER_CONFIG, config)
    sync_folder(folder)


def shards(base: Path, wanted: set[str]) -> dict[str, list[str]]:
    """The keys of each file, as the files of ``base`` have them.

    Copies and leftovers that fine-tunes may hold besides (``wte``, rope frequencies)
    are left out; what is under another name there goes into the first file.
    """
    places = _places(base)
    files: dict[str, list[str]] = {name: [] for name in sorted(set(places.values()))}
    first = min(files)
    for key in sorted(wanted):
        files[places.get(key, first)].append(key)
    return {name: keys for name, keys in files.items() if keys}


def sync_folder(folder: Path) -> None:
    """Waits until the disk has every file."""
    for file in folder.iterdir():
        sync(file)
    sync(folder)


def _places(base: Path) -> dict[str, str]:
    """The file of every key; other files that may lie there are no part of it."""
    if not (base / SINGLE).exists():
        return json.loads((base / INDEX).read_bytes())["weight_map"]
    with safe_open(base / SINGLE, "pt") as file:
        return dict.fromkeys(file.keys(), SINGLE)


def _set_crops(settings: dict[str, Any], crops: int | None) -> None:
    """The processor's own file has it at the top; one that holds its parts, inside."""
    inner = settings.get("image_processor", settings)
    if crops is not None and "num_crops" in inner:
        inner["num_crops"] = crops


def _with_code(settings: dict[str, Any], hub_id: str | None) -> dict[str, Any]:
    """The repository's own code is not copied: who runs it takes it from the base."""
    code = settings.pop("auto_map", None)
    if code is None or hub_id is None:
        return settings
    places = {
        name: place if "--" in place else f"{hub_id}--{place}"
        for name, place in code.items()
    }
    return {**settings, "auto_map": places}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
