"""Chance that can be repeated: a failure prints the seed that brings it back."""

import os
import random
from collections.abc import Callable, Iterator, Sequence

import pytest

SEED = int(os.environ.get("CAPTUNE_TEST_SEED", random.SystemRandom().randrange(2**31)))
IS_WHOLE = os.environ.get("CAPTUNE_TEST_WHOLE") == "1"
Random = random.Random

TRAPS = [
    *(b"", b"\0", b"\xff" * 8, b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"NaN"),
    *(b"[" * 50_000, b'{"a":' * 2_000, b"\xed\xa0\x80", b"9" * 5_000, b"1e999"),
    *(b"\\ud800", b"\r\n", b'"', b",", b"\xef\xbb\xbf", b"../", b"%s", b"\x1a"),
]
"""Bytes that readers stumble over."""


def amount(part: int, whole: int) -> int:
    """How many cases: seconds' worth, or with CAPTUNE_TEST_WHOLE all."""
    return whole if IS_WHOLE else part


@pytest.fixture
def chance(record_property: Callable) -> Iterator[random.Random]:
    record_property("seed", SEED)
    print(f"seed {SEED}")
    yield random.Random(SEED)


def damaged(chance: Random, content: bytes, traps: Sequence[bytes] = TRAPS) -> bytes:
    """The bytes with one to three accidents."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        content = _damaged_once(chance, content, traps)
    return content


def _damaged_once(chance: Random, content: bytes, traps: Sequence[bytes]) -> bytes:
    # Headers come first, and are what decides.
    size = len(content) if chance.random() < 0.5 else min(len(content), 200)
    at = chance.randrange(size + 1)
    match chance.randrange(6):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + chance.choice(traps) + content[at:]
        case 2:
            trap = chance.choice(traps)
            return content[:at] + trap + content[at + len(trap) :]
        case 3:
            return content[:at] + content[at + chance.randrange(1, 30) :]
        case 4:
            start = chance.randrange(len(content) + 1)
            return content[:at] + content[start : start + 50] + content[at:]
    changed = bytearray(content)
    for _ in range(chance.randrange(1, 5) if size else 0):
        changed[chance.randrange(size)] = chance.randrange(256)
    return bytes(changed)
