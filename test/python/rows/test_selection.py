"""Rows are chosen as Hugging Face ``datasets`` chooses them."""

import pytest
from captune_worker.rows.selection import matches, shuffled, train_test_split
from hypothesis import given, settings
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def datasets():
    return pytest.importorskip("datasets", reason="datasets is not installed")


@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 300), seed=SEEDS)
def test_shuffled_as_datasets_does(datasets, count: int, seed: int) -> None:
    dataset = datasets.Dataset.from_dict({"row": list(range(count))})
    assert shuffled(count, seed).tolist() == list(dataset.shuffle(seed=seed)["row"])


@settings(max_examples=80, deadline=None)
@given(
    count=st.integers(2, 300),
    fraction=st.floats(0.001, 0.999, exclude_max=True),
    seed=SEEDS,
)
def test_split_as_datasets_does(datasets, count, fraction, seed) -> None:
    dataset = datasets.Dataset.from_dict({"row": list(range(count))})
    try:
        split = dataset.train_test_split(test_size=fraction, seed=seed)
    except ValueError:
        with pytest.raises(ValueError, match="leaves none to train on"):
            train_test_split(count, fraction, seed)
        return
    train, test = train_test_split(count, fraction, seed)
    assert train.tolist() == list(split["train"]["row"])
    assert test.tolist() == list(split["test"]["row"])


def test_the_recipes_split() -> None:
    train, test = train_test_split(136, 0.2, 42)
    assert (len(train), len(test)) == (108, 28)
    assert sorted([*train, *test]) == list(range(136))


@pytest.mark.parametrize(
    ("value", "includes_any", "includes_all", "wanted"),
    [
        (["boeing 707", "jet"], ["boeing 707"], None, True),
        (["boeing 7070"], ["boeing 707"], None, False),
        (["boeing 707-320"], ["boeing 707"], None, False),
        (["Boeing 707"], ["boeing 707"], None, False),
        ("a boeing 707-320", ["boeing 707"], None, True),
        ("a Boeing 707", ["boeing 707"], None, False),
        (("a", "b"), None, ["a", "b"], True),
        (["a"], None, ["a", "b"], False),
        ("ab", None, ["a", "b"], True),
        (["a", "c"], ["a", "x"], ["c"], True),
        (["a"], ["a"], ["c"], False),
        ([], ["a"], None, False),
        ([], None, ["a"], False),
        (None, ["a"], None, False),
        (707, ["707"], None, False),
        ({"a": 1}, ["a"], None, False),
    ],
)
def test_conditions(value, includes_any, includes_all, wanted: bool) -> None:
    assert matches(value, includes_any, includes_all) is wanted
