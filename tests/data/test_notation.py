"""tagmates.data.notation: the scheme of most tags is found, whatever their notation and whatever is wrong in some."""

import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from tagmates.data.notation import advice_on_tag, estimate_notation, find_mark
from tagmates.data.schemes import LETTERS, FileScheme, Notation, convert, first_violation, spans_of, tags_of, trained_as
from tagmates.data.sentence import Sentence, Span

MARKS = ("B-", "B_", "B.", "B/", "B:", "b-", "b_", "-B", "_B", ".B", "-b", "_b")
SPAN_SCHEMES: tuple[FileScheme, ...] = ("iob1", "iob2", "iobes", "bilou", "bmes")
Layer = list[tuple[list[Span], int]]


def spans(seed: int, sentences: int = 60) -> Layer:
    """Spans of three labels, some of which touch: those of the first sentence tell all schemes apart."""
    draw = random.Random(seed)
    found: Layer = [([Span(0, 1, "PER"), Span(1, 4, "PER"), Span(5, 8, "work_of-art"), Span(8, 10, "LOC")], 12)]
    for _ in range(sentences - 1):
        at, own = draw.randint(0, 2), []
        for _ in range(draw.randint(0, 3)):
            size = draw.choice([1, 1, 2, 3])
            own.append(Span(at, at + size, draw.choice(["PER", "LOC", "work_of-art"])))
            at += size + draw.choice([0, 1, 1, 2])
        found.append((own, at + draw.randint(1, 5)))
    return found


def written(own: Sequence[Span], length: int, scheme: FileScheme, mark: str, outside: str) -> list[str]:
    """The tags of a file, made without the code under test but for the canonical iob1, iob2 and iobes."""
    if scheme == "io":
        tags = [outside] * length
        for span in own:
            tags[span.start : span.end] = [span.label] * (span.end - span.start)
        return tags
    named = {"bilou": dict(zip("BIES", "BILU", strict=True)), "bmes": dict(zip("BIES", "BMES", strict=True))}
    base = tags_of(own, length, trained_as(scheme))
    return [outside if tag == "O" else joined(named.get(scheme, {}).get(tag[0], tag[0]), tag[2:], mark) for tag in base]


def joined(letter: str, label: str, mark: str) -> str:
    letter = letter.lower() if "b" in mark else letter
    if not label:
        return letter
    return f"{letter}{mark[1]}{label}" if mark[0] in "Bb" else f"{label}{mark[0]}{letter}"


def sentences_of(rows: Sequence[Sequence[str | None]]) -> list[Sentence]:
    return [Sentence(tuple(f"w{i}" for i in range(len(row))), tuple(row), 1) for row in rows]


@pytest.mark.parametrize("scheme", SPAN_SCHEMES)
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("outside", ["O", "_", "0", "o", "NONE", "OTHER"])
def test_every_way_of_writing_is_recognised_and_read(scheme: FileScheme, mark: str, outside: str) -> None:
    layer = spans(1)
    rows = [written(own, length, scheme, mark, outside) for own, length in layer]
    notation = estimate_notation(sentences_of(rows)).notation
    assert notation == Notation(scheme, mark, outside)
    for (own, length), row in zip(layer, rows, strict=True):
        assert first_violation(row, notation) is None
        assert spans_of(row, notation, "error") == own
        for target in ("iob1", "iob2", "iobes"):
            assert convert(row, notation, target) == tags_of(own, length, target)


@pytest.mark.parametrize("scheme", ["iob2", "iobes", "bilou", "bmes"])
@pytest.mark.parametrize("mark", ["B-", "b-"])
def test_letters_alone(scheme: FileScheme, mark: str) -> None:
    layer = [([Span(span.start, span.end, "") for span in own], length) for own, length in spans(2)]
    rows = [written(own, length, scheme, mark, "O") for own, length in layer]
    notation = estimate_notation(sentences_of(rows)).notation
    assert notation == Notation(scheme, mark)
    assert [spans_of(row, notation, "error") for row in rows] == [own for own, _ in layer]


def test_word_segmentation_has_no_outside() -> None:
    rows = [["B", "E", "S", "B", "M", "E"], ["S", "S", "B", "E"]] * 5
    notation = estimate_notation(sentences_of(rows)).notation
    assert notation == Notation("bmes")
    assert spans_of(rows[0], notation, "error") == [Span(0, 2, ""), Span(2, 3, ""), Span(3, 6, "")]
    assert spans_of(["W", "B", "M", "E", "W"], "bmes", "error") == [Span(0, 1, ""), Span(1, 4, ""), Span(4, 5, "")]


def _typo(tag: str) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        rows[7][0] = tag

    return change


def _unclosed(rows: list[list[str]]) -> None:
    for row in rows[::3]:
        row[-1] = "I-ORG"


def _header(rows: list[list[str]]) -> None:
    rows[0].insert(0, "ner_tag")


def _half_outside(rows: list[list[str]]) -> None:
    for row in rows[::2]:
        row[:] = ["O " if tag == "O" else tag for tag in row]


@pytest.mark.parametrize(
    "damage",
    [
        *map(_typo, ("B_PER", "b-PER", "0", "o", "B-", "-PER", "PER", "PER-B", "U-PER", "X", "tag", "B PER", "BPER")),
        _unclosed,
        _header,
        _half_outside,
    ],
)
@pytest.mark.parametrize("scheme", ["iob2", "iobes", "bilou", "bmes"])
def test_wrong_tags_do_not_hide_the_scheme(damage: Callable[[list[list[str]]], None], scheme: FileScheme) -> None:
    rows = [written(own, length, scheme, "B-", "O") for own, length in spans(3)]
    damage(rows)
    notation = estimate_notation(sentences_of(rows)).notation
    assert notation == Notation(scheme)
    broken = [number for number, row in enumerate(rows) if first_violation(row, notation)]
    assert broken or rows[7][0] in ("U-PER", "B-")  # which bilou has
    if len(broken) == 1:
        assert broken[0] in (0, 7)


