"""Span-based micro F1 as the paper's code computes it (protocol section 4), and a signature of its choices."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from tagmates.data.schemes import OUTSIDE, without_cut_spans
from tagmates.data.sentence import Sentence, Span
from tagmates.data.task import Task
from tagmates.data.task_data import BARE_TAGS, Reading

Numbers = npt.NDArray[np.int64]

_PREFIXES = ("B-", "I-", "E-", "S-")


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of true positives, false positives and false negatives; every ratio is in percent, 0 where undefined."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "Scores") -> "Scores":
        return Scores(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        """Share of the predicted units that are right."""
        return _percent(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the gold units that are found."""
        return _percent(self.tp, self.support)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _percent(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def support(self) -> int:
        """Number of gold units."""
        return self.tp + self.fn


@dataclass(frozen=True, slots=True, eq=False)
class TaskScores:
    """How well a task is tagged: counts (tp, fp, fn) of every sentence in order, and of every type."""

    sentences: Numbers  # [sentences, 3]
    types: Numbers  # [labels, 3]
    labels: tuple[str, ...]  # sorted; those that occur nowhere have counts of 0

    @property
    def total(self) -> Scores:
        """The pooled scores."""
        return Scores(*self.types.sum(0).tolist())

    @property
    def by_type(self) -> dict[str, Scores]:
        """The scores of every type that gold or prediction has."""
        rows = zip(self.labels, self.types.tolist(), strict=True)
        return {label: Scores(*counts) for label, counts in rows if any(counts)}


def gold_tags(sentences: Iterable[Sentence], task: Task) -> list[tuple[str | None, ...]]:
    """The tags that a task's sentences are scored against: None where there is no label and in spans that are cut."""
    return [without_cut_spans(sentence.labels, task.trained_scheme) for sentence in sentences]


def units(tags: Sequence[str | None], reading: Reading = "prefix", outside: str = OUTSIDE) -> list[Span]:
    """The units that are scored: the definition, of which ``Reference`` is the fast form.

    ``prefix``: a tag is split at its first ``-``; if the first piece is B, I, E or S, it is a prefix (S counts as B, E
    as I) and makes spans, an I after O or after another type starting one; ``O`` is outside; any other tag is a
    one-token span of its own type, and equal neighbours never merge. ``prefix+bare``: likewise, and B, I, E or S alone
    is a prefix of the type "". ``plain``: every tag but ``O`` is such a one-token span. ``outside`` is a task's tag for
    ``O``, "" where every tag is a label. A token without a label (None) is in no unit, and ends one as ``O`` does.
    """
    found: list[Span] = []
    open_type: str | None = None  # of the span that the next I may continue
    for i, tag in enumerate(tags):
        if tag is None or tag == outside:
            open_type = None
        elif _is_prefixed(tag, reading):
            prefix, _, label = tag.partition("-")
            if prefix in ("I", "E") and label == open_type:
                found[-1] = Span(found[-1].start, i + 1, label)
            else:
                found.append(Span(i, i + 1, label))
            open_type = label
        else:
            open_type = None
            found.append(Span(i, i + 1, tag))
    return found


def score(
    gold: Iterable[Sequence[str | None]],
    predicted: Iterable[Sequence[str]],
    reading: Reading = "prefix",
    outside: str = OUTSIDE,
) -> TaskScores:
    """Compare tag sequences sentence by sentence; a unit counts if its start, end and type are all right.

    A predicted unit with a token in it that has no gold label (None) does not count at all.

    Raises ValueError where sentences or tokens are not equally many.
    """
    pairs = list(zip(gold, predicted, strict=True))
    guesses = [tag for right, guess in pairs for _, tag in zip(right, guess, strict=True)]
    labels = sorted(set(guesses))
    return Reference.of([right for right, _ in pairs], labels, reading, outside).score(_numbered(guesses, labels))


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """What makes units of the tags of a set, by their numbers."""

    labels: tuple[str, ...]  # the units' types, sorted
    kind: Numbers  # [tags] 2 x (place of the type + 1), and 1 more where it has a prefix; 0 for nothing
    inner: npt.NDArray[np.bool_]  # [tags] whether it may go on with a unit

    @classmethod
    def of(cls, tags: Sequence[str | None], reading: Reading, outside: str) -> "Tags":
        """The tags that have these numbers; None and ``outside`` are nothing."""
        nothing = [tag is None or tag == outside for tag in tags]
        named = [tag or "" for tag in tags]
        prefixed = [not none and _is_prefixed(tag, reading) for tag, none in zip(named, nothing, strict=True)]
        types = [tag[2:] if prefix else tag for tag, prefix in zip(named, prefixed, strict=True)]
        labels = sorted({label for label, none in zip(types, nothing, strict=True) if not none})
        place = {label: i for i, label in enumerate(labels, start=1)}
        kind = [
            0 if none else 2 * place[label] + prefix
            for label, none, prefix in zip(types, nothing, prefixed, strict=True)
        ]
        inner = [prefix and tag[0] in "IE" for tag, prefix in zip(named, prefixed, strict=True)]
        return cls(tuple(labels), np.array(kind, dtype=np.int64), np.array(inner, dtype=np.bool_))

    def units(self, tags: Numbers, sentence: Numbers) -> tuple[Numbers, Numbers]:
        """For each token the kind of the unit that starts there (0: none does), and where that unit ends.

        ``sentence`` numbers the sentences that the tokens are of. A unit with a prefix and one without are never of
        one kind: in one label space ``S-INTJ`` (a chunk) is not ``INTJ`` (a POS tag).
        """
        kind = self.kind[tags]
        starts = np.ones(len(tags), dtype=np.bool_)  # of units, or of nothing where the tag is O
        starts[1:] = ~self.inner[tags[1:]] | (kind[1:] != kind[:-1]) | (sentence[1:] != sentence[:-1])
        ends = np.append(starts.nonzero()[0], len(tags))[starts.cumsum()]
        return kind * starts, ends

    def count(self, kind: Numbers, sentence: Numbers, sentences: int) -> tuple[Numbers, Numbers]:
        """How many units of these kinds (0: none) there are in every sentence, and of every type."""
        by_kind = np.bincount(kind, minlength=2 * len(self.labels) + 2)
        return np.bincount(sentence[kind > 0], minlength=sentences), by_kind.reshape(-1, 2).sum(1)[1:]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The units of a task's gold tags, made once to score any number of predictions."""

    tags: Tags
    sentence: Numbers  # [tokens] the number of its sentence
    kind: Numbers  # [tokens] of the unit that starts there
    ends: Numbers  # [tokens]
    missing: Numbers  # [tokens + 1] how many tokens before it have no label
    wanted: tuple[Numbers, Numbers]  # units of every sentence, and of every type

    @classmethod
    def of(
        cls,
        gold: Sequence[Sequence[str | None]],
        labels: Sequence[str],
        reading: Reading = "prefix",
        outside: str = OUTSIDE,
    ) -> "Reference":
        """``labels`` are the tags that predictions number; gold tags may be others, or None for no label."""
        own = list(chain.from_iterable(gold))
        missing = np.cumsum([0, *(tag is None for tag in own)])
        others = {tag for tag in own if tag is not None}.difference(labels)
        known = [*labels, *sorted(others), None]
        tags = Tags.of(known, reading, outside)
        lengths = np.array([len(right) for right in gold], dtype=np.int64)
        sentence = np.repeat(np.arange(len(gold)), lengths)
        kind, ends = tags.units(_numbered(own, known), sentence)
        return cls(tags, sentence, kind, ends, missing, tags.count(kind, sentence, len(gold)))

    @property
    def support(self) -> Numbers:
        """How many gold units every sentence has."""
        return self.wanted[0]

    def score(self, predicted: Numbers) -> TaskScores:
        """Compare with the labels predicted for all tokens, sentence after sentence."""
        kind, ends = self.tags.units(predicted, self.sentence)
        kind = kind * (self.missing[ends] == self.missing[:-1])  # those with a token that has no label do not count
        right = kind * ((kind == self.kind) & (ends == self.ends))
        hits, found = (self.tags.count(units, self.sentence, len(self.wanted[0])) for units in (right, kind))
        sentences, types = (
            np.stack([tp, got - tp, gold - tp], axis=1) for tp, got, gold in zip(hits, found, self.wanted, strict=True)
        )
        return TaskScores(sentences, types, self.tags.labels)


def _numbered(tags: Iterable[str | None], labels: Sequence[str | None]) -> Numbers:
    number = {label: i for i, label in enumerate(labels)}
    return np.fromiter((number[tag] for tag in tags), dtype=np.int64)


def _is_prefixed(tag: str, reading: Reading) -> bool:
    return reading != "plain" and (tag[:2] in _PREFIXES or (reading == "prefix+bare" and tag in BARE_TAGS))


def signature(*, version: str, outside: str = OUTSIDE, **choices: object) -> str:
    """One line that names every choice behind a score, in the manner of sacreBLEU; no ``outside`` is ``none``."""
    named = "|".join(f"{key}:{value}" for key, value in choices.items())
    return f"metric:span-micro-f1|outside:{outside or 'none'}|repair:begin|{named}|version:tagmates-{version}"


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
