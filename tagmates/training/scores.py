"""Span-based micro F1, computed as by the paper's code (protocol section 4), and the signature of a score."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from tagmates.data.schemes import OUTSIDE, Score, without_cut_spans
from tagmates.data.sentence import Sentence, Span
from tagmates.data.task import Task

Numbers = npt.NDArray[np.int64]

PREFIXES = ("B-", "I-", "E-", "S-")
BARE_TAGS = ("B", "I", "E", "S")  # letters without a label


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of true positives, false positives and false negatives; ratios are in percent, and 0 if undefined."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "Scores") -> "Scores":
        return Scores(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        """The share of the predicted units that are right."""
        return _percent(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """The share of the gold units that are found."""
        return _percent(self.tp, self.support)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _percent(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def support(self) -> int:
        """The number of gold units."""
        return self.tp + self.fn


@dataclass(frozen=True, slots=True, eq=False)
class TaskScores:
    """The counts (tp, fp, fn) of a task: of every sentence in order, and of every type of unit."""

    sentences: Numbers  # [sentences, 3]
    types: Numbers  # [labels, 3]
    labels: tuple[str, ...]  # the types, sorted; those that do not occur have counts of 0

    @property
    def total(self) -> Scores:
        """The scores of all units together."""
        return Scores(*self.types.sum(0).tolist())

    @property
    def by_type(self) -> dict[str, Scores]:
        """The scores of every type that occurs in gold or prediction."""
        rows = zip(self.labels, self.types.tolist(), strict=True)
        return {label: Scores(*counts) for label, counts in rows if any(counts)}


def gold_tags(sentences: Iterable[Sentence], task: Task) -> list[tuple[str | None, ...]]:
    """The tags against which a task is scored; None for tokens without a label or in a span that is cut."""
    return [without_cut_spans(sentence.labels, task.trained_scheme) for sentence in sentences]


def units(tags: Sequence[str | None], reading: Score = "prefix", outside: str = OUTSIDE) -> list[Span]:
    """The units of a tag sequence that are scored. This is the definition, which ``GoldUnits`` computes faster.

    ``reading`` is the ``score`` of a task. ``prefix``: a tag is split at its first ``-``. If the first part is B, I, E
    or S, it is a prefix that marks spans: S counts as B, E as I, and an I after ``O`` or after another type begins a
    span. ``O`` is outside. Any other tag is a one-token span of its own type, and equal neighbours are not merged.
    ``spans``: the same, but E and S end a span, and B, I, E or S alone is a prefix of the type "". ``plain``: every tag
    but ``O`` is a one-token span. ``outside`` is the task's tag in the place of ``O``, "" if every tag is a label. A
    token without a label (None) is in no unit, and ends one as ``O`` does.
    """
    found: list[Span] = []
    open_type: str | None = None  # of a span that an I may continue
    for i, tag in enumerate(tags):
        if tag is None or tag == outside:
            open_type = None
        elif _is_prefixed(tag, reading):
            prefix, _, label = tag.partition("-")
            if prefix in ("I", "E") and label == open_type:
                found[-1] = Span(found[-1].start, i + 1, label)
            else:
                found.append(Span(i, i + 1, label))
            open_type = None if reading == "spans" and prefix in ("E", "S") else label
        else:
            open_type = None
            found.append(Span(i, i + 1, tag))
    return found


def score(
    gold: Iterable[Sequence[str | None]],
    predicted: Iterable[Sequence[str]],
    reading: Score = "prefix",
    outside: str = OUTSIDE,
) -> TaskScores:
    """Compare tag sequences sentence by sentence; a unit is right if its start, end and type are.

    A predicted unit that contains a token without a gold label (None) is not counted.

    Raises ValueError if the numbers of sentences or tokens differ.
    """
    pairs = list(zip(gold, predicted, strict=True))
    guesses = [tag for right, guess in pairs for _, tag in zip(right, guess, strict=True)]
    labels = sorted(set(guesses))
    return GoldUnits.of([right for right, _ in pairs], labels, reading, outside).score(_numbered(guesses, labels))


def score_sentences(sentences: Iterable[Sentence], predicted: Iterable[Sequence[str]], task: Task) -> TaskScores:
    """Compare predicted tags with those of a task's sentences, as its ``score`` says; see ``score``."""
    return score(gold_tags(sentences, task), predicted, task.score, task.trained_outside)


