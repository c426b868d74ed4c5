from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from captune_worker.airplanes import (
    SPLITS,
    STANDARD_SEED,
    draw,
    pretraining_scene,
    sample_scene,
)
from captune_worker.airplanes.airframe import parts
from captune_worker.airplanes.backdrop import land_height
from captune_worker.airplanes.drawing import place
from captune_worker.airplanes.fleet import ENGINE_COUNTS, KINDS
from captune_worker.airplanes.forms import FORMS
from captune_worker.airplanes.marks import fin_point
from captune_worker.airplanes.palette import (
    NACELLE,
    NACELLE_FAR,
    TAIL,
    TINT,
    mark_colour,
    tail_colour,
)
from captune_worker.airplanes.scene import FRAMES, MARKS
from PIL import ImageChops

SCENES = [pretraining_scene(5, index) for index in range(300)]
SMALLEST = replace(  # the smallest airplane that a split may hold
    SCENES[0], width=224, height=296, size="far", fill=0.56, code="", mark="none"
)


def form_of(scene):
    return FORMS[scene.body, scene.engines]


def colour_at(picture, scene, point):
    """The pixel of a picture at a point of the airplane."""
    x, y = place(scene).pixel(point)
    return picture.getpixel((int(x), int(y)))


def is_close(colour, other, tolerance=4):
    return all(abs(a - b) <= tolerance for a, b in zip(colour, other, strict=True))


def of_kind(scene, kind):
    return replace(scene, body=kind.body, engines=kind.engines, windows=kind.windows[0])


def engine_spots(picture):
    """How many separate spots of engine colour a picture shows."""
    width = picture.width
    pixels = enumerate(zip(*[iter(picture.tobytes())] * 3, strict=True))
    engine = {pixel for pixel, colour in pixels if colour in (NACELLE, NACELLE_FAR)}
    spots = 0
    while engine:
        edge, size = [engine.pop()], 0
        while edge:
            pixel = edge.pop()
            size += 1
            beside = {pixel + 1, pixel - 1, pixel + width, pixel - width} & engine
            engine -= beside
            edge += beside
        spots += size >= 8  # fewer pixels are blends along other edges
    return spots


def test_pictures_are_rgb_of_the_scenes_size():
    for frame in FRAMES.values():
        scene = replace(SCENES[0], width=frame[0], height=frame[1])
        picture = draw(scene)
        assert (picture.mode, picture.size) == ("RGB", frame)


def test_a_scene_is_always_drawn_alike():
    for scene in SCENES[:40]:
        assert draw(scene).tobytes() == draw(scene).tobytes()


def test_no_picture_occurs_twice_within_or_between_splits_and_stream():
    scenes = [
        sample_scene(STANDARD_SEED, s, i, n)
        for s, n in SPLITS.items()
        for i in range(n)
    ]
    scenes += [pretraining_scene(STANDARD_SEED, index) for index in range(300)]
    assert len({draw(scene).tobytes() for scene in scenes}) == len(scenes)


def test_the_tail_has_its_colour():
    for scene in SCENES:
        scene = replace(scene, mark="none")
        spot = fin_point(form_of(scene), 0.5, 0.8)
        colour = colour_at(draw(scene), scene, spot)
        assert colour == tail_colour(scene.tail, scene.tint)
        assert is_close(colour, TAIL[scene.tail], TINT)


def test_tail_colours_cannot_be_taken_for_each_other():
    """Even at their extremes: see TINT."""
    for name, other in combinations(TAIL, 2):
        apart = max(abs(a - b) for a, b in zip(TAIL[name], TAIL[other], strict=True))
        assert apart - 2 * TINT > 70, (name, other)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.body} {kind.engines}")
def test_engines_can_be_counted(kind):
    for scene in SCENES[:40]:
        scene = of_kind(scene, kind)
        assert engine_spots(draw(scene)) == ENGINE_COUNTS[kind.engines], scene
    for position, pitch in (("level", 0.0), ("climbing", 15.0), ("parked", 0.0)):
        for sky in ("night", "overcast", "sunset"):
            scene = of_kind(
                replace(SMALLEST, position=position, pitch=pitch, sky=sky), kind
            )
            assert engine_spots(draw(scene)) == ENGINE_COUNTS[kind.engines], scene


@pytest.mark.parametrize("mark", ["star", "disc", "diamond"])
def test_a_badge_stands_out_in_the_middle_of_the_fin(mark):
    for scene in SCENES[:100]:
        scene = replace(scene, mark=mark)
        low = 0.5 if form_of(scene).fin_engine else 0.28
        spot = fin_point(form_of(scene), 0.5, (low + 0.86) / 2)
        assert colour_at(draw(scene), scene, spot) == mark_colour(scene.tail)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.body} {kind.engines}")
def test_stripes_alternate_with_the_tail(kind):
    scene = replace(of_kind(SMALLEST, kind), mark="stripes")
    picture, tail = draw(scene), tail_colour(scene.tail, scene.tint)
    # Up the middle of the fin, from above an engine in it to just below its top.
    low = 0.48 if form_of(scene).fin_engine else 0.1
    heights = [low + (0.96 - low) * step / 60 for step in range(61)]
    spots = (fin_point(form_of(scene), 0.5, up) for up in heights)
    seen = [colour_at(picture, scene, spot) for spot in spots]
    bands = [
        "mark"
        if is_close(c, mark_colour(scene.tail), 40)
        else "tail"
        if is_close(c, tail, 40)
        else ""
        for c in seen
    ]
    bands = [band for band in bands if band]
    changes = sum(a != b for a, b in pairwise(bands))
    assert changes >= (3 if form_of(scene).fin_engine else 4)


def test_marks_differ_where_airplanes_are_smallest():
    for kind in KINDS:
        pictures = [draw(replace(of_kind(SMALLEST, kind), mark=mark)) for mark in MARKS]
        for one, other in combinations(pictures, 2):
            steps = ImageChops.difference(one, other).convert("L").tobytes()
            assert sum(step > 40 for step in steps) >= 12, kind


def test_the_airplane_lies_within_the_picture():
    for scene in SCENES:
        placement = place(scene)
        for part in parts(scene):
            for point in part.shape:
                x, y = placement.pixel(point)
                assert 0 <= x <= scene.width
                assert 0 <= y <= scene.height


def test_position_size_and_side_are_as_told():
    lengths = {"near": [], "far": []}
    for scene in SCENES:
        placement = place(scene)
        (nose_x, nose_y), (end_x, end_y) = (
            placement.pixel((0.5, 0)),
            placement.pixel((-0.5, 0)),
        )
        assert (nose_x > end_x) == (scene.facing == "right")
        assert (end_y - nose_y > 0.1 * abs(nose_x - end_x)) == (
            scene.position == "climbing"
        )
        lowest = max(placement.pixel(p)[1] for part in parts(scene) for p in part.shape)
        stands = lowest > scene.height - 0.8 * land_height(scene)
        assert stands == (scene.position == "parked")
        if scene.width == 2 * scene.height:
            lengths[scene.size].append(abs(nose_x - end_x) / scene.width)
    assert sum(lengths["near"]) / len(lengths["near"]) > 1.35 * sum(
        lengths["far"]
    ) / len(lengths["far"])


def test_a_registration_is_painted_where_it_can_be_read():
    near = replace(SCENES[0], size="near", fill=0.9, code="qjx-27")
    blank, other = draw(replace(near, code="")), draw(replace(near, code="kbz-13"))
    assert draw(near).tobytes() not in (blank.tobytes(), other.tobytes())
    assert all((scene.code != "") == (scene.size == "near") for scene in SCENES)
