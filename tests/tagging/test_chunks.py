"""tagmates.tagging.chunks: nothing is lost, sentences stay whole, and no chunk is long."""

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import tried

from tagmates.errors import DataError
from tagmates.tagging.chunks import Chunk, read_chunks, total_size
from tagmates.tagging.read_options import ReadOptions
from tagmates.tagging.reading import read_chunk, read_input

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
LONG = 200  # bytes of a chunk in which there is room for sentences


def pieces_of(folder: Any, content: bytes, kind: str | ReadOptions, size: int) -> list[Chunk]:
    path = folder.getbasetemp() / "input"
    path.write_bytes(content)
    return list(read_chunks([str(path)], kind, size))


def sentences_of(chunks: list[Chunk]) -> list[tuple[str, ...]]:
    return [sentence.tokens for chunk in chunks for sentence in read_chunk(chunk)]


@given(content=NASTY, size=st.integers(4, 40))
def test_pieces_are_the_input_and_know_where_they_stand(content: bytes, size: int, tmp_path_factory: Any) -> None:
    chunks = pieces_of(tmp_path_factory, content, "text", size)
    assert b"".join(chunk.data for chunk in chunks) == content
    assert all(0 < len(chunk.data) <= 2 * size for chunk in chunks)
    assert all(len(chunk.data) >= size for chunk in chunks[:-1])
    starts = accumulate((len(chunk.data) for chunk in chunks), initial=0)
    for chunk, start in zip(chunks, starts, strict=False):
        before = content[:start]
        assert (chunk.line, chunk.column) == (before.count(b"\n") + 1, start - before.rfind(b"\n") - 1)
        assert not (before.endswith(b"\r") and chunk.data.startswith(b"\n"))


@given(content=st.text(st.sampled_from("aß日🙂 \n"), max_size=120), size=st.integers(4, 40))
def test_characters_stay_whole(content: str, size: int, tmp_path_factory: Any) -> None:
    chunks = pieces_of(tmp_path_factory, content.encode(), "text", size)
    assert "".join(chunk.data.decode() for chunk in chunks) == content


@given(content=NASTY, size=st.integers(4, 40))
def test_what_is_left_makes_the_same_pieces(content: bytes, size: int, tmp_path_factory: Any) -> None:
    chunks = pieces_of(tmp_path_factory, content, "text", size)
    for i in range(len(chunks)):
        rest = b"".join(chunk.data for chunk in chunks[i:])
        again = pieces_of(tmp_path_factory, rest, "text", size)
        assert [chunk.data for chunk in again] == [chunk.data for chunk in chunks[i:]]


@settings(max_examples=tried(50))
@given(
    paragraphs=PARAGRAPHS, size=st.integers(LONG, 3 * LONG), blank=st.sampled_from(["\n\n", "\r\n\r\n", "\n \t\n\n"])
)
def test_ordinary_text_has_the_sentences_that_it_has_in_one_piece(
    paragraphs: list[str], size: int, blank: str, tmp_path_factory: Any
) -> None:
    content = blank.join(paragraphs).encode()
    chunks = pieces_of(tmp_path_factory, content, "text", size)
    (whole,) = pieces_of(tmp_path_factory, content, "text", len(content) + 1) or [Chunk("")]
    assert sentences_of(chunks) == sentences_of([whole])


WORDS = st.lists(st.sampled_from(["gull\tN", "#\tS", "# x", "ß N", "-DOCSTART- O"]), min_size=1, max_size=12)


@settings(max_examples=tried(50))
@given(
    sentences=st.lists(WORDS.map("\n".join), max_size=8), size=st.integers(32, 60), end=st.sampled_from(["\n", "\r\n"])
)
@example(sentences=["gull\tN\ngull\tN\ngull\tN\n# x\n# x\n# x\n# x\n# x\n# x\n# x\n# x\nß N"], size=32, end="\n")
def test_no_word_of_a_column_file_is_lost(sentences: list[str], size: int, end: str, tmp_path_factory: Any) -> None:
    content = "\n\n".join(sentences).replace("\n", end).encode()
    tabs = ReadOptions("conll", 1, separator="\t")
    chunks = pieces_of(tmp_path_factory, content, tabs, size)
    assert b"".join(chunk.data for chunk in chunks) == content
    (whole,) = pieces_of(tmp_path_factory, content, tabs, len(content) + 1) or [Chunk("")]
    # sentences that are longer than a chunk come apart
    words = [[word for sentence in sentences_of(found) for word in sentence] for found in (chunks, [whole])]
    assert words[0] == words[1]


