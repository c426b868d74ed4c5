"""Sky and land behind the airplane."""

import random

from PIL import Image, ImageDraw

from . import palette
from .chance import between, pick
from .scene import Scene

_CLOUDS = {"cloudy": 5, "overcast": 7}
_LAND = {"level": 0.0, "climbing": 0.1, "parked": 0.2}  # part of the picture's height


def land_height(scene: Scene) -> float:
    """How much of the picture, from its bottom, is land: pixels, 0 where none is to be seen."""
    return _LAND[scene.position] * scene.height


def backdrop(scene: Scene, scale: int) -> Image.Image:
    """The scene's sky and land, scale times as large as its picture."""
    image = _gradient(palette.SKY[scene.sky], scene.width * scale, scene.height * scale)
    painter = _Painter(scene, image)
    if scene.sky == "night":
        painter.stars()
    elif scene.sky == "sunset":
        painter.sun()
    elif scene.sky in _CLOUDS:
        painter.clouds(_CLOUDS[scene.sky], palette.CLOUD[scene.sky])
    if land := land_height(scene) * scale:
        painter.land(image.height - land, *palette.GROUND[scene.sky])
    return image


def _gradient(
    colours: tuple[palette.Colour, ...], width: int, height: int
) -> Image.Image:
    stops = Image.new("RGB", (1, len(colours)))
    stops.putdata(colours)
    column = stops.resize((1, height), Image.Resampling.BILINEAR)
    return column.resize((width, height), Image.Resampling.NEAREST)


class _Painter:
    """Paints with the random numbers of one scene."""

    def __init__(self, scene: Scene, image: Image.Image) -> None:
        self._rng = random.Random(scene.scenery)
        self._pen = ImageDraw.Draw(image)
        self._width, self._height = image.size

    def stars(self) -> None:
        for _ in range(26):
            x, y = (
                self._rng.random() * self._width,
                self._rng.random() * 0.8 * self._height,
            )
            self._round(
                x, y, self._between(0.0035, 0.0075) * self._height, palette.STAR
            )
        x = pick(self._rng, (0.12, 0.3, 0.7, 0.88)) * self._width
        self._round(x, 0.17 * self._height, 0.07 * self._height, palette.MOON)

    def sun(self) -> None:
        x = self._between(0.15, 0.85) * self._width
        y = self._between(0.6, 0.7) * self._height
        self._round(x, y, 0.13 * self._height, palette.SUN)

    def clouds(self, count: int, colour: palette.Colour) -> None:
        for number in range(count):
            x = (number + self._rng.random()) / count * self._width
            y = self._between(0.06, 0.85) * self._height
            size = self._between(0.07, 0.12) * self._height
            for _ in range(4):
                puff = (
                    x + self._between(-1.8, 1.8) * size,
                    y - self._between(0.2, 0.6) * size,
                )
                self._round(*puff, self._between(0.6, 1.0) * size, colour)
            flat = (x - 2.6 * size, y - 0.5 * size, x + 2.6 * size, y + 0.3 * size)
            self._pen.rounded_rectangle(flat, 0.4 * size, colour)

    def land(
        self,
        top: float,
        grass: palette.Colour,
        hills: palette.Colour,
        runway: palette.Colour,
    ) -> None:
        for _ in range(4):
            x, half = (
                self._rng.random() * self._width,
                self._between(0.15, 0.35) * self._width,
            )
            up = self._between(0.03, 0.09) * self._height
            self._pen.ellipse((x - half, top - up, x + half, top + up), hills)
        deep = self._height - top
        self._pen.rectangle((0, top, self._width, self._height), grass)
        self._pen.rectangle((0, top + 0.22 * deep, self._width, self._height), runway)
        dash, y = self._width / 9, top + 0.66 * deep
        start = -dash * self._rng.random()
        for number in range(7):
            x = start + 1.5 * dash * number
            line = (x, y, x + dash, y + 0.012 * self._height)
            self._pen.rectangle(line, palette.RUNWAY_LINE)

    def _round(self, x: float, y: float, radius: float, colour: palette.Colour) -> None:
        self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)

    def _between(self, low: float, high: float) -> float:
        return between(self._rng, low, high)
