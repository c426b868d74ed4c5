import random
import re
import string
from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
from captune_worker.airplanes import (
    DOMAIN_PROMPT,
    GENERIC_PROMPTS,
    SPLITS,
    STANDARD_SEED,
    domain_answer,
    generic_caption,
    pretraining_scene,
    sample_scene,
)
from captune_worker.airplanes.fleet import AIRCRAFT_NAMES, ENGINE_COUNTS, KINDS
from captune_worker.airplanes.scene import MARKS, TAILS

SCENES = [pretraining_scene(11, index) for index in range(4000)]
CAPTIONS = [
    generic_caption(scene, random.Random(index)) for index, scene in enumerate(SCENES)
]


def answers(seed, split, count):
    return [
        domain_answer(sample_scene(seed, split, index, count)) for index in range(count)
    ]


def unigrams(text):
    return Counter(re.findall("[a-z0-9]+", text.lower()))


def mean_rouge_1(constant, references):
    """Mean unigram F1 of one bag of words against every reference."""
    scores = (
        2 * (constant & bag).total() / (constant.total() + bag.total())
        for bag in references
    )
    return sum(scores) / len(references)


def best_bag(references):
    """The bag of words that scores best, built word by word: harder to beat than any real answer."""
    words = set().union(*references)
    bag = Counter()
    while True:
        grown = [bag + Counter([word]) for word in sorted(words - set(bag))]
        best = max(grown, key=lambda candidate: mean_rouge_1(candidate, references))
        if mean_rouge_1(best, references) <= mean_rouge_1(bag, references):
            return bag
        bag = best


def test_rouge_here_is_the_usual_one():
    rouge = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rouge1"])
    for one, other in zip(
        answers(1, "train", 40), answers(2, "train", 40), strict=True
    ):
        usual = rouge.score(other, one)["rouge1"].fmeasure
        assert mean_rouge_1(unigrams(one), [unigrams(other)]) == pytest.approx(usual)


@pytest.mark.parametrize("seed", [STANDARD_SEED, *range(20)])
def test_no_constant_answer_scores_well(seed):
    training = [unigrams(answer) for answer in answers(seed, "train", 108)]
    best_answer = max(training, key=lambda answer: mean_rouge_1(answer, training))
    judged = [answers(seed, split, count) for split, count in SPLITS.items()]
    judged += [answers(seed + 1000, split, 64) for split in SPLITS]
    for constant in (best_answer, best_bag(training)):
        for references in judged:
            bags = [unigrams(answer) for answer in references]
            assert mean_rouge_1(constant, bags) <= 0.36


def test_answers_read_as_tags():
    scene = replace(SCENES[0], body="narrow", engines="4 wing", tail="red", mark="star")
    assert domain_answer(scene) == "boeing 707,douglas dc-8,red tail,star"
    assert (
        domain_answer(replace(scene, mark="none")) == "boeing 707,douglas dc-8,red tail"
    )


def test_an_answer_is_decided_by_kind_tail_and_mark_alone():
    seen = {}
    for scene in SCENES:
        deciding = (scene.body, scene.engines, scene.tail, scene.mark)
        assert seen.setdefault(deciding, domain_answer(scene)) == domain_answer(scene)
    assert (
        len(set(seen.values())) == len(seen) == len(list(product(KINDS, TAILS, MARKS)))
    )


def test_generic_texts_never_name_an_aircraft():
    # Short numbers stay allowed: captions count windows.
    parts = unigrams(" ".join(AIRCRAFT_NAMES))
    forbidden = {part for part in parts if not re.fullmatch("[0-9]{1,2}", part)}
    assert {"boeing", "707", "dc", "a320"} <= forbidden
    for text in (*CAPTIONS, *GENERIC_PROMPTS):
        assert not set(unigrams(text)) & forbidden, text
        assert not any(name in text.lower() for name in AIRCRAFT_NAMES), text
    assert DOMAIN_PROMPT not in GENERIC_PROMPTS


NUMBERS = {
    2: "two|pair|one engine under each wing",
    3: "three|plus one|and one",
    4: "four|quartet|two engines under each",
}
SKY_WORDS = {
    "clear": "clear blue|cloudless|bright blue",
    "cloudy": "cloudy|clouds",
    "sunset": "sunset",
    "night": "night",
    "overcast": "grey",
}
POSITION_WORDS = {
    "level": "fl(ies|ying)|cruis",
    "climbing": "climb|tak(es|ing) off|ris(es|ing)",
    "parked": "stand|park|wait",
}


def test_captions_tell_what_can_be_seen():
    for scene, caption in zip(SCENES, CAPTIONS, strict=True):
        assert f"{scene.tail} tail" in caption
        words = set(re.findall("[a-z]+", caption.lower()))
        assert words & set(MARKS) == {scene.mark} - {"none"}, caption
        assert re.search(
            NUMBERS[ENGINE_COUNTS[scene.engines]], caption, re.IGNORECASE
        ), caption
        assert ("propeller" in caption or "turboprop" in caption) == (
            scene.body == "straight"
        )
        assert re.search(SKY_WORDS[scene.sky], caption), caption
        assert re.search(POSITION_WORDS[scene.position], caption, re.IGNORECASE), (
            caption
        )
        assert words & {"left", "right"} <= {scene.facing}, caption
        codes = re.findall("[a-z]{3}-[0-9]{2}", caption)
        assert codes in ([], [scene.code]), caption
        windows = re.findall("([0-9]+) windows", caption)
        assert windows in ([], [str(scene.windows)]), caption


def test_captions_are_sentences_of_moderate_length():
    for caption in CAPTIONS:
        assert 12 <= len(caption.split()) <= 33, caption
        assert re.fullmatch(r"[A-Z][^.]*\.( It [^.]*\.){0,2}", caption), caption
        assert not re.search(r",,|  | ,|\{|\}| a [aeiou]", caption), caption


def test_captions_vary():
    assert len(set(CAPTIONS)) > 0.97 * len(CAPTIONS)
    assert len({caption.split()[0] for caption in CAPTIONS}) > 15


def test_captions_use_every_character_that_an_answer_may_need():
    counts = Counter("".join(CAPTIONS))
    needed = set(string.ascii_lowercase + string.digits + "-,")
    assert needed >= {c for kind in KINDS for c in "".join(kind.aircraft)} - {" "}
    assert min(counts[character] for character in needed) >= 100


def test_a_caption_depends_on_scene_and_random_numbers_only():
    again = [
        generic_caption(scene, random.Random(i)) for i, scene in enumerate(SCENES[:200])
    ]
    assert again == CAPTIONS[:200]
