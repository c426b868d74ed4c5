"""Every colour of the pictures, as red, green, blue from 0 to 255."""

Colour = tuple[int, int, int]

RIM = (
    255,
    255,
    255,
)  # a thin line around the airplane, so that it stands out from every sky
HULL = (244, 246, 250)
BELLY = (198, 205, 216)
GLASS = (36, 60, 110)
WINDOW = (96, 116, 148)
WING = (164, 174, 190)
WING_FAR = (138, 148, 166)
NACELLE = (
    70,
    80,
    98,
)  # the engines' own colours, used for nothing else, so that engines can be counted
NACELLE_FAR = (92, 103, 122)
LIP = (222, 227, 234)
BLADE = (34, 36, 42)
DISC = (150, 160, 180, 130)  # a turning propeller; see-through
STRUT = (120, 126, 136)
WHEEL = (30, 32, 38)
LETTERING = (40, 66, 130)

TAIL: dict[str, Colour] = {
    "red": (214, 38, 48),
    "yellow": (250, 204, 30),
    "green": (30, 150, 74),
    "blue": (28, 84, 208),
    "purple": (134, 56, 176),
    "black": (28, 28, 32),
}
TINT = 10  # the most by which a channel of the tail's colour may differ from the above

MARK_LIGHT = (255, 255, 255)
MARK_DARK = (26, 42, 92)


def tail_colour(name: str, tint: tuple[float, float, float]) -> Colour:
    red, green, blue = (
        min(255, max(0, round(c + TINT * t)))
        for c, t in zip(TAIL[name], tint, strict=True)
    )
    return red, green, blue


def mark_colour(tail: str) -> Colour:
    """White, or dark blue where white would not be seen."""
    return MARK_DARK if tail == "yellow" else MARK_LIGHT


# From the top of the picture to its bottom, or to the horizon.
SKY: dict[str, tuple[Colour, ...]] = {
    "clear": ((70, 152, 232), (128, 196, 246), (190, 228, 252)),
    "cloudy": ((86, 162, 232), (140, 198, 242), (186, 222, 248)),
    "sunset": ((98, 72, 142), (226, 112, 112), (252, 176, 96), (254, 214, 138)),
    "night": ((16, 22, 56), (30, 42, 92), (52, 68, 128)),
    "overcast": ((128, 138, 150), (150, 158, 168), (176, 182, 190)),
}
CLOUD: dict[str, Colour] = {"cloudy": (250, 252, 255), "overcast": (166, 173, 182)}
SUN = (255, 238, 176)
STAR = (255, 250, 214)
MOON = (246, 240, 210)

# Grass, hills and runway by the light of the sky.
GROUND: dict[str, tuple[Colour, Colour, Colour]] = {
    "clear": ((112, 178, 92), (88, 150, 92), (110, 116, 126)),
    "cloudy": ((108, 172, 92), (86, 146, 94), (110, 116, 126)),
    "sunset": ((118, 120, 76), (112, 82, 104), (98, 88, 100)),
    "night": ((34, 62, 58), (24, 42, 62), (52, 54, 66)),
    "overcast": ((108, 140, 100), (102, 126, 112), (104, 110, 118)),
}
RUNWAY_LINE = (236, 238, 240)
