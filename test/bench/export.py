"""A merged export at true size: seconds, most memory, and how far logits move.

Seeded random weights in bfloat16 and a random adapter of rank 16 on the decoder:

    PYTHONPATH=python python test/bench/export.py FILES FOLDER [DEVICE]

``FILES`` holds the hub's configuration, tokenizer and processor files; ``FOLDER`` needs
room for two models. DEVICE is auto, cpu or cuda.
"""

import json
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import msgspec
import torch
from captune_worker.export.exporter import Request, export
from peft import LoraConfig, get_peft_model
from transformers.utils import logging
from true_size import make_model, write_folder

TARGETS = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]


def main() -> None:
    files, folder = Path(sys.argv[1]), Path(sys.argv[2])
    device = sys.argv[3] if len(sys.argv) > 3 else "auto"
    warnings.simplefilter("ignore")
    logging.disable_progress_bar()
    if not (folder / "adapter").exists():
        # In a process of its own, whose memory does not count.
        code = "import export, sys; from pathlib import Path; export.write_models(*map(Path, sys.argv[1:]))"
        own = str(Path(__file__).parent)
        again = [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {own!r}); {code}",
        ]
        subprocess.run([*again, str(files), str(folder)], check=True)
    started = time.monotonic()
    exported = export(
        Request(
            form="merged",
            weights=str(folder / "adapter"),
            base=str(folder / "base"),
            revision=None,
            image_crops=1,
            dtype="auto",
            device=device,
            row=None,
            max_new_tokens=2,
            folder=str(folder / "merged"),
            cache_folder=str(folder / "cache"),
        )
    )
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    report = {
        "seconds": round(time.monotonic() - started, 1),
        "mostBytes": used,
        "cudaBytes": torch.cuda.max_memory_allocated() if device != "cpu" else 0,
        **msgspec.to_builtins(exported),
    }
    print(json.dumps(report, indent=2))


def write_models(files: Path, folder: Path) -> None:
    """The base model, and an adapter that changes what it says."""
    write_folder(files, folder / "base", "cpu")
    model = make_model(files, "cpu")
    peft = get_peft_model(
        model, LoraConfig(r=16, lora_alpha=32, target_modules=TARGETS)
    )
    for name, parameter in peft.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    peft.save_pretrained(folder / "adapter")


if __name__ == "__main__":
    main()
