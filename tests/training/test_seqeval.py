"""Spans and scores beside seqeval, strict and lenient, on thousands of random tag sequences for each scheme.

Where they differ, and why:

* An ill-formed layer is an error here (training stops and names the tag); seqeval's strict mode leaves the span out.
* seqeval's IOB1 takes ``B`` on any first token; here it is only where a span touches another of its label.
* In the paper's score (``prefix``, protocol section 4) ``S`` counts as ``B`` and ``E`` as ``I``, so ``I`` after ``E``
  or ``S`` of its label goes on with the span. In seqeval, in ``Tagger.spans`` and in the score of all other tasks
  (``spans``) it begins one. Well-formed tags have no such place.
* seqeval knows neither BMES nor IO nor, in lenient mode, BILOU: they are compared in the letters of IOBES.
"""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from tagmates.data.schemes import LETTERS, FileScheme, Notation, convert, first_violation, spans_of, tags_of, trained_as
from tagmates.data.sentence import Span
from tagmates.training.scores import score, units

seqeval = pytest.importorskip("seqeval.scheme")
lenient = pytest.importorskip("seqeval.metrics.sequence_labeling").get_entities
report = pytest.importorskip("seqeval.metrics.sequence_labeling").precision_recall_fscore_support

SCHEMES: tuple[FileScheme, ...] = ("iob1", "iob2", "iobes", "bilou", "bmes")
SEQUENCES = 3000
STRICT = {"iob1": seqeval.IOB1, "iob2": seqeval.IOB2, "iobes": seqeval.IOBES, "bilou": seqeval.BILOU}


def random_tags(draw: random.Random, scheme: FileScheme, *, bare: bool = False) -> list[str]:
    """Any tags of the scheme, mostly ill-formed; of few labels, so that spans touch."""
    labels = [""] if bare else ["-x", "-y", "-x-y"]
    known = ["O", *(letter + label for letter in LETTERS[scheme] for label in labels)]
    return [draw.choice([*known, "O"]) for _ in range(draw.randint(0, 8))]


def random_spans(draw: random.Random, *, bare: bool = False) -> tuple[list[Span], int]:
    at, found = draw.randint(0, 1), []
    for _ in range(draw.randint(0, 4)):
        size = draw.choice([1, 1, 2, 3])
        found.append(Span(at, at + size, "" if bare else draw.choice(["x", "y", "x-y"])))
        at += size + draw.choice([0, 0, 1])
    return found, at + draw.randint(0, 2)


def in_letters(tags: Sequence[str], scheme: FileScheme) -> list[str]:
    """The same tags with the letters of IOBES."""
    return [tag if tag == "O" else LETTERS[scheme][tag[0]] + tag[1:] for tag in tags]


def in_file(tags: Sequence[str | None], scheme: FileScheme) -> list[str]:
    """Tags of IOBES with the letters of a scheme."""
    letters = {ours: theirs for theirs, ours in reversed(LETTERS[scheme].items())}
    return [tag if tag == "O" else letters[tag[0]] + tag[1:] for tag in tags if tag]


def their_spans(tags: Sequence[str]) -> list[Span]:
    return [Span(first, last + 1, label.replace("_", "")) for label, first, last in lenient(list(tags))]


def strict_spans(tags: Sequence[str], scheme: FileScheme) -> list[Span]:
    (found,) = seqeval.Entities([list(tags)], STRICT[scheme]).entities
    return sorted(Span(each.start, each.end, each.tag) for each in found)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("bare", [False, True])
def test_any_tags_mark_the_spans_that_seqeval_finds(scheme: FileScheme, bare: bool) -> None:
    draw = random.Random(1)
    ill = 0
    for _ in range(SEQUENCES):
        tags = random_tags(draw, scheme, bare=bare)
        ill += first_violation(tags, scheme) is not None
        assert spans_of(tags, scheme) == their_spans(in_letters(tags, scheme)), tags
    assert SEQUENCES * 0.1 < ill < SEQUENCES * 0.97  # both kinds were compared


@pytest.mark.parametrize("scheme", STRICT)
def test_well_formed_tags_mark_the_spans_of_strict_seqeval(scheme: FileScheme) -> None:
    draw = random.Random(2)
    well = 0
    for _ in range(SEQUENCES):
        own, length = random_spans(draw)
        made = convert(tags_of(own, length, trained_as(scheme)), trained_as(scheme), trained_as(scheme))
        tags = random_tags(draw, scheme) if draw.random() < 0.5 else in_file(made, scheme)
        strict = strict_spans(tags, scheme)
        if first_violation(tags, scheme) is None:
            well += 1
            assert spans_of(tags, scheme, "error") == strict, tags
        elif scheme != "iob1":
            covered = {index for span in strict for index in range(span.start, span.end)}
            assert covered != {index for index, tag in enumerate(tags) if tag != "O"}, tags
    assert SEQUENCES / 2 < well < SEQUENCES


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("bare", [False, True])
def test_any_predicted_tags_are_scored_as_seqeval_does(scheme: FileScheme, bare: bool) -> None:
    """Gold in the file's scheme, read into that of training; predictions of any tags of it."""
    draw = random.Random(3)
    target = trained_as(scheme)
    gold, guesses = [], []
    while len(gold) < SEQUENCES:
        own, length = random_spans(draw, bare=bare)
        tags = in_file(tags_of(own, length, target), scheme)
        assert spans_of(tags, scheme, "error") == own
        right = [tag or "" for tag in convert(tags, Notation(scheme), target)]
        guess = [
            tag if draw.random() < 0.8 else draw.choice(random_tags(draw, target, bare=bare) or ["O"]) for tag in right
        ]
        gold.append(right)
        guesses.append(guess)
    found = score(gold, guesses, "spans")
    precision, recall, f1, support = report(gold, guesses, average="micro")
    total = found.total
    assert total.support == support == sum(len(spans_of(tags, target)) for tags in gold)
    assert (total.precision / 100, total.recall / 100, total.f1 / 100) == pytest.approx((precision, recall, f1))
    assert 0.2 < f1 < 0.95


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
def test_units_of_the_paper_differ_from_seqeval_only_after_an_end(scheme: FileScheme) -> None:
    draw = random.Random(4)
    kinds: Counter[bool] = Counter()
    for _ in range(SEQUENCES):
        tags = random_tags(draw, scheme)
        assert units(tags, "spans") == their_spans(tags)
        differs = units(tags, "prefix") != their_spans(tags)
        assert differs == _goes_on_after_an_end(tags), tags
        kinds[differs] += 1
    assert kinds[False] > 100
    assert (kinds[True] > 100) == (scheme == "iobes")


def test_equal_neighbours_are_one_span_in_io() -> None:
    draw = random.Random(5)
    for _ in range(SEQUENCES):
        labels = [draw.choice(["O", "x", "y", "x-y"]) for _ in range(draw.randint(0, 8))]
        theirs = their_spans([label if label == "O" else f"I-{label}" for label in labels])
        assert spans_of(labels, "io", "error") == theirs
        assert units(convert(labels, "io", "iob2")) == theirs


def _goes_on_after_an_end(tags: Sequence[str]) -> bool:
    return any(a[0] in "ES" and b[0] in "IE" and a[1:] == b[1:] for a, b in pairwise(tags))
