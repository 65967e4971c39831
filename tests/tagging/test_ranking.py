"""Sentences by uncertainty: their order, and the columns that training reads."""

import math

import pytest
from helpers import make_corpora, make_run

from tagmates import ConfigError, Tagger
from tagmates.data.formats.columns import parse_columns
from tagmates.tagging.ranking import Measure, certainty, rank, ranked_columns

TAGS = {"one": ["O", "B-x", "I-x"], "two": ["A", "B", "O"]}
POOL = [["w" * (i % 5 + 1), "Anna", "."][: i % 3 + 1] for i in range(12)] + [["a", "b", "c", "d"], ["Anna", "."]]


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return make_run(make_corpora(1, TAGS), "multi_dec").tagger


@pytest.mark.parametrize("task", list(TAGS))
@pytest.mark.parametrize("measure", ["sequence", "span", "margin"])
def test_the_least_certain_come_first_and_each_once(tagger: Tagger, task: str, measure: Measure) -> None:
    found = rank(tagger, POOL, task, measure)
    assert sorted(own.tagged.tokens for own in found) == sorted({tuple(words) for words in POOL})
    assert [own.certainty for own in found] == sorted(own.certainty for own in found)
    assert all(0 <= own.certainty <= 1 for own in found)
    assert all(own.tagged.tokens == tuple(POOL[own.number - 1]) for own in found)
    assert rank(tagger, POOL, task, measure, top=3) == found[:3]


def test_the_measures_are_what_they_say(tagger: Tagger) -> None:
    for sentence in tagger.tag(POOL, probabilities=True):
        chances = [span.probability for span in tagger.spans(sentence, "one")]
        assert sentence.sequence_probabilities is not None and sentence.margins is not None
        whole = sentence.sequence_probabilities["one"]
        assert math.isclose(certainty(tagger, sentence, "one", "sequence") ** len(sentence.tokens), whole)
        assert certainty(tagger, sentence, "one", "span") == min(chances, default=whole)
        assert certainty(tagger, sentence, "one", "margin") == min(sentence.margins["one"])


def test_columns_are_read_again_with_their_tags(tagger: Tagger) -> None:
    found = rank(tagger, POOL, "one", top=5)
    text = "".join(ranked_columns(found, "one"))
    assert text.startswith("# rank = 1, certainty = 0.")
    read = list(parse_columns(text.splitlines(keepends=True), "next", separator="\t", tag_column=2, comment="# "))
    assert [(own.tokens, own.tags) for own in read] == [(own.tagged.tokens, own.tagged.tags["one"]) for own in found]
    blank = "".join(ranked_columns(found, "one", blank=True))
    assert {line.split("\t")[1] for line in blank.split("\n") if "\t" in line} == {"_"}


def test_unknown_tasks_and_measures_are_refused(tagger: Tagger) -> None:
    with pytest.raises(ConfigError, match="--task zero: the model has no such task; it has one, two"):
        rank(tagger, POOL, "zero")
    with pytest.raises(ConfigError, match="--by luck: choose sequence, span, margin"):
        rank(tagger, POOL, "one", "luck")  # type: ignore[arg-type]
