"""tagmates.data.indexing: the numbers stand for the sentences, also after indexes are merged."""

import hashlib
from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from tagmates.batching.vocabulary import singletons
from tagmates.data.indexing import IndexedSplit, IndexedTask, digest
from tagmates.data.sentence import Sentence

tokens = st.text("aAbİß0\ud800", max_size=2)
rows = st.lists(st.tuples(tokens, st.sampled_from(["O", "B-x", "I-x", None])), max_size=5)


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    drawn = draw(rows)
    return Sentence(tuple(t for t, _ in drawn), tuple(t for _, t in drawn) if draw(st.booleans()) else None)


splits = st.lists(sentences(), max_size=5)


@given(splits)
def test_numbers_say_what_the_sentences_say(some: list[Sentence]) -> None:
    indexed = IndexedSplit.of(some)
    texts = [token for sentence in some for token in sentence.tokens]
    tags = [tag for sentence in some for tag in sentence.tags or [None] * len(sentence)]
    assert [indexed.forms[number] for number in indexed.form] == texts
    assert [indexed.tags[number] for number in indexed.tag] == tags
    assert (indexed.forms, indexed.tags) == (tuple(dict.fromkeys(texts)), tuple(dict.fromkeys(tags)))
    assert indexed.lengths.tolist() == [len(sentence) for sentence in some]
    assert indexed.words == {text.lower() for text in texts}
    assert indexed.characters == set().union(*texts)
    assert len(indexed) == len(some)


@given(st.lists(splits, max_size=4))
def test_what_occurs_once_in_several_splits(some: list[list[Sentence]]) -> None:
    counts = Counter(token.lower() for split in some for sentence in split for token in sentence.tokens)
    assert singletons(map(IndexedSplit.of, some)) == {word for word, number in counts.items() if number == 1}


@given(st.dictionaries(st.sampled_from(["train", "dev", "test"]), splits))
def test_a_task_is_its_splits_and_their_digest(some: dict[str, list[Sentence]]) -> None:
    indexed = IndexedTask.of(some)
    assert {split: part.sentences for split, part in indexed.splits.items()} == some
    assert indexed.digest == digest(some)


@given(splits, splits)
@example([Sentence(("a", "b"), ("O", None))], [Sentence(("a", "b"), ("O", ""))])
@example([Sentence(("a", "b"), ("O", None))], [Sentence(("a", "b"), (None, "O"))])
@example([Sentence(("a",)), Sentence(("a",), ("O",))], [Sentence(("a",), ("O",)), Sentence(("a",))])
def test_what_has_other_labels_has_another_digest(one: list[Sentence], other: list[Sentence]) -> None:
    same = [(s.tokens, s.labels) for s in one] == [(s.tokens, s.labels) for s in other]
    assert (digest({"train": one}) == digest({"train": other})) == same


def test_the_digest_of_what_is_fully_labelled_stays_what_it_was() -> None:
    """It is in the name of every run."""
    text = "dev\na\tO\nb\tB-x\n\ntrain\nb\tI-x\n\n\n\n"
    dev, train = [Sentence(("a", "b"), ("O", "B-x"))], [Sentence(("b",), ("I-x",)), Sentence((), ())]
    assert digest({"train": train, "dev": dev}) == hashlib.sha256(text.encode()).hexdigest()
