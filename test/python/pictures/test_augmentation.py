"""Chance changes a picture, never its size, and the same seed the same way."""

import random

import numpy as np
import pytest
from captune_worker.pictures import (
    ColorJitter,
    Crop,
    HorizontalFlip,
    Rotation,
    augment,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

ALL = (
    HorizontalFlip(probability=0.5),
    Crop(min_scale=0.5),
    Rotation(max_degrees=20),
    ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3),
)
IDENTITIES = (
    HorizontalFlip(probability=0),
    Crop(min_scale=1),
    Rotation(max_degrees=0),
    ColorJitter(brightness=0, contrast=0, saturation=0),
)


def noise(width: int = 17, height: int = 11) -> Image.Image:
    values = np.random.default_rng(3).integers(0, 256, (height, width, 3))
    return Image.fromarray(values.astype(np.uint8))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 999))
def test_size_and_mode_stay_and_a_seed_repeats(width, height, seed) -> None:
    image = noise(width, height)
    one = augment(image, ALL, random.Random(seed))
    assert (one.size, one.mode) == (image.size, "RGB")
    assert one.tobytes() == augment(image, ALL, random.Random(seed)).tobytes()


@pytest.mark.parametrize("step", IDENTITIES, ids=lambda step: type(step).__name__)
def test_nothing_wanted_nothing_changed(step) -> None:
    image = noise()
    assert augment(image, [step], random.Random(1)).tobytes() == image.tobytes()


@pytest.mark.parametrize("step", ALL, ids=lambda step: type(step).__name__)
def test_each_changes_something(step) -> None:
    image = noise()
    made = {augment(image, [step], random.Random(seed)).tobytes() for seed in range(20)}
    assert len(made) > 1


def test_a_flip_is_exact_and_as_frequent_as_asked() -> None:
    image = noise()
    mirrored = np.asarray(image)[:, ::-1]
    flip = HorizontalFlip(probability=0.25)
    flipped = 0
    for seed in range(400):
        made = np.asarray(augment(image, [flip], random.Random(seed)))
        is_mirrored = np.array_equal(made, mirrored)
        assert is_mirrored or np.array_equal(made, np.asarray(image))
        flipped += is_mirrored
    assert 70 <= flipped <= 130


def test_a_rotation_brings_in_white() -> None:
    black = Image.new("RGB", (40, 40), "black")
    turned = [
        augment(black, [Rotation(max_degrees=45)], random.Random(seed))
        for seed in range(10)
    ]
    assert any(image.getpixel((0, 0)) == (255, 255, 255) for image in turned)
    assert all(image.getpixel((20, 20)) == (0, 0, 0) for image in turned)


def test_a_crop_keeps_at_least_its_share() -> None:
    ramp = np.linspace(0, 255, 100).astype(np.uint8)
    image = Image.fromarray(np.repeat(np.tile(ramp, (100, 1))[..., None], 3, axis=2))
    for seed in range(30):
        made = np.asarray(augment(image, [Crop(min_scale=0.64)], random.Random(seed)))
        shown = int(made[50, -1, 0]) - int(made[50, 0, 0])
        assert shown >= 0.8 * 255 - 6


def test_brightness_and_contrast_are_factors() -> None:
    grey = Image.new("RGB", (4, 4), (100, 100, 100))
    seen = [
        augment(
            grey,
            [ColorJitter(brightness=0.5, contrast=0, saturation=0)],
            random.Random(seed),
        ).getpixel((0, 0))[0]
        for seed in range(50)
    ]
    assert 50 <= min(seen) < 70
    assert 130 < max(seen) <= 150