@dataclass(frozen=True, slots=True, eq=False)
class UnitTags:
    """The part of each tag of a tag set, by its number, in units."""

    labels: tuple[str, ...]  # the units' types, sorted
    kind: Numbers  # [tags] 2 x (number of the type + 1), and 1 more if the tag has a prefix; 0 for outside tags
    inner: npt.NDArray[np.bool_]  # [tags] whether the tag may continue a unit
    last: npt.NDArray[np.bool_]  # [tags] whether the tag always ends its unit

    @classmethod
    def of(cls, tags: Sequence[str | None], reading: Score, outside: str) -> "UnitTags":
        """The units of ``tags``, whose numbers are their indices; None and ``outside`` are in no unit."""
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
        pairs = list(zip(named, prefixed, strict=True))
        inner = np.array([prefix and tag[0] in "IE" for tag, prefix in pairs], dtype=np.bool_)
        last = np.array([prefix and tag[0] in "ES" and reading == "spans" for tag, prefix in pairs], dtype=np.bool_)
        return cls(tuple(labels), np.array(kind, dtype=np.int64), inner, last)

    def units(self, tags: Numbers, sentence: Numbers) -> tuple[Numbers, Numbers]:
        """For each token, the kind of the unit that begins there (0: none does), and the end of that unit.

        ``sentence`` is the number of each token's sentence. Units with and without a prefix are of different kinds,
        because in a shared label space ``S-INTJ`` (a chunk) is not ``INTJ`` (a POS tag).
        """
        kind = self.kind[tags]
        starts = np.ones(len(tags), dtype=np.bool_)  # of units, or of outside tokens
        apart = (kind[1:] != kind[:-1]) | (sentence[1:] != sentence[:-1])
        starts[1:] = ~self.inner[tags[1:]] | self.last[tags[:-1]] | apart
        ends = np.append(starts.nonzero()[0], len(tags))[starts.cumsum()]
        return kind * starts, ends

    def count(self, kind: Numbers, sentence: Numbers, sentences: int) -> tuple[Numbers, Numbers]:
        """The number of units of these kinds (0: no unit) in every sentence, and of every type."""
        by_kind = np.bincount(kind, minlength=2 * len(self.labels) + 2)
        return np.bincount(sentence[kind > 0], minlength=sentences), by_kind.reshape(-1, 2).sum(1)[1:]


@dataclass(frozen=True, slots=True, eq=False)
class GoldUnits:
    """The units of a task's gold tags, found once to score any number of predictions."""

    tags: UnitTags
    sentence: Numbers  # [tokens] the number of the token's sentence
    kind: Numbers  # [tokens] of the unit that begins there
    ends: Numbers  # [tokens]
    missing: Numbers  # [tokens + 1] the number of tokens without a label before each token
    totals: tuple[Numbers, Numbers]  # the numbers of units of every sentence, and of every type

    @classmethod
    def of(
        cls,
        gold: Sequence[Sequence[str | None]],
        labels: Sequence[str],
        reading: Score = "prefix",
        outside: str = OUTSIDE,
    ) -> "GoldUnits":
        """The units of ``gold``, whose tags may be None for no label; predictions are numbers of ``labels``."""
        own = list(chain.from_iterable(gold))
        missing = np.cumsum([0, *(tag is None for tag in own)])
        others = {tag for tag in own if tag is not None}.difference(labels)
        known = [*labels, *sorted(others), None]
        tags = UnitTags.of(known, reading, outside)
        lengths = np.array([len(right) for right in gold], dtype=np.int64)
        sentence = np.repeat(np.arange(len(gold)), lengths)
        kind, ends = tags.units(_numbered(own, known), sentence)
        return cls(tags, sentence, kind, ends, missing, tags.count(kind, sentence, len(gold)))

    @property
    def support(self) -> Numbers:
        """The number of gold units of every sentence."""
        return self.totals[0]

    def score(self, predicted: Numbers) -> TaskScores:
        """Compare with the labels predicted for all tokens, in order."""
        kind, ends = self.tags.units(predicted, self.sentence)
        kind = kind * (self.missing[ends] == self.missing[:-1])  # a unit with a token that has no label is not counted
        right = kind * ((kind == self.kind) & (ends == self.ends))
        hits, found = (self.tags.count(units, self.sentence, len(self.totals[0])) for units in (right, kind))
        sentences, types = (
            np.stack([tp, got - tp, gold - tp], axis=1) for tp, got, gold in zip(hits, found, self.totals, strict=True)
        )
        return TaskScores(sentences, types, self.tags.labels)


def _numbered(tags: Iterable[str | None], labels: Sequence[str | None]) -> Numbers:
    number = {label: i for i, label in enumerate(labels)}
    return np.fromiter((number[tag] for tag in tags), dtype=np.int64)


def _is_prefixed(tag: str, reading: Score) -> bool:
    return reading != "plain" and (tag[:2] in PREFIXES or (reading == "spans" and tag in BARE_TAGS))


def signature(*, version: str, outside: str = OUTSIDE, **choices: object) -> str:
    """One line that names every choice behind a score, as in sacreBLEU; an ``outside`` of "" is called ``none``."""
    named = "|".join(f"{key}:{value}" for key, value in choices.items())
    return f"metric:span-micro-f1|outside:{outside or 'none'}|repair:begin|{named}|version:tagmates-{version}"


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
