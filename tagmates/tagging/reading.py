"""The sentences of input files, read lazily, chunk by chunk."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from io import BytesIO

from tagmates.data.formats.json_list import list_items, list_start
from tagmates.data.tokenize import sentences_of
from tagmates.errors import DataError
from tagmates.tagging.chunks import Chunk, display_name, read_chunks
from tagmates.tagging.input_sentences import InputSentence, sentences_in_lines
from tagmates.tagging.read_options import ReadOptions


def read_input(files: Sequence[str], options: str | ReadOptions) -> Iterator[tuple[str, ...]]:
    """Yield the words of each sentence of the files; ``-`` is stdin.

    ``options`` may also be the name of a format such as text. Raises DataError for a file that cannot be read or is
    not text, and if the files hold no word at all.
    """
    empty = True
    for chunk in read_chunks(files, options):
        for words in read_chunk(chunk):
            empty = False
            yield words.tokens
    if empty:
        raise no_words(files)


def read_chunk(chunk: Chunk) -> Iterator[InputSentence]:
    """Yield the sentences of a chunk.

    In raw text a blank line always ends a sentence. Raises the chunk's own error. Raises DataError for bytes that are
    not UTF-8, after the sentences before them.
    """
    return sentences_of_lines(chunk, *lines_of(chunk))


def lines_of(chunk: Chunk) -> tuple[list[str], DataError | None]:
    """The lines of a chunk, with their line ends. If a line is not text: the lines before it, and the error.

    Instead of lines, a JSON list has its items at odd indices, and what stands before, between and behind them at even
    ones.
    """
    if chunk.error:
        raise chunk.error
    lines: list[str] = []
    error = None
    try:
        lines.extend(_decoded(chunk))
    except DataError as wrong:
        error = wrong
    if chunk.options.kind == "json":
        lines = _items_and_between("".join(lines), chunk.record)
    return lines, error


def sentences_of_lines(chunk: Chunk, lines: Sequence[str], error: DataError | None = None) -> Iterator[InputSentence]:
    """Yield the sentences in the lines of a chunk, then raise the ``error`` that follows them, if there is one."""
    lines = list(lines)
    while error and lines and lines[-1].strip() and chunk.options.kind not in ("lines", "jsonl", "json"):
        lines.pop()  # they belong to a sentence whose end is not known
    if chunk.options.kind == "text":
        yield from _paragraphs(lines, chunk.characters, chunk.options.marks)
    else:
        first = chunk.record if chunk.options.kind == "json" else chunk.line
        yield from sentences_in_lines(lines, chunk.options, chunk.name, first)
    if error:
        raise error


def no_words(files: Iterable[str]) -> DataError:
    """The error for input without a word."""
    return DataError(f"{', '.join(map(display_name, files))}: holds no word to tag; give a file or pipe text in")


def _items_and_between(text: str, record: int) -> list[str]:
    """The items of a list and what stands between them; after an error, the text may end inside an item."""
    parts, at = [], 0
    with suppress(json.JSONDecodeError):
        for item in list_items(text, list_start(text, "") if record == 1 else 0, first=record == 1):
            parts += [text[at : item.start], text[item.start : item.end]]
            at = item.end
    return [*parts, text[at:]]


def _decoded(chunk: Chunk) -> Iterator[str]:
    before = chunk.column  # bytes of the first line that are in other chunks
    for number, line in enumerate(BytesIO(chunk.data), chunk.line):
        if b"\0" in line:
            raise DataError(f"{chunk.name}:{number}: has a NUL character; give a text file, or name its --encoding")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            place = f"{chunk.name}:{number}: is not UTF-8 (byte {before + error.start + 1})"
            raise DataError(f"{place}; convert it first, or name its --encoding, as latin-1") from None
        before = 0


def _paragraphs(lines: Iterable[str], start: int, marks: frozenset[str]) -> Iterator[InputSentence]:
    paragraph: list[str] = []
    for line in lines:
        if line.strip():
            paragraph.append(line)
            continue
        text = "".join(paragraph)
        yield from _shifted(text, start, marks)
        start += len(text) + len(line)
        paragraph = []
    yield from _shifted("".join(paragraph), start, marks)


def _shifted(text: str, start: int, marks: frozenset[str]) -> Iterator[InputSentence]:
    for sentence in sentences_of(text, marks):
        yield InputSentence(
            tuple(token.text for token in sentence),
            offsets=tuple((token.start + start, token.end + start) for token in sentence),
        )
