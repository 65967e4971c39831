"""tagmates.batching.spellings: marks that corpora write in different ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagmates.batching.spellings import spelled_as_known
from tagmates.data.indexing import IndexedSplit
from tagmates.data.sentence import Sentence
from tagmates.data.tokenize import tokenize


def read_as(words: list[str], known: set[str]) -> list[str]:
    """What a tagger with these known words reads."""
    split = spelled_as_known(IndexedSplit.of([Sentence(tuple(words))]), known)
    assert split.sentences[0].tokens == tuple(words)
    return [split.forms[form] for form in split.form]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({'"', "'s"}, ["Anna", "'s", '"', "Yes", '"', "(", "no", ")"]),
        ({"“", "”", "’s", "-lrb-", "-rrb-"}, ["Anna", "’s", "“", "Yes", "”", "-LRB-", "no", "-RRB-"]),
        ({"``", "''", '"', "'s", "(", ")"}, ["Anna", "'s", "``", "Yes", "''", "(", "no", ")"]),
        (set(), ["Anna", "'s", "``", "Yes", "''", "(", "no", ")"]),
    ],
)
def test_the_words_of_a_text_are_read_with_the_marks_of_training(known: set[str], expected: list[str]) -> None:
    words = [token.text for token in tokenize('Anna\'s "Yes" (no)')]
    assert read_as(words, known) == expected


def test_words_of_every_corpus_suit_a_treebank_tagger() -> None:
    known = {"``", "''", "n't", "-lrb-", "--"}
    assert read_as(["“", "do", "n’t", "”", "(", "—", '"'], known) == ["``", "do", "n't", "''", "-LRB-", "--", "''"]


@given(st.lists(st.text(max_size=4) | st.sampled_from(["``", '"', "’", "(", "n't"]), max_size=6), st.data())
def test_a_known_word_and_a_word_without_a_known_way_stay(words: list[str], data: st.DataObject) -> None:
    known = {word.lower() for word in words if data.draw(st.booleans())}
    split = IndexedSplit.of([Sentence(tuple(words))])
    for word, now in zip(words, read_as(words, known), strict=True):
        assert now == word or (word.lower() not in known and now.lower() in known)
    assert spelled_as_known(split, {word.lower() for word in words}) is split
