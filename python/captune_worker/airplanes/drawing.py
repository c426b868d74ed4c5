"""A scene as a picture: the airplane before its backdrop, drawn large and then reduced for smooth edges."""

from dataclasses import dataclass
from functools import lru_cache
from math import cos, hypot, radians, sin

from PIL import Image, ImageDraw, ImageFont

from . import palette
from .airframe import Part, parts
from .backdrop import backdrop, land_height
from .forms import FORMS
from .scene import Scene
from .shapes import Point

OVERSAMPLING = 3
RIM = 1.1  # width in pixels of the line around the airplane


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an airplane's points (see forms.py) lie in the picture."""

    x: float  # pixels from the left of the airplane's origin
    y: float  # pixels from the top
    right: Point  # pixels per fuselage length along x
    up: Point

    def pixel(self, point: Point, scale: float = 1.0) -> Point:
        x, y = point
        return (
            (self.x + x * self.right[0] + y * self.up[0]) * scale,
            (self.y + x * self.right[1] + y * self.up[1]) * scale,
        )


def draw(scene: Scene) -> Image.Image:
    """The scene's picture, RGB, scene.width x scene.height pixels."""
    shapes = parts(scene)
    placement = _place(scene, shapes)
    scale = OVERSAMPLING
    image = backdrop(scene, scale)
    _paint(image, shapes, placement, scale)
    if scene.code:
        _letter(image, scene, placement, scale)
    return image.reduce(scale)


def place(scene: Scene) -> Placement:
    return _place(scene, parts(scene))


def _place(scene: Scene, shapes: list[Part]) -> Placement:
    """Fit the airplane into the picture above the land; a parked one stands on the runway."""
    side = 1 if scene.facing == "right" else -1
    lean = radians(scene.pitch)
    right, up = (side * cos(lean), -sin(lean)), (-side * sin(lean), -cos(lean))
    points = {point for part in shapes for point in part.shape}
    xs = [x * right[0] + y * up[0] for x, y in points]
    ys = [x * right[1] + y * up[1] for x, y in points]
    parked = scene.position == "parked"
    room = scene.height - land_height(scene) * (0.4 if parked else 1)
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    length = scene.fill * min(scene.width / wide, room / high)
    across, down = scene.width - length * wide, room - length * high
    low = 0.96 if parked else 0.5 - 0.42 * scene.shift[1]
    return Placement(
        x=across * (0.5 + 0.42 * scene.shift[0]) - length * min(xs),
        y=down * low - length * min(ys),
        right=(right[0] * length, right[1] * length),
        up=(up[0] * length, up[1] * length),
    )


def _paint(
    image: Image.Image, shapes: list[Part], placement: Placement, scale: int
) -> None:
    pen = ImageDraw.Draw(image, "RGBA")
    drawn = [
        (part, [placement.pixel(point, scale) for point in part.shape])
        for part in shapes
    ]
    for part, outline in drawn:
        if part.rim:
            # Two corners more close the outline with a round joint.
            closed = [*outline, *outline[:2]]
            pen.line(closed, palette.RIM, width=round(2 * RIM * scale), joint="curve")
    for part, outline in drawn:
        pen.polygon(outline, part.colour)


def _letter(image: Image.Image, scene: Scene, placement: Placement, scale: int) -> None:
    """Paint the registration behind the nose; it reads from left to right whichever way the airplane faces."""
    radius = FORMS[scene.body, scene.engines].radius
    length = hypot(*placement.right) * scale
    font = _font(round(0.58 * radius * length))
    left, top, right, bottom = (round(edge) for edge in font.getbbox(scene.code))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((-left, -top), scene.code, fill=255, font=font)
    turn = scene.pitch if scene.facing == "right" else -scene.pitch
    mask = mask.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    x, y = placement.pixel((0.325, -0.26 * radius), scale)
    corner = round(x - mask.width / 2), round(y - mask.height / 2)
    image.paste(palette.LETTERING, corner, mask)


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
