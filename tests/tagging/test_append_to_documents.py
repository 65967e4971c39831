"""``tagmates tag --append`` for JSON lists and WebAnno TSV: the tags can be read again, and the rest stays."""

import json
import sys
from collections.abc import Mapping, Sequence
from io import BytesIO, TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tried
from test_tag_formats import tokens_of, written

from tagmates.data.corpora import read_file
from tagmates.data.formats.webanno import features_in
from tagmates.data.schemes import tags_of
from tagmates.data.sentence import Span
from tagmates.data.task import Task
from tagmates.errors import DataError
from tagmates.tagging.added_keys import TaggedInput
from tagmates.tagging.appending import appended
from tagmates.tagging.chunks import CHUNK_SIZE, read_chunks
from tagmates.tagging.decoding import HEAD_SIZE
from tagmates.tagging.read_options import ReadOptions
from tagmates.tagging.reading import lines_of, read_chunk, sentences_of_lines

APPEND = ReadOptions(append="auto")


def with_spans(
    path: str, spans: Sequence[Mapping[str, Sequence[Span]]], size: int, tasks: Sequence[str] = ("t",)
) -> bytes:
    """The file with these spans, sentence by sentence; the tag of a word is its length, as L4."""
    out, rest = b"", iter(spans)
    for chunk in read_chunks([path], APPEND, size):
        lines, error = lines_of(chunk)
        found = [
            TaggedInput(words, {task: [f"L{len(word)}" for word in words.tokens] for task in tasks}, next(rest))
            for words in sentences_of_lines(chunk, lines, error)
        ]
        text = appended(lines, chunk.options, chunk.line, found, tasks)
        out += (chunk.before + text).encode(chunk.options.encoding)
    return out


# --- JSON lists ------------------------------------------------------------------------------------------------------

WORDS = st.lists(st.text(st.sampled_from('aß"\\]}{[,💤'), min_size=1, max_size=4), min_size=1, max_size=5)
EXTRA = st.dictionaries(
    st.sampled_from(["id", "meta", "data"]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3), max_leaves=4
    ),
)


