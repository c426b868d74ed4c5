"""The kinds of airplane that are drawn: what each looks like, and which real aircraft look like that."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One pair of body and engines, with the aircraft that these drawings cannot tell apart."""

    body: str  # narrow, short, wide, hump (wide, with an upper deck in front) or straight (unswept wings)
    engines: str  # how many, of what sort or where
    aircraft: tuple[str, ...]  # the domain's tags
    windows: tuple[int, int]  # fewest and most windows in the main row


# No maker but one has more than one kind: whoever always gives the same answer must score badly.
KINDS: tuple[Kind, ...] = (
    Kind(
        body="narrow",
        engines="2 wing",
        aircraft=("boeing 737", "airbus a320"),
        windows=(11, 17),
    ),
    Kind(
        body="narrow",
        engines="4 wing",
        aircraft=("boeing 707", "douglas dc-8"),
        windows=(12, 19),
    ),
    Kind(
        body="hump",
        engines="4 wing",
        aircraft=("boeing 747", "vc-25"),
        windows=(16, 24),
    ),
    Kind(
        body="wide",
        engines="2 wing 1 fin",
        aircraft=("lockheed tristar", "mcdonnell md-11"),
        windows=(15, 23),
    ),
    Kind(
        body="narrow",
        engines="3 rear",
        aircraft=("boeing 727", "tupolev tu-154"),
        windows=(11, 16),
    ),
    Kind(
        body="narrow",
        engines="2 rear",
        aircraft=("fokker 100", "embraer erj-145"),
        windows=(10, 15),
    ),
    Kind(
        body="short",
        engines="2 rear",
        aircraft=("learjet 45", "cessna citation"),
        windows=(4, 6),
    ),
    Kind(
        body="straight",
        engines="2 propeller",
        aircraft=("atr 72", "de havilland dash 8"),
        windows=(8, 12),
    ),
    Kind(
        body="straight",
        engines="4 propeller",
        aircraft=("bristol britannia", "ilyushin il-18"),
        windows=(9, 14),
    ),
)

# How many engines a picture shows.
ENGINE_COUNTS: dict[str, int] = {
    kind.engines: sum(int(part) for part in kind.engines.split() if part.isdigit())
    for kind in KINDS
}
KIND_OF: dict[tuple[str, str], Kind] = {
    (kind.body, kind.engines): kind for kind in KINDS
}
AIRCRAFT_NAMES: tuple[str, ...] = tuple(
    name for kind in KINDS for name in kind.aircraft
)
