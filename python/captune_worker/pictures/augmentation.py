"""Chance changes of pictures that leave their size as it is.

The size decides how many tokens a picture becomes, and that is counted before any
picture is opened.
"""

import random
from collections.abc import Sequence

import msgspec
from PIL import Image, ImageEnhance, ImageOps


class Step(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
    tag_field="kind",
):
    """One kind of change; the schema of the spec has the limits of its numbers."""

    def apply(self, image: Image.Image, rng: random.Random) -> Image.Image:
        """The changed picture, of the same size and in mode RGB."""
        raise NotImplementedError


class HorizontalFlip(Step, tag="horizontalFlip"):
    """Left and right change places."""

    probability: float

    def apply(self, image: Image.Image, rng: random.Random) -> Image.Image:
        return ImageOps.mirror(image) if rng.random() < self.probability else image


class Crop(Step, tag="crop"):
    """A part of the same shape, at least ``min_scale`` of the area, enlarged."""

    min_scale: float

    def apply(self, image: Image.Image, rng: random.Random) -> Image.Image:
        side = rng.uniform(self.min_scale, 1) ** 0.5
        width, height = image.width * side, image.height * side
        left = rng.uniform(0, image.width - width)
        top = rng.uniform(0, image.height - height)
        if side == 1:
            return image
        box = (left, top, left + width, top + height)
        return image.resize(image.size, Image.Resampling.BICUBIC, box)


class Rotation(Step, tag="rotation"):
    """Turned about the middle; what was not there before is white."""

    max_degrees: float

    def apply(self, image: Image.Image, rng: random.Random) -> Image.Image:
        degrees = rng.uniform(-self.max_degrees, self.max_degrees)
        if degrees == 0:
            return image
        return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor="white")


class ColorJitter(Step, tag="colorJitter"):
    """Factors within 1 - x and 1 + x, as torchvision's ``ColorJitter`` means them."""

    brightness: float
    contrast: float
    saturation: float

    def apply(self, image: Image.Image, rng: random.Random) -> Image.Image:
        for limit, enhancer in (
            (self.brightness, ImageEnhance.Brightness),
            (self.contrast, ImageEnhance.Contrast),
            (self.saturation, ImageEnhance.Color),
        ):
            image = enhancer(image).enhance(rng.uniform(1 - limit, 1 + limit))
        return image


def augment(
    image: Image.Image, steps: Sequence[Step], rng: random.Random
) -> Image.Image:
    """Applies the steps in their order."""
    for step in steps:
        image = step.apply(image, rng)
    return image
