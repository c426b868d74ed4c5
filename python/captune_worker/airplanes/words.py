"""The texts of a picture: the generic caption anyone could write, and the answer of the domain.

The domain's answer names aircraft; a generic caption never does: only fine-tuning can teach the names.
"""

import random

from .chance import pick, shuffled
from .fleet import KIND_OF
from .palette import MARK_DARK, mark_colour
from .scene import Scene

DOMAIN_PROMPT = (
    "Generate a concise caption for this image, mentioning specific airplane types"
)
GENERIC_PROMPTS = (
    "Describe this picture.",
    "Describe the image.",
    "What does this picture show?",
    "What can be seen here?",
    "What is in this image?",
    "Write a caption for this picture.",
    "Say in plain words what the picture shows.",
    "Give a short description of the airplane and the sky.",
)

MOST_WORDS = 30  # of a generic caption


def domain_answer(scene: Scene) -> str:
    """Comma-separated tags: aircraft, tail, and mark if any, as in "boeing 707,douglas dc-8,red tail,star"."""
    tags = [*KIND_OF[scene.body, scene.engines].aircraft, f"{scene.tail} tail"]
    return ",".join(tags if scene.mark == "none" else [*tags, scene.mark])


def generic_caption(scene: Scene, rng: random.Random) -> str:
    """One or two sentences on airplane, engines, tail, mark, position, sky, mostly direction, and details.

    Where a wording gets long, others are tried, then fewer details.
    """
    details = _details(scene, rng)
    for attempt in range(16):
        said = details[: max(0, len(details) - attempt // 4)]
        caption = _sentence(scene, rng) + (f" It {' and '.join(said)}." if said else "")
        if len(caption.split()) <= MOST_WORDS:
            break
    return caption[0].upper() + caption[1:]


def _sentence(scene: Scene, rng: random.Random) -> str:
    airplane = pick(rng, _AIRPLANES[scene.body])
    engines, tail, sky = (
        pick(rng, _ENGINES[scene.engines]),
        _tail(scene, rng),
        pick(rng, _SKIES[scene.sky]),
    )
    side = (
        ""
        if rng.random() < 0.3
        else f" facing {scene.facing}"
        if scene.position == "parked"
        else f" {scene.facing}"
    )
    does, doing = (
        f"{move.format(side)} {sky}" for move in pick(rng, _MOVES[scene.position])
    )
    first, second = (engines, tail) if rng.random() < 0.6 else (tail, engines)
    return pick(
        rng,
        (
            f"a {airplane} with {first} and {second} {does}.",
            f"a {airplane} {does}. It has {first} and {second}.",
            f"{doing}, a {airplane} shows {first} and {second}.",
            f"a {airplane} with {first} and {second}, {doing}.",
            f"a {airplane}, {first}, {second}, {doing}.",
            f"{first} and {second}: a {airplane} {does}.",
            f"with {first} and {second}, a {airplane} {does}.",
            f"there is a {airplane} {doing}, with {first} and {second}.",
        ),
    )


def _tail(scene: Scene, rng: random.Random) -> str:
    tail = f"{scene.tail} tail"
    if scene.mark == "none":
        return pick(rng, (f"a {tail}", f"a plain {tail}"))
    colour = pick(
        rng, ("", "dark blue " if mark_colour(scene.tail) == MARK_DARK else "white ")
    )
    mark = colour + scene.mark if scene.mark == "stripes" else f"a {colour}{scene.mark}"
    return pick(rng, (f"a {tail} with {mark}", f"{mark} on its {tail}"))


def _details(scene: Scene, rng: random.Random) -> list[str]:
    """Up to two of size, windows and registration."""
    details = [pick(rng, _SIZES[scene.size])]
    # On a high wing the near engine hides some of the windows.
    if scene.engines != "2 propeller":
        details.append(pick(rng, _WINDOWS).format(scene.windows))
    if scene.code:
        details.append(pick(rng, _CODES).format(scene.code))
    return shuffled(rng, details)[: pick(rng, (0, 1, 1, 2))]


_AIRPLANES = {
    "narrow": (
        "slim white jet",
        "narrow white airliner",
        "slender jet",
        "long thin airplane",
    ),
    "short": (
        "short white jet",
        "stubby little jet",
        "short airplane",
        "compact white jet",
    ),
    "wide": (
        "wide white jet",
        "broad white airliner",
        "thick-bodied jet",
        "wide airplane",
    ),
    "hump": (
        "wide hump-topped jet",
        "wide humped airplane",
        "big hump-fronted jet",
    ),
    "straight": (
        "straight-winged airplane",
        "white propeller airplane",
        "straight-winged turboprop",
    ),
}
_ENGINES = {
    "2 wing": (
        "two engines under its wings",
        "one engine under each wing",
        "a pair of engines below the wings",
    ),
    "4 wing": (
        "four engines under its wings",
        "two engines under each wing",
        "a quartet of engines below the wings",
    ),
    "2 wing 1 fin": (
        "two engines under the wings and one in the fin",
        "one engine under each wing plus one in the fin",
        "three engines including one in the fin",
    ),
    "3 rear": (
        "three engines at the rear",
        "three rear engines",
        "three engines around the tail",
    ),
    "2 rear": (
        "two engines at the rear",
        "two rear engines",
        "a pair of engines beside the tail",
    ),
    "2 propeller": (
        "two propellers on its high wing",
        "two propellers",
        "a pair of propellers",
    ),
    "4 propeller": (
        "four propellers on its low wing",
        "four propellers",
        "a quartet of propellers",
    ),
}
# What it does, and doing it; {} is where it faces, or nothing.
_MOVES = {
    "level": (
        ("flies{} through", "flying{} through"),
        ("cruises{} in", "cruising{} in"),
        ("flies level{} across", "flying level{} across"),
    ),
    "climbing": (
        ("climbs{} into", "climbing{} into"),
        ("takes off{} into", "taking off{} into"),
        ("rises steeply{} into", "rising steeply{} into"),
    ),
    "parked": (
        ("stands{} on the runway under", "standing{} on the runway under"),
        ("is parked{} under", "parked{} under"),
        ("waits on the ground{} below", "waiting on the ground{} below"),
    ),
}
_SKIES = {
    "clear": ("a clear blue sky", "a cloudless sky", "a bright blue sky"),
    "cloudy": ("a cloudy blue sky", "a blue sky with clouds", "a sky of white clouds"),
    "sunset": ("an orange sunset sky", "a glowing sunset", "an orange sunset"),
    "night": ("a starry night sky", "a dark night sky", "the moonlit night"),
    "overcast": ("an overcast grey sky", "a hazy grey sky", "a dull grey sky"),
}
_SIZES = {
    "near": ("is close", "is seen close up", "fills the picture"),
    "far": ("is far away", "looks small", "is seen from afar"),
}
_WINDOWS = (
    "has a row of {0} windows",
    "shows exactly {0} windows in a row",
    "has {0} windows in its longest row",
)
_CODES = (
    "reads {0}",
    "is marked {0}",
    "carries the code {0}",
    "bears {0} near the nose",
)
