"""The airplane as flat coloured parts, in the lengths of forms.py.

It is seen from its side and slightly from the front: the engines of the far side peep out ahead of
the near ones, so that every engine can be counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from . import palette
from .forms import FORMS, Form
from .hull import cockpit_shape, hull_shape, hump_shape, window_shapes
from .marks import fin_point, fin_shape, mark_shapes
from .scene import Scene
from .shapes import Point, Shape, box, ellipse


@dataclass(frozen=True, slots=True)
class Part:
    """A filled polygon, painted over the parts before it."""

    shape: Shape
    colour: tuple[int, ...]
    rim: bool = False  # whether the light line around the airplane follows it


def parts(scene: Scene) -> list[Part]:
    """All parts of the scene's airplane, the farthest first."""
    form = FORMS[scene.body, scene.engines]
    tail = palette.tail_colour(scene.tail, scene.tint)
    return [
        *_far_wing(form),
        *_engines(form, form.far, palette.NACELLE_FAR),
        *(_gear(form) if scene.position != "level" else ()),
        *_fin(form, tail, scene),
        *_fuselage(form, tail, scene),
        *_near_wing(form),
        *_engines(form, form.near, palette.NACELLE),
    ]


def _fin(form: Form, tail: palette.Colour, scene: Scene) -> Iterator[Part]:
    yield Part(fin_shape(form), tail, rim=True)
    for shape in mark_shapes(form, scene.mark):
        yield Part(shape, palette.mark_colour(scene.tail))
    if form.tee:
        offsets = (
            (0.03, 0.0),
            (-0.09, -0.012),
            (-0.15, -0.004),
            (-0.13, 0.012),
            (0.0, 0.014),
        )
        yield Part(_beside(fin_point(form, 0, 1), offsets), palette.WING, rim=True)
    if form.fin_engine:
        yield from _engines(form, (form.fin_engine,), palette.NACELLE)


def _fuselage(form: Form, tail: palette.Colour, scene: Scene) -> Iterator[Part]:
    hump = scene.body == "hump"
    if hump:
        yield Part(hump_shape(form), palette.HULL, rim=True)
    yield Part(hull_shape(form), palette.HULL, rim=True)
    yield Part(hull_shape(form, high=-0.5), palette.BELLY)
    yield Part(hull_shape(form, front=-0.35), tail)
    if not form.tee:
        offsets = ((0.0, 0.0), (-0.09, -0.01), (-0.17, -0.035), (-0.135, -0.035))
        yield Part(_beside((-0.38, form.radius * 0.5), offsets), palette.WING, rim=True)
    yield Part(cockpit_shape(form, hump), palette.GLASS)
    for shape in window_shapes(form, hump, scene.windows):
        yield Part(shape, palette.WINDOW)


def _near_wing(form: Form) -> Iterator[Part]:
    back, up = form.span
    if form.propeller:
        offsets = (
            (0.085, 0.0),
            (back + 0.07, up),
            (back - 0.07, up),
            (-0.085, 0.0),
            (0.0, 0.016),
        )
    else:
        offsets = ((0.115, 0.0), (back + 0.03, up), (back - 0.04, up), (-0.125, -0.012))
    yield Part(_beside(form.wing, offsets), palette.WING, rim=True)


def _far_wing(form: Form) -> Iterator[Part]:
    """Its tip above the fuselage; a straight wing hides behind it."""
    if not form.propeller:
        up = 0.1 - form.wing[1]
        offsets = ((0.1, 0.0), (-0.2, up), (-0.25, up), (-0.1, 0.0))
        yield Part(_beside(form.wing, offsets), palette.WING_FAR, rim=True)


def _engines(
    form: Form, centres: tuple[Point, ...], colour: palette.Colour
) -> Iterator[Part]:
    length, radius = form.engine
    for centre in centres:
        # The light edge keeps engines apart from each other and from a dark fin.
        edge = _nacelle(centre, length + 0.014, radius + 0.007)
        yield Part(edge, palette.LIP, rim=True)
        yield Part(_nacelle(centre, length, radius), colour)
        x, y = centre[0] + length / 2, centre[1]
        if form.propeller:
            blades = x + 0.012, y
            yield Part(ellipse((x, y), 0.02, 0.016), palette.BLADE)
            yield Part(ellipse(blades, 0.022, form.propeller, 20), palette.DISC)
            yield Part(ellipse(blades, 0.0055, form.propeller), palette.BLADE, rim=True)
        else:
            lip = box(x - length * 0.14, y - radius * 0.9, x, y + radius * 0.9)
            yield Part(lip, palette.LIP)


def _nacelle(centre: Point, length: float, radius: float) -> Shape:
    """An engine's hull: wide in front, slim behind."""
    half = ((0.5, 0.82), (0.2, 1.0), (-0.3, 0.75), (-0.5, 0.45))
    upper = [(length * along, radius * up) for along, up in half]
    return _beside(centre, (*upper, *((x, -y) for x, y in upper[::-1])))


def _gear(form: Form) -> Iterator[Part]:
    ground = -form.radius - form.leg
    for x, wheel in ((0.4, 0.017), (-0.15, 0.022)):
        hub = ground + wheel
        yield Part(box(x - 0.006, hub, x + 0.006, 0.0), palette.STRUT, rim=True)
        yield Part(ellipse((x, hub), wheel, wheel, 14), palette.WHEEL, rim=True)


def _beside(point: Point, offsets: tuple[Point, ...]) -> Shape:
    return tuple((point[0] + x, point[1] + y) for x, y in offsets)
