"""tagmates.report.mistakes: how gold and predicted units are paired, and what the counts add up to."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagmates.config import TrainingSettings
from tagmates.data.schemes import spans_of
from tagmates.data.sentence import Sentence, Span
from tagmates.data.task import Part, Task
from tagmates.report.mistakes import Mistake, compare_mistakes, compare_units, find_mistakes
from tagmates.report.mistakes_page import render_mistakes
from tagmates.training.evaluation import Evaluation
from tagmates.training.scores import score

TAGS = st.lists(st.sampled_from(["O", "B-x", "I-x", "B-y", "I-y"]), min_size=1, max_size=8)


def spans(*triples: tuple[int, int, str]) -> list[Span]:
    return [Span(*triple) for triple in triples]


@pytest.mark.parametrize(
    ("gold", "predicted", "kinds"),
    [
        (spans((0, 2, "x")), spans((0, 2, "x")), []),
        (spans((0, 2, "x")), spans((0, 2, "y")), ["type"]),
        (spans((0, 2, "x")), spans((0, 1, "x")), ["boundary"]),
        (spans((0, 2, "x")), spans((1, 3, "y")), ["boundary and type"]),
        (spans((0, 2, "x")), spans((2, 3, "x")), ["missed", "spurious"]),
        # the one with the same label is the nearer one, and the other is spurious
        (spans((0, 4, "x")), spans((0, 3, "y"), (3, 4, "x")), ["spurious", "boundary"]),
        (spans((0, 1, "x"), (1, 2, "x")), spans((0, 2, "x")), ["boundary", "missed"]),
    ],
)
def test_kinds_of_mistakes(gold: list[Span], predicted: list[Span], kinds: list[str]) -> None:
    assert sorted(mistake.kind for mistake in compare_units(gold, predicted)) == sorted(kinds)


@given(TAGS, st.randoms())
def test_every_wrong_unit_is_in_exactly_one_mistake(tags: list[str], draw: object) -> None:
    guess = list(tags)
    draw.shuffle(guess)  # type: ignore[attr-defined]
    gold, predicted = spans_of(tags, "iob2"), spans_of(guess, "iob2")
    found = compare_units(gold, predicted)
    total = score([tags], [guess]).total
    assert sorted(m.gold for m in found if m.gold) == [s for s in gold if s not in predicted]
    assert sorted(m.predicted for m in found if m.predicted) == [s for s in predicted if s not in gold]
    assert sum(m.gold is not None for m in found) == total.fn
    assert sum(m.predicted is not None for m in found) == total.fp


ROWS = [
    ("Mika Lind sails", "B-PER I-PER O", "B-PER O O", "B-PER I-PER O"),
    ("Vardo blinks", "B-LOC O", "B-PER O", "O O"),
    ("<b>gulls</b> sleep", "O O", "B-LOC O", "O O"),
]


def evaluation_of(column: int, folder: str, tmp_path: Path) -> Evaluation:
    """An evaluation of tags that are made up; training saw Mika and Lind."""
    (tmp_path / "train.conll").write_text("mika\tB-PER\nLind\tI-PER\n\n")
    part = Part(file=str(tmp_path / "train.conll"))
    task = Task(name="ner", train=part, dev=part, scheme="iob2", score="prefix", separator="\t")
    gold = [Sentence(tuple(row[0].split()), tuple(row[1].split())) for row in ROWS]
    predicted = [row[column].split() for row in ROWS]
    scores = score([s.labels for s in gold], predicted)
    names, settings = ("ner",), TrainingSettings()
    return Evaluation(
        Path(folder), "dev", {"ner": task}, names, {"ner": gold}, {"ner": predicted}, {"ner": scores}, {}, settings
    )


def test_counts_of_a_task(tmp_path: Path) -> None:
    own = find_mistakes(evaluation_of(2, "a", tmp_path))["ner"]
    assert own.kinds == {"type": 1, "boundary": 1, "boundary and type": 0, "missed": 0, "spurious": 1}
    assert own.confusions == [("", "LOC", "spurious", 1), ("LOC", "PER", "type", 1), ("PER", "PER", "boundary", 1)]
    assert [(w.word, w.wrong, w.count, w.gold, w.predicted) for w in own.words] == [
        ("<b>gulls</b>", 1, 1, "O", "B-LOC"),
        ("Lind", 1, 1, "I-PER", "O"),
        ("Vardo", 1, 1, "B-LOC", "B-PER"),
    ]
    assert own.seen is not None and own.unseen is not None
    assert ((own.seen.right, own.seen.count), (own.unseen.right, own.unseen.count)) == ((0, 1), (0, 1))
    assert own.mistakes[0] == Mistake("boundary", Span(0, 2, "PER"), Span(0, 1, "PER"))
    assert own.to_json()["kinds"]["spurious"] == 1


def test_two_models_side_by_side(tmp_path: Path) -> None:
    evaluations = [evaluation_of(2, "a", tmp_path), evaluation_of(3, "b", tmp_path)]
    first, second = (find_mistakes(each) for each in evaluations)
    found = compare_mistakes(first["ner"], second["ner"])
    assert (found.both, found.only_first, found.only_second, found.neither) == (0, 0, 1, 1)
    assert sorted(own.number for own, _ in found.differing) == [1, 2, 3]
    same = compare_mistakes(second["ner"], second["ner"])
    assert (same.both, same.only_first, same.only_second, same.neither, same.differing) == (1, 0, 0, 1, ())
    page = render_mistakes(evaluations[0], first, (evaluations[1], second))
    assert "only B 1" in page and "number A" in page and "recall B" in page


def test_the_page_escapes_words_and_needs_no_other_file(tmp_path: Path) -> None:
    evaluation = evaluation_of(2, "a", tmp_path)
    page = render_mistakes(evaluation, find_mistakes(evaluation))
    assert "<b>gulls" not in page and "&lt;b&gt;gulls&lt;/b&gt;" in page
    assert "<rt>O → B-LOC</rt>" in page
    assert "src=" not in page and 'href="http' not in page and "@import" not in page
