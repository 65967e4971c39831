"""Annotations of characters → tags of words, for all formats that annotate spans of a text.

A layer of tags marks each word only once. So

* an annotation that begins or ends inside a word marks the whole word;
* an annotation with gaps is marked from its first word to its last;
* of two annotations that share a word the longer one is kept; of equally long ones, the first in the file;
* sentences are joined if an annotation spans them.

``data check`` remarks on each of these.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tagmates.data.schemes import Scheme, tags_of
from tagmates.data.sentence import Span
from tagmates.data.tokenize import Token, sentences_of
from tagmates.errors import DataError
from tagmates.formatting import first_of, suggestion


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text in order, the indices of those that begin a sentence, and where each word starts and ends.

    Words do not overlap.
    """

    tokens: Sequence[Token]
    first: Sequence[int]
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, text: str) -> "Words":
        """The words and sentences of a text, split as ``tagmates tag`` splits text."""
        return cls.given(sentences_of(text))

    @classmethod
    def given(cls, sentences: Sequence[Sequence[Token]]) -> "Words":
        """The words of these sentences, which are given."""
        first, at = [], 0
        for sentence in sentences:
            first.append(at)
            at += len(sentence)
        tokens = [token for sentence in sentences for token in sentence]
        return cls(tokens, first, [token.start for token in tokens], [token.end for token in tokens])

    def sentences(self) -> list[list[Token]]:
        """The words of each sentence."""
        return [list(self.tokens[start:end]) for start, end in pairwise([*self.first, len(self.tokens)])]

    def under(self, start: int, end: int, where: str) -> tuple[int, int]:
        """The first word that these characters touch, and the one after the last. Raises DataError if there is none."""
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end)
        if first >= last:
            raise DataError(f"{where}: covers no word; correct the offsets, or delete the annotation")
        return first, last


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation of a text: its fragments in characters, and its words from ``first`` to ``last`` (exclusive)."""

    name: str
    label: str
    fragments: tuple[tuple[int, int], ...]
    first: int
    last: int
    where: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its words and annotations; ``notes`` are further remarks for ``data check``."""

    text: str
    words: Words
    annotations: Sequence[Annotation]
    notes: list[str]


def tag_words(
    document: Document, types: Collection[str], scheme: Scheme
) -> Iterator[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """Yield for each sentence the index of its first word, its words, and its tags in ``scheme``."""
    kept, _ = _one_layer(document, types)
    words = document.words
    spans = deque(sorted((annotation.first, annotation.last, annotation.label) for annotation in kept))
    inside = {number for annotation in kept for number in range(annotation.first + 1, annotation.last)}
    starts = [start for start in words.first if start not in inside]
    for start, end in pairwise([*starts, len(words.tokens)]):
        own = []
        while spans and spans[0][0] < end:
            first, last, label = spans.popleft()
            own.append(Span(first - start, last - start, label))
        yield start, tuple(word.text for word in words.tokens[start:end]), tags_of(own, end - start, scheme)


def remarks_on(document: Document, types: Collection[str]) -> Iterator[str]:
    """Yield a remark, with its place, for each annotation that tags cannot express exactly."""
    yield from document.notes
    kept, remarks = _one_layer(document, types)
    yield from remarks
    first = document.words.first
    for annotation in kept:
        name, words = annotation.name, document.words.tokens[annotation.first : annotation.last]
        start, end = annotation.fragments[0][0], annotation.fragments[-1][1]
        gaps = [document.text[a:b] for (_, a), (b, _) in pairwise(annotation.fragments)]
        if any(gap.strip() for gap in gaps):
            yield f"{annotation.where}: {name} has gaps; it is marked from its first word to its last"
        if words[0].start < start or end < words[-1].end:
            yield f"{annotation.where}: {name} begins or ends inside a word; the whole word is marked"
        following = bisect_right(first, annotation.first)  # the next sentence
        if following < len(first) and first[following] < annotation.last:
            yield f"{annotation.where}: {name} reaches into another sentence; the sentences are joined"


def check_types(types: Collection[str], used: Mapping[str, int], where: str) -> None:
    """Raise DataError for a type that no annotation has."""
    for name in types:
        if name not in used:
            there = f"there are {first_of(used)}" if used else "there are none at all"
            raise DataError(f"{where}: no annotation is of type {name!r}{suggestion(name, used)}; {there}")


def _one_layer(document: Document, types: Collection[str]) -> tuple[list[Annotation], list[str]]:
    """The annotations of these types without those that share a word, and a remark on each one left out."""
    wanted = [annotation for annotation in document.annotations if not types or annotation.label in types]
    owner: list[Annotation | None] = [None] * len(document.words.tokens)
    taken = bytearray(len(document.words.tokens))
    remarks = []
    for annotation in sorted(wanted, key=lambda each: each.first - each.last):  # the longest first; the order is stable
        first, last = annotation.first, annotation.last
        at = taken.find(1, first, last)
        longer = owner[at] if at >= 0 else None
        if longer is None:
            owner[first:last] = [annotation] * (last - first)
            taken[first:last] = b"\1" * (last - first)
        elif (annotation.fragments, annotation.label) != (longer.fragments, longer.label):
            remarks.append(
                f"{annotation.where}: {annotation.name} shares a word with {longer.name}, which is kept alone"
            )
    return [each for each in wanted if owner[each.first] is each], remarks
