"""Read-only questions to a Python environment; each answer is one JSON string.

Runs in interpreters that captune has not made, so the standard library must do, and
whatever is imported beyond it may be missing or broken.
"""

import importlib.metadata
import json
import platform
import re
import sys
from pathlib import Path


def environment() -> str:
    """Versions and devices, as far as they can be told.

    The value of a package that is not installed is null; ``devices`` is empty, and
    ``problem`` says why, where torch cannot be imported.
    """
    facts: dict[str, object] = {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "devices": [],
        "problem": None,
    }
    try:
        facts["devices"] = _devices()
    except Exception as error:  # noqa: BLE001 - a broken torch is an answer
        facts["problem"] = f"torch: {type(error).__name__}: {error}"
    return json.dumps(facts, allow_nan=False)


def missing(requirements: list[str]) -> str:
    """What of ``requirements`` (as in pyproject.toml) is not installed as required.

    A list of ``{"requirement", "installed"}``; ``installed`` is null where nothing is.
    """
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return json.dumps([{"requirement": "packaging", "installed": None}])
    unmet = []
    for text in requirements:
        requirement = Requirement(text)
        installed = _version(requirement.name)
        if installed is None or not requirement.specifier.contains(
            installed, prereleases=True
        ):
            unmet.append({"requirement": text, "installed": installed})
    return json.dumps(unmet)


def installed(names: list[str]) -> str:
    """Versions of packages, null for one that is missing, and torch's CUDA, unimported.

    ``cuda`` is the version of CUDA that torch was built for; null for a CPU build.
    """
    versions = {name: _version(name) for name in names}
    return json.dumps({"packages": versions, "cuda": _cuda_of_torch()})


def _cuda_of_torch() -> str | None:
    """As torch/version.py says: importing torch takes seconds, its metadata is silent."""
    try:
        file = importlib.metadata.distribution("torch").locate_file("torch/version.py")
        text = Path(str(file)).read_text(encoding="utf-8")
    except (importlib.metadata.PackageNotFoundError, OSError):
        return None
    match = re.search(r"^cuda.*= ['\"]([\d.]+)['\"]", text, re.MULTILINE)
    return match[1] if match else None


_PACKAGES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "pyzmq")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _devices() -> list[dict[str, object]]:
    import torch

    cpu = {"kind": "cpu", "name": platform.processor() or platform.machine()}
    return [{**cpu, "threads": torch.get_num_threads(), "memoryBytes": None}] + [
        {
            "kind": "cuda",
            "name": torch.cuda.get_device_name(index),
            "threads": None,
            "memoryBytes": torch.cuda.get_device_properties(index).total_memory,
        }
        for index in range(torch.cuda.device_count())
    ]


if __name__ == "__main__":
    ask = {"missing": missing, "installed": installed}[sys.argv[1]]
    print(ask(json.load(sys.stdin)))
