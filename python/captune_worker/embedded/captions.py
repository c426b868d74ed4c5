"""What is said about a picture in pre-training: sentences, and lists of what they say.

Lists keep the decoder from knowing only one syntax, and what is learnt from them about
a picture costs fewer tokens. No text names an aircraft: that is left to fine-tuning.
"""

import random
from typing import NamedTuple

from ..airplanes import GENERIC_PROMPTS, Scene, generic_caption
from ..airplanes.chance import pick, shuffled, whole_between
from ..airplanes.scene import FACINGS, MARKS, TAILS

SENTENCE_PROMPTS = (
    *GENERIC_PROMPTS,
    "Caption this image.",
    "Generate a caption for this picture.",
    "Generate a short caption for this image, please.",
    "Tell me what you see.",
)
LIST_PROMPTS = (
    "List what the picture shows.",
    "Name what you see, separated by commas.",
    "Give keywords for this picture.",
    "Which tags fit this image?",
)
KEYWORDS_PROMPT = "Only the keywords, as a list."
LISTS = 0.45
"""Part of the texts that are lists."""


class Exchange(NamedTuple):
    prompt: str
    answer: str


def phrases(scene: Scene) -> list[str]:
    """What a caption says of the scene, one phrase per attribute, always the same."""
    return [
        _AIRPLANES[scene.body][0],
        _ENGINES[scene.engines][0],
        f"{scene.tail} tail",
        scene.mark if scene.mark != "none" else "plain",
        _SKIES[scene.sky][0],
        _POSITIONS[scene.position][0],
        f"facing {scene.facing}",
        _SIZES[scene.size][0],
    ]


def keywords(scene: Scene) -> Exchange:
    """The shortest true answer, always worded alike: the first that can be learnt."""
    return Exchange(KEYWORDS_PROMPT, ",".join(phrases(scene)))


def exchange(scene: Scene, rng: random.Random) -> Exchange:
    """A question about the scene's picture and a true answer."""
    if rng.random() < LISTS:
        answer = _list(scene, rng)
        # Else no capital letter but those that begin sentences would ever be learnt.
        answer = answer.upper() if rng.random() < 0.05 else answer
        return Exchange(pick(rng, LIST_PROMPTS), answer)
    answer = generic_caption(scene, rng)
    if rng.random() < 0.2:
        answer = answer.lower().rstrip(".")
    return Exchange(pick(rng, SENTENCE_PROMPTS), answer)


def _list(scene: Scene, rng: random.Random) -> str:
    """Phrases in some order, with or without spaces; mostly airplane, engines, tail."""
    main = [pick(rng, _AIRPLANES[scene.body]), pick(rng, _ENGINES[scene.engines])]
    main += _tail(scene, rng)
    rest = [
        pick(rng, _SKIES[scene.sky]),
        pick(rng, _POSITIONS[scene.position]),
        pick(rng, _FACINGS).format(scene.facing),
        pick(rng, _SIZES[scene.size]),
    ]
    rest = shuffled(rng, rest)[: whole_between(rng, 0, len(rest))]
    phrases = pick(rng, (main + rest, rest + main, shuffled(rng, main + rest)))
    return pick(rng, (",", ", ")).join(phrases)


def _tail(scene: Scene, rng: random.Random) -> list[str]:
    tail = f"{scene.tail} tail"
    if scene.mark == "none":
        return [tail]
    return pick(
        rng, ([tail, scene.mark], [scene.mark, tail], [f"{tail} with {scene.mark}"])
    )


_AIRPLANES = {
    "narrow": ("slim jet", "narrow airliner", "slender jet"),
    "short": ("short jet", "stubby jet", "compact jet"),
    "wide": ("wide jet", "broad airliner", "thick jet"),
    "hump": ("humped jet", "wide humped airliner", "jet with a hump"),
    "straight": ("propeller airplane", "turboprop", "straight wings"),
}
_ENGINES = {
    "2 wing": ("two wing engines", "one engine per wing", "two engines"),
    "4 wing": ("four wing engines", "two engines per wing", "four engines"),
    "2 wing 1 fin": (
        "two wing engines and one in the fin",
        "three engines on wings and fin",
        "fin and wing engines",
    ),
    "3 rear": ("three rear engines", "three engines at the tail"),
    "2 rear": ("two rear engines", "two engines at the tail"),
    "2 propeller": ("two propellers", "a propeller per wing"),
    "4 propeller": ("four propellers", "two propellers per wing"),
}
_SKIES = {
    "clear": ("clear sky", "cloudless blue"),
    "cloudy": ("white clouds", "cloudy sky"),
    "sunset": ("sunset", "orange sky"),
    "night": ("night", "dark sky"),
    "overcast": ("grey sky", "overcast"),
}
_POSITIONS = {
    "level": ("in level flight", "flying", "cruising"),
    "climbing": ("climbing", "taking off", "rising"),
    "parked": ("parked", "on the ground", "standing"),
}
_FACINGS = ("facing {}", "nose to the {}")
_SIZES = {"near": ("close", "large"), "far": ("far away", "small")}
PHRASES: tuple[str, ...] = (
    *(words[0] for words in _AIRPLANES.values()),
    *(words[0] for words in _ENGINES.values()),
    *(f"{tail} tail" for tail in TAILS),
    *(mark if mark != "none" else "plain" for mark in MARKS),
    *(words[0] for words in _SKIES.values()),
    *(words[0] for words in _POSITIONS.values()),
    *(f"facing {side}" for side in FACINGS),
    *(words[0] for words in _SIZES.values()),
)
"""Every phrase that ``phrases`` can give."""
