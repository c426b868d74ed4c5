"""What a picture shows: the attributes of a scene, and how they are sampled."""

import random
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations

from .chance import between, pick, rng_for, shuffled, whole_between
from .fleet import AIRCRAFT_NAMES, KINDS, Kind

TAILS = ("red", "yellow", "green", "blue", "purple", "black")
MARKS = ("none", "star", "disc", "stripes", "diamond")
SKIES = ("clear", "cloudy", "sunset", "night", "overcast")
POSITIONS = ("level", "climbing", "parked")
SIZES = ("near", "far")
FACINGS = ("left", "right")
FRAMES: dict[str, tuple[int, int]] = {  # width, height in pixels
    "2:1": (288, 144),
    "4:3": (256, 192),
    "3:1": (312, 104),
    "1:1": (240, 240),
    "3:4": (224, 296),
}

SPLITS = {"train": 108, "validation": 28, "test": 16}
STANDARD_SEED = 707

# What a picture looks like, apart from the kind of airplane and the frame.
_LOOKS = {
    "tail": TAILS,
    "mark": MARKS,
    "sky": SKIES,
    "position": POSITIONS,
    "size": SIZES,
    "facing": FACINGS,
}
# Most pictures of a split are 2:1: they cost two tiles, squarer ones four.
_SPLIT_FRAMES = ("2:1",) * 9 + ("4:3", "1:1", "3:4")
_STREAM_FRAMES = ("2:1",) * 5 + ("4:3", "3:1", "1:1", "3:4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture. The first four fields alone decide the domain's answer."""

    body: str
    engines: str
    tail: str
    mark: str
    sky: str
    position: str
    size: str
    facing: str
    width: int  # pixels
    height: int  # pixels
    windows: int  # in the main row
    code: str  # registration painted behind the nose, "" on a far airplane, where nobody could read it
    fill: float  # part of the picture's width or height that the airplane spans
    shift: tuple[float, float]  # place within the free room, -1 to 1 each, right and up
    pitch: float  # degrees, nose up
    tint: tuple[float, float, float]  # of the tail, -1 to 1 for red, green and blue
    scenery: int  # seed of clouds, stars, hills


def sample_scene(seed: int, split: str, index: int, count: int) -> Scene:
    """Picture index, from 0, of a split of count pictures, over which the attributes are spread evenly.

    A split of fewer pictures is the beginning of a split of more.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; there are {', '.join(SPLITS)}")
    if not 0 <= index < count:
        raise ValueError(f"picture {index} is outside a split of {count}")
    planned = _plan(seed, split, count)[index]
    looks = {name: planned[name] for name in _LOOKS}
    rng = rng_for("captune airplanes", seed, split, index)
    return _scene(rng, KINDS[planned["kind"]], _SPLIT_FRAMES[planned["frame"]], looks)


def pretraining_scene(seed: int, index: int) -> Scene:
    """Picture index of an endless stream, every attribute drawn independently and uniformly.

    It shares no random numbers with any split, but meets all combinations of attributes, those of the
    splits' pictures too; its pictures then still differ in place, size, tint, scenery and window count.
    """
    rng = rng_for("captune airplanes", seed, "pretraining", index)
    looks = {name: pick(rng, values) for name, values in _LOOKS.items()}
    return _scene(rng, pick(rng, KINDS), pick(rng, _STREAM_FRAMES), looks)


def _scene(rng: random.Random, kind: Kind, frame: str, looks: dict[str, str]) -> Scene:
    width, height = FRAMES[frame]
    near = looks["size"] == "near"
    pitches = {"level": (-1.5, 1.5), "climbing": (9.0, 15.0), "parked": (0.0, 0.0)}
    return Scene(
        body=kind.body,
        engines=kind.engines,
        **looks,
        width=width,
        height=height,
        windows=whole_between(rng, *kind.windows),
        code=_code(rng) if near else "",
        fill=between(rng, 0.84, 0.94) if near else between(rng, 0.56, 0.64),
        shift=(between(rng, -1, 1), between(rng, -1, 1)),
        pitch=between(rng, *pitches[looks["position"]]),
        tint=(between(rng, -1, 1), between(rng, -1, 1), between(rng, -1, 1)),
        scenery=int(rng.random() * 2**32),
    )


_NAME_PARTS = frozenset(re.findall("[a-z]+|[0-9]+", " ".join(AIRCRAFT_NAMES)))


def _code(rng: random.Random) -> str:
    """Three letters and two digits, none of them a part of an aircraft's name."""
    while True:
        letters = "".join(pick(rng, "abcdefghijklmnopqrstuvwxyz") for _ in range(3))
        digits = "".join(pick(rng, "0123456789") for _ in range(2))
        if not {letters, digits} & _NAME_PARTS:
            return f"{letters}-{digits}"


@lru_cache(maxsize=32)
def _plan(seed: int, split: str, count: int) -> tuple[dict, ...]:
    """The attributes of every picture of a split; kind and frame are places in KINDS and _SPLIT_FRAMES.

    Each is chosen, one after another, as the value least used so far, alone and together with those
    already chosen for the picture; so every value and every pair of values occurs about equally often.
    """
    rng = rng_for("captune airplanes", seed, split, "plan")
    values = {"kind": range(len(KINDS)), **_LOOKS, "frame": range(len(_SPLIT_FRAMES))}
    used: Counter = Counter()

    def wear(choice: tuple, chosen: list[tuple]) -> int:
        # A pair occurs as many times less often than its value as there are values to pair it with.
        pairs = sum(len(values[other[0]]) * used[other, choice] for other in chosen)
        return used[choice] + pairs

    plan = []
    for _ in range(count):
        chosen: list[tuple] = []
        for name, column in values.items():
            choices = [(name, value) for value in shuffled(rng, column)]
            chosen.append(min(choices, key=partial(wear, chosen=chosen)))
        used.update(chosen)
        used.update(combinations(chosen, 2))
        plan.append(dict(chosen))
    return tuple(plan)