@settings(max_examples=tried(80))
@given(
    records=st.lists(st.tuples(WORDS, EXTRA, st.booleans()), min_size=1, max_size=8),
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
    before=st.sampled_from(["[", " \n[", '{"n": [1, 2], "x": {"y": [{}]}, "list" : [', "\ufeff["]),
    behind=st.sampled_from(["", "\n", ' , "more": [1]', ', "more": {"z": [[]]} ']),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
    size=st.integers(1, 200),
)
def test_a_list_keeps_every_byte_and_gets_keys(
    records: list[tuple[list[str], dict[str, Any], bool]],
    indent: int | None,
    ascii_only: bool,
    before: str,
    behind: str,
    encoding: str,
    size: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    items = [({**extra, "tokens": words} if first else {"tokens": words, **extra}) for words, extra, first in records]
    inner = json.dumps(items, indent=indent, ensure_ascii=ascii_only)[1:-1]
    in_object = "{" in before
    before = before if encoding == "utf-8" else before.removeprefix("\ufeff")
    content = (before + inner + "]" + (behind + "}" if in_object else behind[:1].strip(" ,"))).encode(encoding)
    path = written(tmp_path_factory.getbasetemp(), content)
    assert with_spans(path, [{}] * len(items), size, ()) == content
    found = with_spans(path, [{}] * len(items), size, ("t", "u"))
    assert found == with_spans(path, [{}] * len(items), CHUNK_SIZE, ("t", "u"))
    old, new = (json.loads(data.decode(encoding).removeprefix("\ufeff")) for data in (content, found))
    if in_object:
        assert old.pop("list") == items
        new, rest = new.pop("list"), new
        assert rest == old
    assert [list(record)[-2:] for record in new] == [["t", "u"]] * len(items)
    tags = [[f"L{len(word)}" for word in words] for words, *_ in records]
    assert new == [{**item, "t": own, "u": own} for item, own in zip(items, tags, strict=True)]
    (tmp_path_factory.getbasetemp() / "again").write_bytes(found)
    task = Task(name="x", format="json", tag_column="u", encoding=encoding, folder=tmp_path_factory.getbasetemp())
    again = read_file(task, tmp_path_factory.getbasetemp() / "again")
    assert [(list(sentence.tokens), list(sentence.labels)) for sentence in again] == [
        (words, own) for (words, *_), own in zip(records, tags, strict=True)
    ]


def test_texts_pairs_rows_and_keys_that_are_there(tmp_path: Path) -> None:
    spans = [{"t": [Span(0, 1, "X")]}, {"t": [Span(1, 2, "")]}]
    for item, wanted in (
        ('{"id": 1, "text": "Mika paints. He left."\n }', '{"id": 1, "text": "Mika paints. He left.", "t": SPANS\n }'),
        ('["Mika paints. He left.", { }]', '["Mika paints. He left.", {"t": SPANS }]'),
        ('{"t": 3, "text":  "Mika paints. He left."}', '{"t": SPANS, "text":  "Mika paints. He left."}'),
    ):
        path = written(tmp_path, f"[{item} ]\n", "a.json")
        found = with_spans(path, spans, CHUNK_SIZE).decode()
        assert found == "[" + wanted.replace("SPANS", '[[0, 4, "X"], [16, 20, "t"]]') + " ]\n"
        written(tmp_path, found, "out")
        task = Task(name="x", format="json", token_column="text", tag_column="t", scheme="iob2", folder=tmp_path)
        assert [s.tags for s in read_file(task, tmp_path / "out")] == [("B-X", "O", "O"), ("O", "B-t", "O")]
    path = written(tmp_path, '[ [["Mika","N"],["paints", "V"]], [["-DOCSTART-", "O"]] ]')
    assert json.loads(with_spans(path, [{}, {}], 1)) == [
        [["Mika", "N", "L4"], ["paints", "V", "L6"]],
        [["-DOCSTART-", "O"]],
    ]


LONG = [{"tokens": ["Mika", "paints"], "n": n} for n in range(50)]


@pytest.mark.parametrize(
    ("content", "sentences", "message"),
    [
        (json.dumps(LONG)[:-1], 49, r"input:1: is not JSON \(Expecting '\]', at record 50\)"),
        (json.dumps(LONG)[:-15], 49, r"input:1: is not JSON \(Unterminated string .*, at record 50\)"),
        (json.dumps(LONG).replace('}, {"tokens": ["Mika", "paints"], "n": 30', '} {"n": 30'), 30, "at record 31"),
        (json.dumps(LONG, indent=1).replace('"n": 30', '"n": 3O'), 30, r"input:\d\d\d: is not JSON .*, at record 31"),
        (json.dumps(LONG) + " x", 50, r"is not JSON \(Extra data"),
        (json.dumps(LONG) + "}", 50, r"is not JSON \(Extra data"),
        (json.dumps({"a": LONG})[:-1], 50, r"is not JSON \(Expecting ',' delimiter"),
        (json.dumps({"a": LONG, "b": [1], "c": LONG}), 50, "input: holds several lists of JSON objects; give a file"),
        (json.dumps([*LONG, 3]), 50, "input: record 51: is not a JSON object"),
        (json.dumps([*LONG, {"n": 1}]), 50, "input: record 51: has no 'tokens'"),
        (json.dumps([*LONG, {"tokens": ["a", None]}]), 50, "input: record 51: number 2 in 'tokens' is null"),
        (json.dumps(LONG)[:-1] + "," + "[" * 100_000, 50, r"input: is not JSON \(nested too deeply, at record 51\)"),
        (json.dumps(LONG).encode()[:-16] + b"\xff" + json.dumps(LONG).encode()[-16:], 49, "input:1: is not UTF-8"),
        ('{"a": {"b": [{}]}, "c": 3}', 0, "input: holds no list of JSON objects"),
        ("[]", 0, ""),
        ('{"a": [1], "b": []}', 0, "holds no list"),
        ("{}", 0, "holds no list"),
        ("", 0, ""),
        ("3", 0, "holds no list"),
    ],
)  # fmt: skip
def test_a_broken_list_is_read_up_to_where_it_is_broken(
    content: str | bytes, sentences: int, message: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content)
    for size in (40, 200):
        found, said = [], ""
        try:
            for chunk in read_chunks([path], ReadOptions("json", "tokens"), size):
                for words in read_chunk(chunk):
                    found.append(words)  # noqa: PERF402  (up to the error)
        except DataError as error:
            said = str(error)
        assert (bool(said), len(said.splitlines())) == (bool(message), bool(message))
        with pytest.raises(DataError, match=message or "no word to tag"):
            tokens_of(path, ReadOptions("json", "tokens"))
        # of a chunk that is not UTF-8 nothing is read, since all of it may be one line
        assert sentences - 5 * ("UTF-8" in message) <= len(found) <= sentences


def test_a_list_is_read_in_pieces_however_its_records_are_laid_out(tmp_path: Path) -> None:
    for text in (json.dumps(LONG), json.dumps(LONG, indent=4), json.dumps({"x": 1, "data": LONG})):
        chunks = list(read_chunks([written(tmp_path, text)], ReadOptions(), 100))
        assert len(chunks) > 10
        assert b"".join(chunk.data for chunk in chunks) == text.encode()
        assert {len(chunk.data) < 400 for chunk in chunks} == {True}
        assert [chunk.line for chunk in chunks] == [
            1 + b"".join(other.data for other in chunks[:at]).count(b"\n") for at in range(len(chunks))
        ]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_is_not_read_ahead(indent: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"id": "x" * 2 * HEAD_SIZE, "words": ["Mika"]}
    content = BytesIO(json.dumps([record] * 40, indent=indent).encode())
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(content))
    chunks = read_chunks(["-"], ReadOptions())
    taken = [next(chunks)]
    assert content.tell() < 8 * HEAD_SIZE
    taken.extend(chunks)
    assert [words.tokens for chunk in taken for words in read_chunk(chunk)] == [("Mika",)] * 40


