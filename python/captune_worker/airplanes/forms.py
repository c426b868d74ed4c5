"""The measures of every kind of airplane, in fuselage lengths.

x is forward and y up; the nose is at x = 0.5, the end at x = -0.5, the fuselage's axis at y = 0. Engines
stand apart from each other, so that each shows as one spot. Airplanes are a little chubby and their fins
tall, so that engines, colours and marks survive a small picture.
"""

from dataclasses import dataclass

from .shapes import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    radius: float  # of the fuselage
    fin: float  # its height above the fuselage
    lean: float  # how far the fin's top stands behind its foot
    wing: Point  # middle of the near wing's root
    span: Point  # from there to the wing's tip
    tee: bool = False  # tailplane on top of the fin
    near: tuple[Point, ...]  # centres of the engines on this side
    far: tuple[Point, ...]  # and on the other side
    fin_engine: Point | None = None
    engine: tuple[float, float]  # length and radius
    propeller: float = 0.0  # radius; 0 for a jet
    leg: float = 0.105  # height of the fuselage above the ground


_SWEPT = (-0.31, -0.07)

FORMS: dict[tuple[str, str], Form] = {
    ("narrow", "2 wing"): Form(
        radius=0.068,
        fin=0.2,
        lean=0.15,
        wing=(0.01, -0.03),
        span=_SWEPT,
        near=((0.05, -0.112),),
        far=((0.195, -0.098),),
        engine=(0.12, 0.036),
    ),
    ("narrow", "4 wing"): Form(
        radius=0.064,
        fin=0.19,
        lean=0.15,
        wing=(0.01, -0.03),
        span=_SWEPT,
        near=((0.06, -0.102), (-0.07, -0.128)),
        far=((0.19, -0.092), (0.315, -0.08)),
        engine=(0.092, 0.029),
    ),
    ("hump", "4 wing"): Form(
        radius=0.08,
        fin=0.2,
        lean=0.15,
        wing=(0.01, -0.04),
        span=_SWEPT,
        near=((0.06, -0.124), (-0.07, -0.15)),
        far=((0.19, -0.112), (0.315, -0.1)),
        engine=(0.094, 0.033),
    ),
    ("wide", "2 wing 1 fin"): Form(
        radius=0.084,
        fin=0.23,
        lean=0.13,
        wing=(0.01, -0.04),
        span=_SWEPT,
        near=((0.05, -0.132),),
        far=((0.2, -0.116),),
        fin_engine=(-0.43, 0.135),
        engine=(0.12, 0.04),
    ),
    ("narrow", "3 rear"): Form(
        radius=0.068,
        fin=0.21,
        lean=0.17,
        wing=(-0.03, -0.04),
        span=_SWEPT,
        tee=True,
        near=((-0.27, -0.01),),
        far=((-0.19, 0.092),),
        fin_engine=(-0.36, 0.1),
        engine=(0.12, 0.034),
        leg=0.075,
    ),
    ("narrow", "2 rear"): Form(
        radius=0.066,
        fin=0.2,
        lean=0.14,
        wing=(-0.01, -0.04),
        span=_SWEPT,
        tee=True,
        near=((-0.27, 0.01),),
        far=((-0.19, 0.088),),
        engine=(0.13, 0.036),
        leg=0.075,
    ),
    ("short", "2 rear"): Form(
        radius=0.092,
        fin=0.24,
        lean=0.15,
        wing=(-0.02, -0.055),
        span=(-0.28, -0.06),
        tee=True,
        near=((-0.24, 0.02),),
        far=((-0.15, 0.124),),
        engine=(0.17, 0.048),
        leg=0.075,
    ),
    ("straight", "2 propeller"): Form(
        radius=0.074,
        fin=0.22,
        lean=0.07,
        wing=(0.06, 0.075),
        span=(-0.01, -0.03),
        tee=True,
        near=((0.11, 0.02),),
        far=((0.285, 0.1),),
        engine=(0.17, 0.03),
        propeller=0.12,
        leg=0.075,
    ),
    ("straight", "4 propeller"): Form(
        radius=0.068,
        fin=0.2,
        lean=0.08,
        wing=(0.02, -0.035),
        span=(-0.05, -0.075),
        near=((0.075, -0.094), (-0.06, -0.118)),
        far=((0.21, -0.086), (0.34, -0.078)),
        engine=(0.09, 0.025),
        propeller=0.078,
        leg=0.14,
    ),
}
