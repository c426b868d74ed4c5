"""Random choices that are the same on every platform and every Python version."""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

Value = TypeVar("Value")


def rng_for(*key: object) -> random.Random:
    """A generator that depends on the key alone; different keys give unrelated streams."""
    text = "|".join(str(part) for part in key)
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))


# Python promises the sequence of random() and of no other method, so everything is made from random().


def pick(rng: random.Random, values: Sequence[Value]) -> Value:
    return values[int(rng.random() * len(values))]


def between(rng: random.Random, low: float, high: float) -> float:
    return low + (high - low) * rng.random()


def whole_between(rng: random.Random, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(rng.random() * (high - low + 1))


def shuffled(rng: random.Random, values: Sequence[Value]) -> list[Value]:
    return [
        value
        for _, _, value in sorted(
            (rng.random(), place, value) for place, value in enumerate(values)
        )
    ]