# --- WebAnno TSV -----------------------------------------------------------------------------------------------------

HEADS = {
    "no layer": ((), 0),
    "spans": (("#T_SP=webanno.custom.Food|kind|t.u", "#T_SP=webanno.custom.t|value"), 3),
    "relations": (("#T_SP=webanno.custom.Food|kind", "#T_RL=webanno.custom.t|rel|BT_webanno.custom.Food"), 3),
    "chains": (("#T_CH=webanno.custom.Coref|referenceType|referenceRelation",), 2),
}
LABELS = st.text(st.sampled_from("aB_|[]*;\\->ß 1"), min_size=1, max_size=5).filter(lambda label: bool(label.strip()))


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[list[str]], list[dict[str, list[Span]]], int]:
    """A file, its sentences, spans of two tasks for each, and the number of columns before the new ones."""
    name = draw(st.sampled_from(list(HEADS)))
    layers, width = HEADS[name]
    end, trailing = draw(st.sampled_from(["\n", "\r\n"])), draw(st.sampled_from(["", "\t"]))
    cell = st.sampled_from(["_", "*", "FOOD", "FOOD[1]", "A[1]|B[17]", "\\_x"])
    text = end.join(["#FORMAT=WebAnno TSV 3.3", *layers, "", "", ""])
    sentences, spans, at = [], [], 0
    for number in range(1, draw(st.integers(1, 4)) + 1):
        words = draw(st.lists(st.sampled_from(["Mika", "[17]", ".", "ü💤"]), min_size=1, max_size=6))
        text += f"#Text={' '.join(words)}{end}"
        for place, word in enumerate(words, start=1):
            for part in ("", ".1") if draw(st.booleans()) else ("",):
                cells = [draw(cell) for _ in range(width)] if not part else ["_"] * width
                row = [f"{number}-{place}{part}", f"{at}-{at + len(word)}", word, *cells]
                text += "\t".join(row) + trailing + end
            at += len(word) + 1
        text += end
        sentences.append(words)
        spans.append({task: draw(span_lists(len(words))) for task in ("t", "1 x")})
    places = {"spans": 3, "relations": 1}
    return text, sentences, spans, places.get(name, 0)


