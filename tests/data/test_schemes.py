"""tagmates.data.schemes: pinned tags, round trips, and agreement with seqeval and with the paper's own conversion."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import DATA, PAPER, UPSTREAM
from strategies import layers

from tagmates.data.formats.columns import read_columns
from tagmates.data.schemes import Scheme, convert, first_violation, spans_of, tags_of, without_cut_spans
from tagmates.data.sentence import Span
from tagmates.errors import ConfigError, DataError

SCHEMES: tuple[Scheme, ...] = ("iob1", "iob2", "iobes", "plain")

# Three neighbours: two of one label that touch, then one of another label, of one token.
SPANS = [Span(0, 2, "a-b"), Span(2, 4, "a-b"), Span(4, 5, "c"), Span(6, 9, "c")]
WRITTEN: dict[Scheme, str] = {
    "iob1": "I-a-b I-a-b B-a-b I-a-b I-c O I-c I-c I-c",
    "iob2": "B-a-b I-a-b B-a-b I-a-b B-c O B-c I-c I-c",
    "iobes": "B-a-b E-a-b B-a-b E-a-b S-c O B-c I-c E-c",
}


@pytest.mark.parametrize("scheme", WRITTEN)
def test_each_scheme_writes_and_reads_its_tags(scheme: Scheme) -> None:
    tags = tuple(WRITTEN[scheme].split())
    assert tags_of(reversed(SPANS), 9, scheme) == tags
    assert spans_of(tags, scheme, "error") == SPANS
    assert first_violation(tags, scheme) is None


@pytest.mark.parametrize("source", WRITTEN)
@pytest.mark.parametrize("target", WRITTEN)
def test_convert_between_schemes(source: Scheme, target: Scheme) -> None:
    assert " ".join(convert(WRITTEN[source].split(), source, target, "error")) == WRITTEN[target]


def test_plain_neighbours_never_merge() -> None:
    tags = ["noun.act", "noun.act", "O", "-LRB-", "B-x"]
    assert spans_of(tags, "plain", "error") == [
        Span(0, 1, "noun.act"),
        Span(1, 2, "noun.act"),
        Span(3, 4, "-LRB-"),
        Span(4, 5, "B-x"),
    ]
    assert convert(tags, "plain", "plain") == tuple(tags)


def test_plain_repeats_a_label_over_a_long_span() -> None:
    assert tags_of([Span(1, 3, "x")], 4, "plain") == ("O", "x", "x", "O")


def test_bare_tags_have_the_empty_label() -> None:
    assert spans_of(["B", "I", "B", "O"], "iob2", "error") == [Span(0, 2, ""), Span(2, 3, "")]
    assert convert(["B", "I", "B", "O"], "iob2", "iobes") == ("B", "E", "S", "O")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_tokens(scheme: Scheme) -> None:
    assert spans_of([], scheme) == []
    assert tags_of([], 0, scheme) == ()
    assert first_violation([], scheme) is None


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes"])
@given(layer=layers())
def test_round_trip(scheme: Scheme, layer: tuple[list[Span], int]) -> None:
    spans, length = layer
    tags = tags_of(spans, length, scheme)
    assert len(tags) == length
    assert first_violation(tags, scheme) is None
    assert spans_of(tags, scheme, "error") == spans_of(tags, scheme, "begin") == spans


@given(layer=layers(longest=1, labels=("x", "B-x", "I", "-LRB-")))
def test_plain_round_trip(layer: tuple[list[Span], int]) -> None:
    spans, length = layer
    assert spans_of(tags_of(spans, length, "plain"), "plain", "error") == spans


@pytest.fixture(scope="module")
def get_entities() -> Any:
    return pytest.importorskip("seqeval.metrics.sequence_labeling").get_entities


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
@given(layer=layers(labels=("x", "y", "x-y")))
def test_spans_agree_with_seqeval(scheme: Scheme, layer: tuple[list[Span], int], get_entities: Any) -> None:
    tags = list(tags_of(*layer, scheme))
    entities = [Span(start, end + 1, label) for label, start, end in get_entities(tags)]
    assert spans_of(tags, scheme) == entities


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes"])
@given(data=st.data())
def test_any_tags_of_the_scheme_can_be_repaired(scheme: Scheme, data: st.DataObject) -> None:
    prefixes = "BIES" if scheme == "iobes" else "BI"
    known = st.sampled_from(["O", *(f"{prefix}{label}" for prefix in prefixes for label in ("-x", "-y", ""))])
    tags = data.draw(st.lists(known, max_size=12))
    spans = spans_of(tags, scheme)
    assert {index for span in spans for index in range(span.start, span.end)} == {
        index for index, tag in enumerate(tags) if tag != "O"
    }
    repaired = tags_of(spans, len(tags), scheme)
    assert (first_violation(tags, scheme) is None) == (repaired == tuple(tags))


@pytest.mark.parametrize(
    ("scheme", "tags", "repaired", "index", "wrong"),
    [
        ("iob2", "O I-x I-x", "O B-x I-x", 1, "'I-x' continues no span"),
        ("iob2", "B-x I-y", "B-x B-y", 1, "'I-y' continues no span"),
        ("iob1", "O B-x I-x", "O I-x I-x", 1, "'B-x' touches no earlier span"),
        ("iob1", "I-x B-y", "I-x I-y", 1, "'B-y' touches no earlier span"),
        ("iobes", "E-x O", "S-x O", 0, "'E-x' continues no span"),
        ("iobes", "S-x E-x", "S-x S-x", 1, "'E-x' continues no span"),
        ("iobes", "B-x E-x I-x E-x", "B-x E-x B-x E-x", 2, "'I-x' continues no span"),
        ("iobes", "O B-x", "O S-x", 1, "no E tag closes the span of 'B-x'"),
        ("iobes", "B-x I-x B-x E-x", "B-x E-x B-x E-x", 1, "no E tag closes the span of 'I-x'"),
    ],
)
def test_ill_formed_tags(scheme: Scheme, tags: str, repaired: str, index: int, wrong: str) -> None:
    assert " ".join(convert(tags.split(), scheme, scheme)) == repaired
    violation = first_violation(tags.split(), scheme)
    assert violation is not None
    assert violation[0] == index
    assert wrong in violation[1]
    with pytest.raises(DataError, match=f"^token {index + 1}: {wrong}"):
        spans_of(tags.split(), scheme, "error")


@pytest.mark.parametrize(
    ("scheme", "tag"), [("iob2", "NN"), ("iob2", "S-x"), ("iob1", "b-x"), ("iobes", "B-"), ("iob2", "")]
)
def test_a_tag_that_the_scheme_lacks(scheme: Scheme, tag: str) -> None:
    assert first_violation(["O", tag], scheme) == (1, f"{tag!r} is not a tag of {scheme}")
    for repair in ("begin", "error"):
        with pytest.raises(DataError, match=f"{tag!r} is not a tag of {scheme}"):
            spans_of(["O", tag], scheme, repair)


@pytest.mark.parametrize(
    ("source", "target", "tags", "converted", "spans"),
    [
        # a span ends where its labels end
        ("iob2", "iobes", "_ B-x I-x _ B-x _", "_ B-x E-x _ S-x _", [(1, 3), (4, 5)]),
        ("iob1", "iobes", "_ I-x B-x _ I-x", "_ S-x S-x _ S-x", [(1, 2), (2, 3), (4, 5)]),
        ("iobes", "iob2", "S-x _ S-x _ B-x E-x", "B-x _ B-x _ B-x I-x", [(0, 1), (2, 3), (4, 6)]),
        ("plain", "iobes", "x _ x O", "S-x _ S-x O", [(0, 1), (2, 3)]),
        # unless its tags say that it goes on
        ("iobes", "iob2", "B-x _ E-x S-y", "_ _ _ B-y", [(0, 1), (2, 3), (3, 4)]),
        ("iobes", "iob1", "_ I-x E-x _ B-y E-y", "_ _ _ _ I-y I-y", [(1, 3), (4, 6)]),
        ("iob2", "iobes", "B-y _ I-x B-x O", "S-y _ _ S-x O", [(0, 1), (2, 3), (3, 4)]),
        ("iobes", "iobes", "_ _", "_ _", []),
    ],
)
def test_tokens_without_a_label(
    source: Scheme, target: Scheme, tags: str, converted: str, spans: list[tuple[int, int]]
) -> None:
    given = [None if tag == "_" else tag for tag in tags.split()]
    found = convert(given, source, target)
    assert " ".join(tag or "_" for tag in found) == converted
    assert [(span.start, span.end) for span in spans_of(given, source)] == spans
    assert convert(given, source, source) == without_cut_spans(given, source)


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes"])
@given(layer=layers(), data=st.data())
def test_leaving_labels_out_breaks_no_scheme(
    scheme: Scheme, layer: tuple[list[Span], int], data: st.DataObject
) -> None:
    spans, length = layer
    tags = tags_of(spans, length, scheme)
    given = [data.draw(st.sampled_from([tag, None])) for tag in tags]
    assert first_violation(given, scheme) is None
    for span in set(spans_of(without_cut_spans(given, scheme), scheme)) if scheme == "iobes" else ():
        assert span in spans
    for target in ("iob1", "iob2", "iobes"):
        assert first_violation(convert(given, scheme, target, "error"), target) is None


@pytest.mark.parametrize(
    ("scheme", "tags", "index"),
    [("iobes", "_ B-x O", 1), ("iob2", "_ O I-x", 2), ("iob1", "I-y _ I-x B-y", 3), ("iob2", "_ NN", 1)],
)
def test_a_token_without_a_label_excuses_only_its_neighbours(scheme: Scheme, tags: str, index: int) -> None:
    violation = first_violation([None if tag == "_" else tag for tag in tags.split()], scheme)
    assert violation is not None
    assert violation[0] == index


@pytest.mark.parametrize("span", [Span(1, 1, "x"), Span(2, 1, "x"), Span(-1, 1, "x"), Span(2, 4, "x")])
def test_a_span_outside_its_sentence(span: Span) -> None:
    with pytest.raises(DataError, match="does not lie in a sentence of 3 tokens"):
        tags_of([span], 3, "iob2")


def test_spans_that_overlap() -> None:
    with pytest.raises(DataError, match="overlap"):
        tags_of([Span(1, 3, "y"), Span(0, 2, "x")], 3, "iob2")


@pytest.mark.parametrize("label", ["", "O"])
def test_labels_that_plain_tags_cannot_say(label: str) -> None:
    with pytest.raises(DataError, match="plain tags cannot express"):
        tags_of([Span(0, 1, label)], 1, "plain")
    assert spans_of(tags_of([Span(0, 1, label)], 1, "iobes"), "iobes") == [Span(0, 1, label)]


def test_unknown_choices() -> None:
    with pytest.raises(ConfigError, match="no scheme is called 'bio'; choose one of iob1, iob2, iobes, plain"):
        tags_of([], 0, "bio")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no scheme is called 'bio'"):
        spans_of([], "bio")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no repair is called 'guess'"):
        spans_of([], "iob2", "guess")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scheme", "tag_column", "upstream", "paper"),
    [
        ("iob2", 3, "conll2000/train.txt", ["chunk/train"]),
        ("iob2", 3, "conll2000/test.txt", ["chunk/dev", "chunk/test"]),
        ("iob1", 4, "conll2003/eng.train", ["ner/train"]),
        ("iob1", 4, "conll2003/eng.testa", ["ner/dev"]),
        ("iob1", 4, "conll2003/eng.testb", ["ner/test"]),
    ],
)
def test_the_papers_conversion(scheme: Scheme, tag_column: int, upstream: str, paper: list[str]) -> None:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is missing")
    sources = read_columns(UPSTREAM / upstream, tag_column=tag_column, separator=" ")
    converted = [(source.tokens, convert(source.tags or (), scheme, "iobes", "error")) for source in sources]
    expected = [s for part in paper for s in read_columns(PAPER / f"{part}.conll", separator="\t")]
    assert converted == [(sentence.tokens, sentence.tags) for sentence in expected]
