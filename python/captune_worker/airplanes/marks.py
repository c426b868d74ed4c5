"""The fin and the airline's mark on it."""

from collections.abc import Iterator

from .forms import Form
from .shapes import Point, Shape, ellipse, star

_CHORD = (0.2, 0.115)  # of the fin's foot and top, in fuselage lengths
_FRONT = -0.275  # of the fin's foot


def fin_point(form: Form, along: float, up: float) -> Point:
    """A point of the fin: along from front edge (0) to rear edge (1), up from foot (0) to top (1)."""
    chord = _CHORD[0] + (_CHORD[1] - _CHORD[0]) * up
    foot, top = form.radius * 0.8, form.radius + form.fin
    return _FRONT - form.lean * up - chord * along, foot + (top - foot) * up


def fin_shape(form: Form, low: float = 0.0, high: float = 1.0) -> Shape:
    """The fin from one height to another, each from 0 to 1."""
    corners = ((0, low), (0, high), (1, high), (1, low))
    return tuple(fin_point(form, along, up) for along, up in corners)


def mark_shapes(form: Form, mark: str) -> Iterator[Shape]:
    """The polygons of a mark, on the part of the fin that no engine covers."""
    low = 0.5 if form.fin_engine else 0.28
    centre = x, y = fin_point(form, 0.5, (low + 0.86) / 2)
    match mark:
        case "none":
            pass
        case "disc":
            yield ellipse(centre, 0.05, 0.05, 24)
        case "diamond":
            yield (x, y + 0.066), (x + 0.046, y), (x, y - 0.066), (x - 0.046, y)
        case "star":
            yield star(centre, 0.066)
        case "stripes":
            high = (1 - low) / 5
            for stripe in range(2 if form.fin_engine else 3):
                bottom = low + 2 * high * stripe
                yield fin_shape(form, bottom, bottom + high)
        case _:
            raise ValueError(f"unknown mark {mark!r}")
