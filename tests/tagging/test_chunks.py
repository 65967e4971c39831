"""Input in pieces: nothing is lost, sentences stay whole, and whatever comes in, a piece is not long."""

from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagmates.errors import DataError
from tagmates.tagging.chunks import Piece, read_pieces, size_of
from tagmates.tagging.reading import Reading
from tagmates.tagging.text import read_input, read_piece

NASTY = st.lists(
    st.sampled_from(
        [b"\n", b"\r\n", b"\r", b" ", b"\t", b". ", b'"', b"A", b"b", "ß".encode(), "日".encode(), b"\xff", b"\0"]
    ),
    max_size=120,
).map(b"".join)
SENTENCES = (
    "The baker gave up .",
    "Dr. Miller didn't like it!",
    '"Really?" he asked.',
    "We saw the U.S. Senate vote on Friday.",
    "It was 5 p.m. in Oslo…",
    "1. Open the box.",
    'Anna said: "No."',
    "日本 is far.",
)
PARAGRAPHS = st.lists(
    st.lists(st.tuples(st.sampled_from(SENTENCES), st.sampled_from([" ", "\n", "\r\n"])), min_size=1, max_size=30).map(
        lambda rows: "".join(sentence + end for sentence, end in rows)
    ),
    max_size=8,
)
LONG = 200  # bytes of a piece in which there is room for sentences


def pieces_of(folder: Any, content: bytes, kind: str | Reading, size: int) -> list[Piece]:
    path = folder.getbasetemp() / "input"
    path.write_bytes(content)
    return list(read_pieces([str(path)], kind, size))


def sentences_of(pieces: list[Piece]) -> list[tuple[str, ...]]:
    return [sentence.tokens for piece in pieces for sentence in read_piece(piece)]


@settings(deadline=None)
@given(content=NASTY, size=st.integers(4, 40))
def test_pieces_are_the_input_and_know_where_they_stand(content: bytes, size: int, tmp_path_factory: Any) -> None:
    pieces = pieces_of(tmp_path_factory, content, "text", size)
    assert b"".join(piece.data for piece in pieces) == content
    assert all(0 < len(piece.data) <= 2 * size for piece in pieces)
    assert all(len(piece.data) >= size for piece in pieces[:-1])
    starts = accumulate((len(piece.data) for piece in pieces), initial=0)
    for piece, start in zip(pieces, starts, strict=False):
        before = content[:start]
        assert (piece.line, piece.column) == (before.count(b"\n") + 1, start - before.rfind(b"\n") - 1)
        assert not (before.endswith(b"\r") and piece.data.startswith(b"\n"))


@settings(deadline=None)
@given(content=st.text(st.sampled_from("aß日🙂 \n"), max_size=120), size=st.integers(4, 40))
def test_characters_stay_whole(content: str, size: int, tmp_path_factory: Any) -> None:
    pieces = pieces_of(tmp_path_factory, content.encode(), "text", size)
    assert "".join(piece.data.decode() for piece in pieces) == content


@settings(deadline=None)
@given(content=NASTY, size=st.integers(4, 40))
def test_what_is_left_makes_the_same_pieces(content: bytes, size: int, tmp_path_factory: Any) -> None:
    pieces = pieces_of(tmp_path_factory, content, "text", size)
    for i in range(len(pieces)):
        rest = b"".join(piece.data for piece in pieces[i:])
        again = pieces_of(tmp_path_factory, rest, "text", size)
        assert [piece.data for piece in again] == [piece.data for piece in pieces[i:]]


@settings(deadline=None, max_examples=50)
@given(
    paragraphs=PARAGRAPHS, size=st.integers(LONG, 3 * LONG), blank=st.sampled_from(["\n\n", "\r\n\r\n", "\n \t\n\n"])
)
def test_ordinary_text_has_the_sentences_that_it_has_in_one_piece(
    paragraphs: list[str], size: int, blank: str, tmp_path_factory: Any
) -> None:
    content = blank.join(paragraphs).encode()
    pieces = pieces_of(tmp_path_factory, content, "text", size)
    (whole,) = pieces_of(tmp_path_factory, content, "text", len(content) + 1) or [Piece("")]
    assert sentences_of(pieces) == sentences_of([whole])


