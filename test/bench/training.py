"""LoRA training at true size on one GPU: the plain recipe beside captune's worker.

    PYTHONPATH=python python test/bench/training.py FILES RESULTS [--pictures 108]

``FILES`` holds the hub's configuration, tokenizer and processor files; the weights are
seeded and random, so no download is needed. Three ways to do the same job take turns at
every length, each in a process of its own: transformers' Trainer with PEFT on the
native model, as the well-known recipe is written; the same without recomputation; and
captune's worker with every setting at its default. A job is 4 epochs in steps of 6
examples with a teacher-forced evaluation after every seventh of the steps, on
``--pictures`` training pictures and a quarter as many for validation; captune's last
step is evaluated too. "Steady" is the median of whole steps after the first
epoch; "job" is from the loaded model to the end, pictures read and features computed.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from true_size import write_folder

SIZES = {757: (640, 480, 4), 1921: (1024, 768, 16), 2509: (1000, 1000, 16)}
"""Visual tokens, and a picture (width, height, crops) that makes them."""
WAYS = ("recipe", "recipe without recomputation", "captune")
GOALS = {757: (4, 2), 1921: (2.7, 1.5), 2509: (2.2, 1.4)}
"""Examples per second of captune over those of the other two, at least."""
WORDS = ("wing", "tail", "engine", "sky", "cloud", "runway", "blue", "white", "red")
ANSWER_WORDS = 38
"""About 45 tokens."""
STEP_EXAMPLES, EPOCHS, EVALUATIONS = 6, 4, 7


def write_rows(folder: Path, tokens: int, pictures: int) -> dict[str, str]:
    """JPEGs whose rows have so many visual tokens; paths of both splits' files."""
    width, height, _ = SIZES[tokens]
    rng = np.random.default_rng(tokens)
    chance = random.Random(tokens)
    files = {}
    for split, count in (("train", pictures), ("validation", pictures // 4)):
        rows = []
        for number in range(count):
            coarse = rng.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
            path = folder / f"{tokens}-{split}-{number}.jpg"
            Image.fromarray(coarse).resize((width, height)).save(path, quality=90)
            answer = " ".join(chance.choices(WORDS, k=ANSWER_WORDS))
            rows.append(json.dumps({"image": path.name, "answer": answer}))
        file = folder / f"{tokens}-{split}.jsonl"
        file.write_text("\n".join(rows) + "\n")
        files[split] = str(file)
    return files


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The results as Markdown."""
    lines = [
        "| visual tokens | | examples/s | peak GiB | whole job, s |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        cells = (row["visual_tokens"], row["way"], row["examples_per_second"])
        cells += (row["peak_gib"], row["job_s"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--pictures", type=int, default=108)
    parser.add_argument("--tokens", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("skipped: this benchmark needs a CUDA GPU")
    rows: list[dict[str, Any]] = []
    report = {
        "device": torch.cuda.get_device_name(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
        "pictures": arguments.pictures,
        "epochs": EPOCHS,
        "step_examples": STEP_EXAMPLES,
        "evaluate_every": _every(arguments.pictures),
        "rows": rows,
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        model = folder / "true-size"
        if not model.exists():
            write_folder(arguments.files, model)
        torch.cuda.empty_cache()
        for tokens in arguments.tokens:
            task = {
                **write_rows(Path(temporary), tokens, arguments.pictures),
                "model": str(model),
                "crops": SIZES[tokens][2],
                "epochs": EPOCHS,
                "step_examples": STEP_EXAMPLES,
                "evaluate_every": _every(arguments.pictures),
            }
            for way in WAYS:
                program = Path(__file__).with_name("training_jobs.py")
                command = [sys.executable, str(program), json.dumps([way, task])]
                output = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                measured = json.loads(output.stdout.splitlines()[-1])
                rows.append({"visual_tokens": tokens, "way": way, **measured})
                arguments.results.write_text(json.dumps(report, indent=2) + "\n")
                print(json.dumps(rows[-1]), flush=True)
    print("\n".join(table(rows)))
    for tokens, goals in GOALS.items():
        speed = {
            row["way"]: row["examples_per_second"]
            for row in rows
            if row["visual_tokens"] == tokens
        }
        for other, goal in zip(WAYS, goals, strict=False):
            if speed:
                ratio = speed["captune"] / speed[other]
                print(f"{tokens}: {ratio:.2f} times the {other} (goal {goal})")


def _every(pictures: int) -> int:
    steps = EPOCHS * -(-pictures // STEP_EXAMPLES)
    return max(steps // EVALUATIONS, 1)


if __name__ == "__main__":
    main()
