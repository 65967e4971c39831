"""tagmates.data.affinity against scikit-learn and scipy, and on data without any information."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import normalized_mutual_info_score

from tagmates.data.affinity import Affinity, affinities, describe_training_data
from tagmates.data.indexing import IndexedSplit
from tagmates.data.sentence import Sentence

tags = st.sampled_from(["O", "B-x", "I-x", None])
words = st.sampled_from(["the", "The", "fog", "lifts", "Mika", "über", ""])
splits = st.lists(st.lists(st.tuples(words, tags), min_size=1, max_size=6), min_size=1, max_size=6).filter(
    lambda some: any(tag is not None for sentence in some for _, tag in sentence)
)


def indexed(sentences: list[list[tuple[str, str | None]]]) -> IndexedSplit:
    return IndexedSplit.of([Sentence(tuple(t for t, _ in s), tuple(g for _, g in s)) for s in sentences])


def by_pair(found: list[Affinity]) -> dict[tuple[str, str], Affinity]:
    return {(each.task, each.helper): each for each in found}


@given(splits)
def test_entropy_is_that_of_scipy_over_labelled_tokens(sentences: list[list[tuple[str, str | None]]]) -> None:
    labels = [tag for sentence in sentences for _, tag in sentence if tag is not None]
    data = describe_training_data(indexed(sentences))
    _, counts = np.unique(labels, return_counts=True)
    assert (data.tokens, data.tags) == (len(labels), len(counts))
    assert data.entropy == pytest.approx(float(stats.entropy(counts, base=2)), abs=1e-12)


def test_mutual_information_is_that_of_scikit_learn_where_every_word_has_one_tag() -> None:
    draw = random.Random(3)
    tokens = [f"w{i}" for i in range(60)]
    one, other = ({token: draw.choice("ABC") for token in tokens} for _ in range(2))
    other |= {token: one[token] for token in tokens[:40]}
    trains = {
        "one": indexed([[(token, one[token])] for token in tokens[:55] for _ in range(draw.randint(1, 4))]),
        "other": indexed([[(token.upper(), other[token])] for token in tokens[5:]]),
    }
    shared = tokens[5:55]
    expected = normalized_mutual_info_score(
        [one[token] for token in shared], [other[token] for token in shared], average_method="geometric"
    )
    found = by_pair(affinities(trains))
    assert found["one", "other"].mutual_information == pytest.approx(expected)
    assert found["other", "one"].mutual_information == pytest.approx(expected)
    assert found["other", "one"].shared_words == pytest.approx(50 / 55)


@given(st.dictionaries(st.sampled_from("abcd"), splits, min_size=2))
def test_whatever_the_data_hold_numbers_are_shares(content: dict[str, list[list[tuple[str, str | None]]]]) -> None:
    trains = {task: indexed(sentences) for task, sentences in content.items()}
    found = affinities(trains)
    assert [(a.task, a.helper) for a in found] == [(t, h) for t in trains for h in trains if h != t]
    for each in found:
        assert 0 <= each.shared_words <= 1
        assert 0 <= each.mutual_information <= 1 + 1e-9
        assert -1 <= each.rank <= 1
        assert np.isfinite(each.helper_information)


def test_a_task_that_says_nothing_is_last() -> None:
    """One with a single tag, and one that shares no word."""
    trains = {
        "ner": indexed([[("Mika", "B"), ("sails", "O"), ("fast", "O")]] * 5),
        "pos": indexed([[("Mika", "N"), ("sails", "V"), ("fast", "A")]] * 9),
        "flat": indexed([[("Mika", "O"), ("sails", "O")]] * 5),
        "far": indexed([[("夜", "X"), ("海", "Y")]] * 2),
    }
    found = by_pair(affinities(trains))
    assert found["ner", "pos"].rank == 1
    assert found["ner", "flat"].mutual_information == found["ner", "far"].mutual_information == 0
    assert found["ner", "far"].shared_words == 0
    assert found["flat", "pos"].mutual_information == 0


@pytest.mark.parametrize("words", [3, 7, 22, 49, 101])
def test_rounding_neither_tells_anything_nor_ranks_equals(words: int) -> None:
    """Helpers of a task with a single tag, and two layers with the same tags under other names, are equals."""
    tokens = [f"w{number}" for number in range(words)]
    trains = {
        "flat": indexed([[(token, "O") for token in tokens]]),
        "pos": indexed([[(token, "NVA"[number % 3]) for number, token in enumerate(tokens)]]),
        "part": indexed([[(token, "NVA"[number % 3] if number % 2 else None) for number, token in enumerate(tokens)]]),
        "renamed": indexed([[(token, "zyx"[number % 3]) for number, token in reversed(list(enumerate(tokens)))]]),
    }
    found = by_pair(affinities(trains))
    assert {each.mutual_information for each in found.values() if "flat" in (each.task, each.helper)} == {0.0}
    assert found["flat", "pos"].rank == found["flat", "renamed"].rank
    assert found["part", "pos"].rank == found["part", "renamed"].rank


def test_a_task_without_any_label_says_nothing() -> None:
    trains = {"ner": indexed([[("Mika", "B"), ("sails", "O")]]), "none": indexed([[("Mika", None), ("sails", None)]])}
    assert describe_training_data(trains["none"]).entropy == 0
    found = by_pair(affinities(trains))
    assert found["ner", "none"].shared_words == found["none", "ner"].shared_words == 0
    assert found["ner", "none"].mutual_information == 0