WORDS = st.lists(st.sampled_from(["gull\tN", "#\tS", "# x", "ß N", "-DOCSTART- O"]), min_size=1, max_size=12)


@settings(deadline=None, max_examples=50)
@given(
    sentences=st.lists(WORDS.map("\n".join), max_size=8), size=st.integers(16, 60), end=st.sampled_from(["\n", "\r\n"])
)
def test_no_word_of_a_column_file_is_lost(sentences: list[str], size: int, end: str, tmp_path_factory: Any) -> None:
    content = "\n\n".join(sentences).replace("\n", end).encode()
    tabs = Reading("conll", 1, separator="\t")
    pieces = pieces_of(tmp_path_factory, content, tabs, size)
    assert b"".join(piece.data for piece in pieces) == content
    (whole,) = pieces_of(tmp_path_factory, content, tabs, len(content) + 1) or [Piece("")]
    # sentences that are longer than a piece come apart
    words = [[word for sentence in sentences_of(found) for word in sentence] for found in (pieces, [whole])]
    assert words[0] == words[1]


def test_a_column_file_is_cut_where_sentences_end_if_any_does(tmp_path_factory: Any) -> None:
    content = b"gulls\nsleep\n\n" * 100
    pieces = pieces_of(tmp_path_factory, content, "conll", 50)
    assert len(pieces) > 10
    assert sentences_of(pieces) == [("gulls", "sleep")] * 100


def test_a_line_of_words_that_never_ends_is_an_error_after_all_that_stands_before(tmp_path: Path) -> None:
    path = tmp_path / "long.conll"
    path.write_bytes(b"gull\tN\n\n" * 10 + b"x" * 500)
    *before, last = read_pieces([str(path)], "conll", 100)
    assert b"".join(piece.data for piece in before) == b"gull\tN\n\n" * 10
    with pytest.raises(DataError, match=r"long\.conll:21: is longer than 200 bytes; write one token a line"):
        list(read_piece(last))


@pytest.mark.parametrize("kind", ["text", "conll"])
@pytest.mark.parametrize(
    ("bad", "what"), [(b"Vard\xf8", r"is not UTF-8 \(byte 5\)"), (b"Var\0", "has a NUL character")]
)
def test_errors_name_the_line_of_the_file(kind: str, bad: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"\xef\xbb\xbf" + b"gull\n\n" * 1000 + bad + b"\n\n" + b"gull\n\n" * 10)
    pieces = list(read_pieces([str(path)], kind, 100))
    found = []
    with pytest.raises(DataError, match=rf"input:2001: {what}"):
        for piece in pieces:
            found.extend(sentence.tokens for sentence in read_piece(piece))
    assert found == [("gull",)] * 1000


def test_a_byte_of_a_line_that_is_cut_is_counted_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"gull " * 100 + b"\xf8")
    with pytest.raises(DataError, match=r"input:1: is not UTF-8 \(byte 501\)"):
        for piece in read_pieces([str(path)], "text", 100):
            list(read_piece(piece))


def test_pieces_end_where_files_do_and_with_the_first_that_is_missing(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("a", "none", "a")]
    (tmp_path / "a").write_bytes(b"gulls\nsleep")
    first, second = read_pieces(files, "text")
    assert (first.data, first.error) == (b"gulls\nsleep", None)
    assert str(second.error).startswith(f"{tmp_path / 'none'}: cannot be read (No such file or directory)")
    with pytest.raises(DataError, match="cannot be read"):
        list(read_input(files, "text"))
    assert size_of(files[:1]) == 11
    assert size_of(files) is None
    assert size_of(["-"]) is None
