"""Indexed corpora: the sentences of a task as integers, and a digest of them, computed once for all runs."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tagmates.data.sentence import Sentence

Numbers = npt.NDArray[np.integer[Any]]
Text = TypeVar("Text", str, str | None)


@dataclass(frozen=True)
class IndexedSplit:
    """Sentences with their distinct tokens and tags, in order of appearance, and the index of each token and tag.

    A token without a label has the tag None.
    """

    sentences: Sequence[Sentence]
    forms: tuple[str, ...]
    tags: tuple[str | None, ...]
    form: Numbers  # for every token, its index in ``forms``
    tag: Numbers  # for every token, the index of its tag in ``tags``
    lengths: Numbers  # number of tokens of every sentence

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> "IndexedSplit":
        """Index the tokens and tags of these sentences."""
        forms, form = _numbered(chain.from_iterable(s.tokens for s in sentences))
        tags, tag = _numbered(chain.from_iterable(s.labels for s in sentences))
        return cls(sentences, forms, tags, form, tag, np.array([len(s) for s in sentences], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.sentences)

    @cached_property
    def words(self) -> frozenset[str]:
        """The lower-cased tokens."""
        return frozenset(map(str.lower, self.forms))

    @cached_property
    def singletons(self) -> frozenset[str]:
        """The lower-cased tokens that occur exactly once."""
        counts: Counter[str] = Counter()
        for form, number in zip(self.forms, np.bincount(self.form).tolist(), strict=True):
            counts[form.lower()] += number
        return frozenset(word for word, number in counts.items() if number == 1)

    @cached_property
    def characters(self) -> frozenset[str]:
        """The characters of the tokens, cased."""
        return frozenset("".join(self.forms))


@dataclass(frozen=True, slots=True)
class IndexedTask:
    """The splits of a task, and their digest."""

    splits: Mapping[str, IndexedSplit]
    digest: str

    @classmethod
    def of(cls, splits: Mapping[str, Sequence[Sentence]]) -> "IndexedTask":
        """Index each split."""
        return cls({split: IndexedSplit.of(sentences) for split, sentences in splits.items()}, digest(splits))


def restore_sentences(
    forms: Sequence[str], tags: Sequence[str | None], form: Numbers, tag: Numbers, lengths: Numbers, lines: Numbers
) -> list[Sentence]:
    """The sentences that these arrays (see ``IndexedSplit``) describe; a sentence without any label gets no tags.

    Raises IndexError or ValueError if the arrays do not fit each other.
    """
    tokens = np.array(forms, dtype=object)[form].tolist()
    labels = np.array(tags, dtype=object)[tag].tolist()
    stops = lengths.cumsum().tolist()
    if not len(tokens) == len(labels) == (stops[-1] if stops else 0):
        raise ValueError("the lengths do not fit the tokens and tags")
    rows = [
        (tuple(tokens[start:stop]), tuple(labels[start:stop]), line)
        for start, stop, line in zip([0, *stops], stops, lines.tolist(), strict=False)
    ]
    if None in tags:
        return [
            Sentence(own, None if others.count(None) == len(others) else others, line) for own, others, line in rows
        ]
    return [Sentence(*row) for row in rows]


def digest(splits: Mapping[str, Sequence[Sentence]]) -> str:
    """The sha256 of the tokens and tags of a task's splits, and of the places of tokens without a label."""
    sha = hashlib.sha256()
    missing: list[str] = []
    for split, sentences in sorted(splits.items()):
        sha.update(f"{split}\n".encode())
        for number, sentence in enumerate(sentences):
            tags: Sequence[Any] = sentence.labels
            if None in tags:
                missing += (f"{split} {number} {place}" for place, tag in enumerate(tags) if tag is None)
                tags = [tag or "" for tag in tags]
            rows = zip(sentence.tokens, tags, strict=True)
            sha.update("\n".join(map("\t".join, rows)).encode("utf-8", "surrogatepass") + b"\n\n")
    # the text of labelled sentences ends in a line end, so it cannot be mistaken for these places
    sha.update(", ".join(missing).encode())
    return sha.hexdigest()


def json_array(value: Any) -> npt.NDArray[np.uint8]:
    """A JSON value as an array of bytes, to be stored beside other arrays."""
    # not escaped, since two lone surrogates would come back as one character
    return np.frombuffer(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), dtype=np.uint8)


def json_value(array: npt.NDArray[np.uint8]) -> Any:
    """The JSON value in an array made by ``json_array``. Raises ValueError for other arrays."""
    return json.loads(array.tobytes().decode("utf-8", "surrogatepass"))


def _numbered(texts: Iterable[Text]) -> tuple[tuple[Text, ...], Numbers]:
    """The distinct texts in order of appearance, and the index of every text among them."""
    places: defaultdict[Text, int] = defaultdict(count().__next__)
    numbers = np.fromiter(map(places.__getitem__, texts), dtype=np.int32)
    return tuple(places), numbers