@st.composite
def span_lists(draw: st.DrawFn, words: int) -> list[Span]:
    """Spans that do not overlap."""
    cuts = sorted({0, words, *draw(st.lists(st.integers(0, words), max_size=4))})
    label = draw(LABELS)
    return [Span(start, end, draw(LABELS | st.just(label))) for start, end in pairwise(cuts) if draw(st.booleans())]


@settings(max_examples=tried(80))
@given(document=documents(), scheme=st.sampled_from(["iob1", "iob2", "iobes"]))
def test_layers_are_read_again_and_all_other_columns_stay(
    document: tuple[str, list[list[str]], list[dict[str, list[Span]]], int],
    scheme: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    text, sentences, spans, before = document
    path = written(tmp_path_factory.getbasetemp(), text)
    assert tokens_of(path) == list(map(tuple, sentences))
    found = with_spans(path, spans, CHUNK_SIZE, ("t", "1 x")).decode()
    out = Path(written(tmp_path_factory.getbasetemp(), found, "out"))
    names = [name for name in features_in(found) if name not in features_in(text)]
    assert names == ["t_2.value" if "custom.t|" in text else "t.value", "_1_x.value"]
    for name, task in zip(names, ("t", "1 x"), strict=True):
        read = read_file(Task(name="x", format="webanno", tag_column=name, scheme=scheme, folder=out.parent), out)
        assert [list(sentence.tokens) for sentence in read] == sentences
        assert [sentence.tags for sentence in read] == [
            tags_of(own[task], len(words), scheme) for own, words in zip(spans, sentences, strict=True)
        ]
    old, new = text.replace("\r", "").split("\n"), found.replace("\r", "").split("\n")
    assert found.count("\r") in (0, found.count("\n"))
    added = [line for line in new if line.startswith("#T_SP=") and line not in old]
    assert added == [f"#T_SP=webanno.custom.{n.replace('.', '|')}" for n in names]
    cells = [line.split("\t") for line in new if line not in added]
    assert [
        "\t".join(own[: 3 + before] + own[5 + before :]) if own[0][:1].isdecimal() else "\t".join(own) for own in cells
    ] == old


def test_numbers_of_spans_are_new_in_the_whole_document(tmp_path: Path) -> None:
    rows = "".join(f"1-{at}\t{3 * at}-{3 * at + 2}\tab\tA[{at}]\t\n" for at in range(1, 9))
    path = written(tmp_path, f"#FORMAT=WebAnno TSV 3.2\n#T_SP=webanno.custom.A|value\n\n\n{rows}\n")
    spans = [{"t": [Span(0, 2, "x"), Span(3, 6, "x"), Span(6, 7, "x")], "u": [Span(0, 8, "")]}]
    found = [line.split("\t")[4:6] for line in with_spans(path, spans, CHUNK_SIZE, ("t", "u")).decode().split("\n")[6:]]
    used: dict[str, set[str]] = {}
    for cells in found[:8]:
        for column, cell in enumerate(cells):
            label, _, number = cell.rstrip("]").partition("[")
            used.setdefault(f"{column}{label}", set()).add(number)
    own = sorted(used["0x"] | used["1*"])
    assert used.keys() == {"0x", "0_", "1*"}
    assert len(own) == 4 and own[0] == "" and min(map(int, own[1:])) > 8
    assert with_spans(path, spans, CHUNK_SIZE, ("t", "u")).decode().count("*[") == 8


def test_pieces_of_webanno_tsv_give_what_one_piece_gives(tmp_path: Path) -> None:
    rows = "".join(
        f"#Text=Mika\n{n}-1\t{9 * n}-{9 * n + 4}\tMika\t_\t\n{n}-2\t{9 * n + 5}-{9 * n + 6}\t.\tA[{n}]\t\n\n"
        for n in range(1, 60)
    )
    path = written(tmp_path, f"#FORMAT=WebAnno TSV 3.2\n#T_SP=webanno.custom.A|value\n\n\n{rows}")
    spans = [{"t": [Span(0, 2, "x")]}] * 59
    assert len(list(read_chunks([path], APPEND, 100))) > 20
    assert with_spans(path, spans, 100) == with_spans(path, spans, CHUNK_SIZE)
