"""Span-based micro F1 as the paper's code computes it (protocol section 4), and a signature of its choices."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tagmates.data.sentence import Span

Reading = Literal["prefix", "plain"]


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


@dataclass(frozen=True, slots=True)
class TaskScores:
    """The pooled scores of a task, those of every type, and the counts of every sentence in order."""

    total: Scores
    by_type: dict[str, Scores] = field(default_factory=dict)
    sentences: tuple[Scores, ...] = ()


def units(tags: Sequence[str], reading: Reading = "prefix") -> list[Span]:
    """The units that are scored.

    ``prefix``: a tag is split at its first ``-``; if the first piece is B, I, E or S, it is a prefix (S counts as B, E
    as I) and makes spans, an I after O or after another type starting one; ``O`` is outside; any other tag is a
    one-token span of its own type, and equal neighbours never merge. ``plain``: every tag but ``O`` is such a one.
    """
    found: list[Span] = []
    open_type: str | None = None  # of the span that the next I may continue
    for i, tag in enumerate(tags):
        if _is_prefixed(tag, reading):
            prefix, _, label = tag.partition("-")
            if prefix in ("I", "E") and label == open_type:
                found[-1] = Span(found[-1].start, i + 1, label)
            else:
                found.append(Span(i, i + 1, label))
            open_type = label
            continue
        open_type = None
        if tag != "O":
            found.append(Span(i, i + 1, tag))
    return found


def score(gold: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]], reading: Reading = "prefix") -> TaskScores:
    """Compare tag sequences sentence by sentence; a unit counts if its start, end and type are all right."""
    hits: Counter[str] = Counter()
    spurious: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    sentences = []
    for right, guess in zip(gold, predicted, strict=True):
        wanted, got = _comparable(right, reading), _comparable(guess, reading)
        sentences.append(Scores(len(wanted & got), len(got - wanted), len(wanted - got)))
        hits.update(span.label for span, _ in wanted & got)
        spurious.update(span.label for span, _ in got - wanted)
        missed.update(span.label for span, _ in wanted - got)
    types = sorted(hits.keys() | spurious.keys() | missed.keys())
    by_type = {label: Scores(hits[label], spurious[label], missed[label]) for label in types}
    return TaskScores(sum(sentences, Scores()), by_type, tuple(sentences))


def _is_prefixed(tag: str, reading: Reading) -> bool:
    return reading == "prefix" and tag[:2] in ("B-", "I-", "E-", "S-")


def _comparable(tags: Sequence[str], reading: Reading) -> set[tuple[Span, bool]]:
    """Units, each with whether it has a prefix: in one label space ``S-INTJ`` (a chunk) is not ``INTJ`` (a POS tag)."""
    return {(span, _is_prefixed(tags[span.start], reading)) for span in units(tags, reading)}


def signature(*, version: str, **choices: object) -> str:
    """One line that names every choice behind a score, in the manner of sacreBLEU."""
    named = "|".join(f"{key}:{value}" for key, value in choices.items())
    return f"metric:span-micro-f1|outside:O|repair:begin|{named}|version:tagmates-{version}"


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