def test_one_file_where_every_tenth_sentence_is_broken() -> None:
    rows = [list(tags_of(own, length, "iob2")) for own, length in spans(4, 100)]
    for row in rows[::10]:
        row[:] = [tag.replace("B-", "I-") for tag in row]
    found = estimate_notation(sentences_of(rows))
    assert found.notation == Notation("iob2")
    assert found.lenient == "prefix"


@pytest.mark.parametrize(
    ("tags", "notation"),
    [
        ("I-PER O I-PER I-PER O I-LOC", Notation("iob1")),
        ("i-per O i-per i-per O i-loc", Notation("iob1", "b-")),
        ("NN VB IN B-NP DT", Notation("plain")),
        ("S E V RD B S I E_RD FF", Notation("plain")),  # parts of speech of Italian
        ("N_SING V_PA P N_PL DELM", Notation("plain")),
        ("Sing _ _ _ Plur _", Notation("plain", outside="_")),
        ("NOUN _ VERB NOUN", Notation("plain")),
        ("1 0 0 2 0", Notation("plain", outside="0")),
        ("1 1 0 2 1", Notation("plain")),
        ("OTHER OTHER person OTHER", Notation("plain", outside="OTHER")),
        ("VERB NOUN OTHER VERB", Notation("plain")),
        ("^ V O N ^ D , ^", Notation("plain", outside="")),
        ("NP NP VP O NP VP", Notation("plain")),
        ("O O per O", Notation("plain")),
        ("O O NN ", Notation("plain")),
    ],
)
def test_what_is_nothing(tags: str, notation: Notation) -> None:
    assert estimate_notation(sentences_of([tags.split(" ")] * 5)).notation == notation


def test_punctuation_tells_whether_o_is_a_label() -> None:
    """Punctuation is nothing in a layer that has such a tag; parts of speech have one of its own."""
    tokens = ("she", "left", "the", "house", ".")
    for tags, outside in (("PRON VERB DET NOUN O", "O"), ("O VERB DET NOUN PUNCT", "")):
        sentences = [Sentence(tokens, tuple(tags.split()))] * 10
        assert estimate_notation(sentences).notation == Notation("plain", outside=outside)


def test_neighbours_that_repeat() -> None:
    layer = [([span for span in own if span.end - span.start > 1], length) for own, length in spans(5)]
    found = estimate_notation(sentences_of([written(own, length, "io", "B-", "O") for own, length in layer]))
    assert found.notation == Notation("plain")
    assert found.looks_like_io
    assert found.repeated <= found.tagged <= found.words
    assert not estimate_notation(sentences_of([["NN", "NN", "VB", "."]] * 9)).looks_like_io


def test_io_is_read_with_and_without_letters() -> None:
    spans_there = [Span(0, 2, "PER"), Span(2, 3, "LOC"), Span(4, 5, "PER")]
    for tags in ("PER PER LOC O PER", "I-PER I-PER I-LOC O I-PER"):
        assert spans_of(tags.split(), "io", "error") == spans_there
        assert convert(tags.split(), "io", "iob2") == ("B-PER", "I-PER", "B-LOC", "O", "B-PER")
    assert first_violation(["PER", "B-PER"], "io") == (1, "'B-PER' is not a tag of io")
    assert spans_of(["S-bahn", "E-mail"], "io") == [Span(0, 1, "S-bahn"), Span(1, 2, "E-mail")]


def test_no_tags() -> None:
    assert estimate_notation([]).notation == Notation("plain")
    assert estimate_notation(sentences_of([[None, None]])).notation == Notation("plain")
    assert find_mark(Counter()) is None


@pytest.mark.parametrize(
    ("tag", "notation", "advice"),
    [
        (
            "I-PER",
            Notation("iob2"),
            'leave scheme out and set score = "prefix", which reads such tags as conlleval does',
        ),
        ("E-PER", Notation("iobes"), 'leave scheme out and set score = "spans", which reads such tags'),
        ("I", Notation("iob2"), "correct the tag or the scheme of x"),
        ("L-PER", Notation("bilou"), "correct the tag or the scheme of x"),
        ("B_PER", Notation("iob2"), '(mark = "B_" has it)'),
        ("L-PER", Notation("iob2"), '(scheme = "bilou" has it)'),
        (
            "E-PER",
            Notation("iob2"),
            '(scheme = "iobes" or scheme = "bmes" or scheme = "ioe1" or scheme = "ioe2" has it)',
        ),
        ("0", Notation("iob2"), '(outside = "0" has it)'),
        ("O ", Notation("iob2"), "take the white space out of it"),
        ("B-", Notation("iob2"), "name its label, or take the sign away"),
        ("tag", Notation("iob2"), "correct the tag or the scheme of x"),
        ("\u041e", Notation("iob2"), "its first letter is CYRILLIC CAPITAL LETTER O; correct the tag"),
    ],
)
def test_advice(tag: str, notation: Notation, advice: str) -> None:
    found = advice_on_tag(tag, notation, "x")
    assert advice in found
    if advice.startswith("correct"):
        assert found == advice


def test_the_letters_of_schemes_are_those_of_iobes() -> None:
    for scheme, letters in LETTERS.items():
        assert set(letters.values()) <= set("BIES"), scheme
