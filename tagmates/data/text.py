"""Text to be tagged, read lazily; tagged sentences, written as they come."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, Protocol, TextIO

from tagmates.data.formats.columns import format_columns, parse_columns
from tagmates.data.pieces import Piece, name_of, read_pieces
from tagmates.data.tokenize import sentences_of
from tagmates.errors import DataError

DIGITS = 4  # of a probability


class TaggedSentence(Protocol):
    """Tokens, and per task a tag for each and, if known, its probability."""

    @property
    def tokens(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def tags(self) -> Mapping[str, Sequence[str]]: ...  # noqa: D102

    @property
    def probabilities(self) -> Mapping[str, Sequence[float]] | None: ...  # noqa: D102


def read_input(files: Sequence[str], kind: str) -> Iterator[tuple[str, ...]]:
    """The sentences of text files (``-`` is stdin) as words; ``kind`` is text or conll (words in the first column).

    Raises DataError for a file that cannot be read or is not UTF-8, and where no word was found at all.
    """
    empty = True
    for piece in read_pieces(files, kind):
        for sentence in read_piece(piece, kind):
            empty = False
            yield sentence
    if empty:
        raise no_words(files)


def read_piece(piece: Piece, kind: str) -> Iterator[tuple[str, ...]]:
    """The sentences of a piece as words.

    Text is read paragraph by paragraph: a blank line ends a sentence. Raises the piece's own error, and DataError for
    what is not UTF-8, after the paragraphs or sentences before it.
    """
    if piece.error:
        raise piece.error
    lines = _decoded(piece)
    if kind == "text":
        return _paragraphs(lines)
    rows = parse_columns(lines, piece.name, tag_column=None, comment="# ", first_line=piece.line)
    return (sentence.tokens for sentence in rows)


def no_words(files: Iterable[str]) -> DataError:
    """What to raise where nothing is to be tagged."""
    return DataError(f"{', '.join(map(name_of, files))}: holds no word to tag; give a file or pipe text in")


def conll_heading(tasks: Sequence[str], *, probabilities: bool = False) -> str:
    """A comment line that names the columns of ``write_conll``."""
    return "# " + "\t".join(["token", *tasks, *(f"P({task})" for task in tasks if probabilities)]) + "\n"


def write_conll(sentences: Iterable[TaggedSentence], tasks: Sequence[str], stream: TextIO) -> None:
    """A word a line: the token, a column per task and, where they are known, one per task with the probabilities."""
    for text in format_columns(_rows(sentence, tasks) for sentence in sentences):
        stream.write(text)


def write_json_lines(sentences: Iterable[TaggedSentence], tasks: Sequence[str], stream: TextIO) -> None:
    """A sentence a line: ``{"tokens": [...], "tags": {"upos": [...], ...}}``, and ``"probabilities"`` if known."""
    for sentence in sentences:
        record: dict[str, Any] = {"tokens": sentence.tokens, "tags": {task: sentence.tags[task] for task in tasks}}
        if sentence.probabilities is not None:
            known = sentence.probabilities
            record["probabilities"] = {task: [round(p, DIGITS) for p in known[task]] for task in tasks}
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")


def _rows(sentence: TaggedSentence, tasks: Sequence[str]) -> Iterator[tuple[str, ...]]:
    known = sentence.probabilities or {}
    chances = ((f"{p:.{DIGITS}f}" for p in known[task]) for task in tasks if task in known)
    return zip(sentence.tokens, *(sentence.tags[task] for task in tasks), *chances, strict=True)


def _decoded(piece: Piece) -> Iterator[str]:
    before = piece.column  # bytes of the first line that are in other pieces
    for number, line in enumerate(BytesIO(piece.data), piece.line):
        if b"\0" in line:
            raise DataError(f"{piece.name}:{number}: has a NUL character; give a text file in UTF-8")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            place = f"{piece.name}:{number}: is not UTF-8 (byte {before + error.start + 1})"
            raise DataError(f"{place}; convert it first") from None
        before = 0


def _paragraphs(lines: Iterable[str]) -> Iterator[tuple[str, ...]]:
    paragraph: list[str] = []
    for line in lines:
        if line.strip():
            paragraph.append(line)
            continue
        yield from _words("".join(paragraph))
        paragraph = []
    yield from _words("".join(paragraph))


def _words(text: str) -> Iterator[tuple[str, ...]]:
    for sentence in sentences_of(text):
        yield tuple(token.text for token in sentence)
