"""The fuselage: its outline, its colours and its windows, in the lengths of forms.py."""

from collections.abc import Iterator
from math import cos, pi, sin, sqrt

from .forms import Form
from .shapes import Point, Shape, box

_NOSE, _CONE = 0.15, 0.34  # lengths of the rounded front and of the narrowing rear
_FIRST_WINDOW = 0.345
_STATIONS = (
    *(0.5 - _NOSE * (1 - cos(pi / 2 * step / 8)) for step in range(9)),
    *(0.16 - 0.66 * step / 12 for step in range(13)),
)


def hull_shape(form: Form, high: float = 1.0, front: float = 0.5) -> Shape:
    """The fuselage behind front and below high, which is counted in radii from its axis."""
    limit = high * form.radius
    edges = [(x, *_edges(form, x)) for x in _STATIONS if x <= front]
    edges = [(x, low, min(top, limit)) for x, low, top in edges if low <= limit]
    return *((x, top) for x, _, top in edges), *((x, low) for x, low, _ in edges[::-1])


def _edges(form: Form, x: float) -> Point:
    """Height of the underside and of the top at x."""
    if x > 0.5 - _NOSE:
        ahead = (x - 0.5 + _NOSE) / _NOSE
        middle = -0.2 * form.radius * ahead**2
        half = form.radius * sqrt(max(0.0, 1 - ahead**2.2))
        return middle - half, middle + half
    behind = max(0.0, (_CONE - 0.5 - x) / _CONE)
    return form.radius * (1.45 * behind**1.4 - 1), form.radius * (1 - 0.12 * behind)


def hump_shape(form: Form) -> Shape:
    """The upper deck's bulge; its lower part lies within the fuselage."""
    turns = [pi * step / 16 for step in range(17)]
    # The root flattens the ellipse into a deck; max() keeps sin(pi) from falling below zero.
    return tuple(
        (
            0.265 + 0.205 * cos(turn),
            form.radius * (0.5 + 1.05 * max(0.0, sin(turn)) ** 0.7),
        )
        for turn in turns
    )


def cockpit_shape(form: Form, hump: bool) -> Shape:
    corners = ((0.475, 0.15), (0.445, 0.52), (0.4, 0.62), (0.405, 0.15))
    if hump:
        corners = ((0.43, 1.1), (0.4, 1.38), (0.365, 1.45), (0.365, 1.1))
    return tuple((x, y * form.radius) for x, y in corners)


def window_shapes(form: Form, hump: bool, count: int) -> Iterator[Shape]:
    """The main row of count windows, and the upper deck's five."""
    last = -0.3
    if form.tee and not form.propeller:
        # None may hide behind the near engine, since captions tell their number.
        last = form.near[0][0] + form.engine[0] / 2 + 0.03
    gap = (_FIRST_WINDOW - last) / (count - 1)
    for number in range(count):
        yield _window(
            _FIRST_WINDOW - gap * number, form.radius * 0.36, min(0.011, gap * 0.3)
        )
    if hump:
        for number in range(5):
            yield _window(0.33 - 0.033 * number, form.radius * 1.2, 0.008)


def _window(x: float, y: float, half: float) -> Shape:
    return box(x - half, y - 1.35 * half, x + half, y + 1.35 * half)