def test_a_column_file_is_cut_where_sentences_end_if_any_does(tmp_path_factory: Any) -> None:
    content = b"gulls\nsleep\n\n" * 100
    chunks = pieces_of(tmp_path_factory, content, "conll", 50)
    assert len(chunks) > 10
    assert sentences_of(chunks) == [("gulls", "sleep")] * 100


def test_a_line_of_words_that_never_ends_is_an_error_after_all_that_stands_before(tmp_path: Path) -> None:
    path = tmp_path / "long.conll"
    path.write_bytes(b"gull\tN\n\n" * 10 + b"x" * 500)
    *before, last = read_chunks([str(path)], "conll", 100)
    assert b"".join(chunk.data for chunk in before) == b"gull\tN\n\n" * 10
    with pytest.raises(DataError, match=r"long\.conll:21: is longer than 200 bytes; write one token a line"):
        list(read_chunk(last))


@pytest.mark.parametrize("kind", ["text", "conll"])
@pytest.mark.parametrize(
    ("bad", "what"), [(b"Vard\xf8", r"is not UTF-8 \(byte 5\)"), (b"Var\0", "has a NUL character")]
)
def test_errors_name_the_line_of_the_file(kind: str, bad: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"\xef\xbb\xbf" + b"gull\n\n" * 1000 + bad + b"\n\n" + b"gull\n\n" * 10)
    chunks = list(read_chunks([str(path)], kind, 100))
    found = []
    with pytest.raises(DataError, match=rf"input:2001: {what}"):
        for chunk in chunks:
            found.extend(sentence.tokens for sentence in read_chunk(chunk))
    assert found == [("gull",)] * 1000


def test_a_byte_of_a_line_that_is_cut_is_counted_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"gull " * 100 + b"\xf8")
    with pytest.raises(DataError, match=r"input:1: is not UTF-8 \(byte 501\)"):
        for chunk in read_chunks([str(path)], "text", 100):
            list(read_chunk(chunk))


def test_pieces_end_where_files_do_and_with_the_first_that_is_missing(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("a", "none", "a")]
    (tmp_path / "a").write_bytes(b"gulls\nsleep")
    first, second = read_chunks(files, "text")
    assert (first.data, first.error) == (b"gulls\nsleep", None)
    assert str(second.error).startswith(f"{tmp_path / 'none'}: cannot be read (No such file or directory)")
    with pytest.raises(DataError, match="cannot be read"):
        list(read_input(files, "text"))
    assert total_size(files[:1]) == 11
    assert total_size(files) is None
    assert total_size(["-"]) is None


@pytest.mark.parametrize("pack", [gzip.compress, pytest.param(bz2.compress, marks=pytest.mark.slow), lzma.compress])
def test_a_packed_file_is_read_as_what_was_packed(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(b"gull\tN\nsleeps\tV\n\n" * 10_000)
    packed.write_bytes(pack(plain.read_bytes()))
    expected = [chunk.data for chunk in read_chunks([str(plain)], "auto")]
    assert [chunk.data for chunk in read_chunks([str(packed)], "auto")] == expected
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=BytesIO(packed.read_bytes())))
    assert [chunk.data for chunk in read_chunks(["-"], "columns")] == expected
    assert total_size([str(packed)]) is None


def test_what_stands_before_the_damage_of_a_packed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    words = [f"gull{number * 7919 % 100_003}" for number in range(100_000)]
    packed = gzip.compress("\n\n".join(words).encode())
    path.write_bytes(packed[: len(packed) // 2])
    *whole, last = read_chunks([str(path)], "text")
    assert b"".join(chunk.data for chunk in whole).startswith(b"gull0\n\ngull7919\n\n")
    with pytest.raises(DataError, match=r"cut\.gz: is packed, and damaged \(.*\); copy it again, or unpack it"):
        list(read_chunk(last))
