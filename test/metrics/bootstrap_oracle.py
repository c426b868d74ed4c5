"""The paired bootstrap by numpy, from the same stream of random numbers: JSON on stdin, JSON on stdout."""

import json
import sys

import numpy as np


def main() -> None:
    answers = []
    for case in json.loads(sys.stdin.buffer.read()):
        base, tuned = np.array(case["base"]), np.array(case["tuned"])
        shape = (case["resamples"], len(base))
        uniform = mulberry32(case["seed"], shape[0] * shape[1]).reshape(shape)
        rows = np.floor(uniform * len(base)).astype(int)
        differences = tuned[rows].mean(axis=1) - base[rows].mean(axis=1)
        tail = (1 - case["level"]) / 2
        low, high = np.quantile(differences, [tail, 1 - tail])
        answers.append([tuned.mean() - base.mean(), low, high])
    sys.stdout.write(json.dumps(answers))


def mulberry32(seed: int, count: int) -> np.ndarray:
    """The whole stream at once: the state is a counter."""
    mask = np.uint64(0xFFFFFFFF)
    steps = np.arange(1, count + 1, dtype=np.uint64)
    state = (np.uint64(seed) + steps * np.uint64(0x6D2B79F5)) & mask
    one = np.uint64(1)
    mixed = ((state ^ (state >> np.uint64(15))) * (one | state)) & mask
    turned = ((mixed ^ (mixed >> np.uint64(7))) * (np.uint64(61) | mixed)) & mask
    mixed = ((mixed + turned) & mask) ^ mixed
    return (mixed ^ (mixed >> np.uint64(14))) / 2.0**32


main()
