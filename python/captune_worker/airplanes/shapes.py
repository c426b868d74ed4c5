"""Polygons."""

from math import cos, pi, sin

Point = tuple[float, float]
Shape = tuple[Point, ...]


def ellipse(centre: Point, across: float, up: float, corners: int = 12) -> Shape:
    """across and up are the half axes."""
    x, y = centre
    turns = (2 * pi * corner / corners for corner in range(corners))
    return tuple((x + across * cos(turn), y + up * sin(turn)) for turn in turns)


def box(left: float, bottom: float, right: float, top: float) -> Shape:
    return (left, bottom), (left, top), (right, top), (right, bottom)


def star(centre: Point, radius: float) -> Shape:
    """Five points, one of them up."""
    x, y = centre
    rays = [
        (radius * (0.45 if ray % 2 else 1.0), pi / 2 + pi * ray / 5)
        for ray in range(10)
    ]
    return tuple((x + reach * cos(turn), y + reach * sin(turn)) for reach, turn in rays)
