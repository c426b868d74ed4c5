import hashlib
from collections import Counter
from itertools import product

import pytest
from captune_worker.airplanes import (
    SPLITS,
    STANDARD_SEED,
    domain_answer,
    pretraining_scene,
    sample_scene,
)
from captune_worker.airplanes.fleet import KINDS
from captune_worker.airplanes.scene import (
    FACINGS,
    MARKS,
    POSITIONS,
    SIZES,
    SKIES,
    TAILS,
)

SEEDS = (STANDARD_SEED, *range(20))
LOOKS = {
    "tail": TAILS,
    "mark": MARKS,
    "sky": SKIES,
    "position": POSITIONS,
    "size": SIZES,
    "facing": FACINGS,
}


def split_scenes(split, seed=STANDARD_SEED, count=None):
    count = SPLITS[split] if count is None else count
    return [sample_scene(seed, split, index, count) for index in range(count)]


def kind(scene):
    return scene.body, scene.engines


def test_scenes_and_answers_are_the_pinned_ones():
    """Wherever this fails without a change of intent, pictures differ between machines or versions."""
    lines = [
        f"{scene} {domain_answer(scene)}"
        for split in SPLITS
        for scene in split_scenes(split)
    ]
    lines += [str(pretraining_scene(STANDARD_SEED, index)) for index in range(100)]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert digest == "b64556c290ed3532e82d5528fccea958f2b9d0b1a0c5f4345db8fb9fd87555e9"


def test_a_scene_depends_on_seed_split_and_index_only():
    scene = sample_scene(1, "train", 5, 20)
    assert sample_scene(1, "train", 5, 20) == scene
    assert sample_scene(1, "train", 5, 108) == scene, (
        "a longer split begins like a shorter one"
    )
    others = [(2, "train", 5), (1, "test", 5), (1, "train", 6)]
    assert all(sample_scene(*other, 20) != scene for other in others)


def test_the_splits_share_no_scene():
    scenes = [scene for split in SPLITS for scene in split_scenes(split)]
    assert len(set(scenes)) == len(scenes) == sum(SPLITS.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_every_value_occurs_about_equally_often_in_training(seed):
    scenes = split_scenes("train", seed)
    counts = Counter(kind(scene) for scene in scenes)
    assert set(counts.values()) == {12}
    assert len(counts) == len(KINDS)
    for name, values in LOOKS.items():
        counts = Counter(getattr(scene, name) for scene in scenes)
        assert all(abs(counts[value] - 108 / len(values)) <= 3 for value in values), (
            name
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_every_pair_that_decides_the_answer_occurs_in_training(seed):
    scenes = split_scenes("train", seed)
    tails = Counter((kind(scene), scene.tail) for scene in scenes)
    marks = Counter((kind(scene), scene.mark) for scene in scenes)
    both = Counter((scene.tail, scene.mark) for scene in scenes)
    assert len(tails) == 54
    assert set(tails.values()) == {2}
    assert len(marks) == 45
    assert min(marks.values()) >= 1
    assert len(both) == 30
    assert min(both.values()) >= 2


def test_no_look_gives_the_kind_away():
    scenes = split_scenes("train")
    for name, values in LOOKS.items():
        pairs = Counter((kind(scene), getattr(scene, name)) for scene in scenes)
        assert len(pairs) == len(KINDS) * len(values), name


@pytest.mark.parametrize("split", SPLITS)
def test_most_pictures_are_two_to_one_but_not_all(split):
    scenes = split_scenes(split)
    wide = sum(scene.width == 2 * scene.height for scene in scenes)
    assert 0.7 <= wide / len(scenes) < 1


def test_the_pretraining_stream_is_uniform_and_meets_every_combination():
    scenes = [pretraining_scene(3, index) for index in range(5000)]
    met = {(*kind(scene), scene.tail, scene.mark) for scene in scenes}
    every = {(k.body, k.engines, *rest) for k, *rest in product(KINDS, TAILS, MARKS)}
    assert met == every
    for name, values in LOOKS.items():
        counts = Counter(getattr(scene, name) for scene in scenes)
        mean = 5000 / len(values)
        assert all(abs(counts[value] - mean) < 5 * mean**0.5 for value in values), name
    assert len({(scene.width, scene.height) for scene in scenes}) == 5


def test_the_pretraining_stream_meets_no_scene_of_a_split():
    standard = {scene for split in SPLITS for scene in split_scenes(split)}
    assert standard.isdisjoint(pretraining_scene(STANDARD_SEED, i) for i in range(5000))


def test_wrong_arguments_are_refused():
    with pytest.raises(
        ValueError, match="unknown split 'dev'; there are train, validation, test"
    ):
        sample_scene(1, "dev", 0, 10)
    for index in (-1, 10):
        with pytest.raises(ValueError, match="outside a split of 10"):
            sample_scene(1, "train", index, 10)
