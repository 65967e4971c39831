"""Sentences in order of a tagger's uncertainty, as columns for annotators (active learning)."""

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

from tagmates.data.formats.columns import format_columns
from tagmates.errors import ConfigError
from tagmates.model.tagged import Tagged
from tagmates.model.tagger import Tagger

Measure = Literal["sequence", "span", "margin"]
BLANK_TAG = "_"  # for annotators to fill in


@dataclass(frozen=True, slots=True)
class RankedSentence:
    """A sentence, its number in the pool from 1, and how certain the tagger is of its tags: from 0 to 1."""

    number: int
    certainty: float
    tagged: Tagged


def certainty(tagger: Tagger, tagged: Tagged, task: str, measure: Measure) -> float:
    """How certain the tagger is of a task's tags of a sentence, which was tagged with probabilities.

    ``sequence``: the probability of all tags together, as the geometric mean per word (Shen et al., 2018). ``span``:
    the lowest probability of a span; without spans, the probability of all tags. ``margin``: the smallest difference
    between the two most probable tags of a word.
    """
    whole, margins = tagged.sequence_probabilities, tagged.margins
    assert whole is not None and margins is not None
    if measure == "margin":
        return min(margins[task], default=1.0)
    if measure == "span":
        return min((span.probability for span in tagger.spans(tagged, task) if span.probability is not None),
                   default=whole[task])  # fmt: skip
    probability = whole[task]
    return math.exp(math.log(probability) / len(tagged.tokens)) if probability > 0 else 0.0


def rank(
    tagger: Tagger, sentences: Iterable[Sequence[str]], task: str, measure: Measure = "sequence", top: int | None = None
) -> list[RankedSentence]:
    """The different sentences of a pool, the most uncertain first: all, or the first ``top``.

    Sentences are tagged as they are read; with ``top``, only so many are kept. Raises ConfigError for an unknown task
    or measure.
    """
    if measure not in get_args(Measure):
        raise ConfigError(f"--by {measure}: choose {', '.join(get_args(Measure))}")
    if task not in tagger.tasks:
        raise ConfigError(f"--task {task}: the model has no such task; it has {', '.join(tagger.tasks)}")
    tagged = tagger.stream(_once(sentences), [task], probabilities=True)
    found = (
        RankedSentence(number, certainty(tagger, sentence, task, measure), sentence)
        for number, sentence in enumerate(tagged, start=1)
        if sentence.tokens
    )
    if top is None:
        return sorted(found, key=_order)
    return heapq.nsmallest(top, found, key=_order)


def _order(ranked: RankedSentence) -> tuple[float, int]:
    return ranked.certainty, ranked.number


def _once(sentences: Iterable[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """The sentences; each that was there before has no words any more, so that the numbers stay."""
    seen: set[int] = set()
    for sentence in sentences:
        words = tuple(sentence)
        key = hash(words)  # 64 bits, so that a large pool fits into memory
        yield () if key in seen else words
        seen.add(key)


def ranked_columns(ranked: Iterable[RankedSentence], task: str, *, blank: bool = False) -> Iterator[str]:
    """The text of a column file (token, tag), with a comment before each sentence; with ``blank``, tags are ``_``."""
    for rank_number, own in enumerate(ranked, start=1):
        tags = [BLANK_TAG] * len(own.tagged.tokens) if blank else own.tagged.tags[task]
        rows = zip(own.tagged.tokens, tags, strict=True)
        heading = f"# rank = {rank_number}, certainty = {own.certainty:.4f}, sentence = {own.number}\n"
        yield from chain([heading], format_columns([rows]))
