"""Which rows: conditions, shuffling and splitting by number, as Hugging Face ``datasets``.

``shuffled`` and ``train_test_split`` give the very rows, in the very order, that
``Dataset.shuffle`` and ``Dataset.train_test_split`` give with the same seed.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def shuffled(count: int, seed: int) -> np.ndarray:
    """The numbers below ``count`` in a random order, int64 [count]."""
    return np.random.default_rng(seed).permutation(count)


def train_test_split(
    count: int, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows that stay, and of the ``fraction`` that is taken; int64.

    Raises:
        ValueError: when nothing would stay.
    """
    taken = math.ceil(fraction * count)
    if taken >= count:
        raise ValueError(f"takes {taken} of {count} rows and leaves none to train on")
    order = shuffled(count, seed)
    return order[taken:], order[:taken]


def matches(
    value: Any, includes_any: Sequence[str] | None, includes_all: Sequence[str] | None
) -> bool:
    """Does a value hold what is asked: as an element of a list, or within a text?

    Case counts. What is neither list nor text holds nothing.
    """
    if not isinstance(value, (str, list, tuple)):
        return False
    has_any = includes_any is None or any(one in value for one in includes_any)
    return has_any and all(one in value for one in includes_all or ())
