"""A model folder of true size with seeded random weights, for a GPU without a download.

    PYTHONPATH=python python test/bench/true_size.py FILES FOLDER

``FILES`` holds the hub's configuration, tokenizer and processor files; ``FOLDER`` gets
them beside 8.3 GB of bfloat16 weights, and is then a ``model.nameOrPath``.
"""

import shutil
import sys
from pathlib import Path

import torch
from captune_worker.phi3_v import Phi3VConfig, Phi3VForCausalLM


def make_model(files: Path, device: str = "cuda") -> Phi3VForCausalLM:
    """The architecture that ``files`` describe, with weights of its own seeded rule."""
    config = Phi3VConfig.from_pretrained(files, attn_implementation="sdpa")
    torch.manual_seed(0)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            return Phi3VForCausalLM(config)
    finally:
        torch.set_default_dtype(default)


def write_folder(files: Path, folder: Path, device: str = "cuda") -> None:
    """The model in hub layout."""
    make_model(files, device).save_pretrained(folder)
    for file in files.iterdir():
        target = folder / file.name
        if file.suffix in (".json", ".model") and not target.exists():
            shutil.copy(file, target)


if __name__ == "__main__":
    write_folder(Path(sys.argv[1]), Path(sys.argv[2]))
