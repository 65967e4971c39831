"""Text to be tagged, read lazily; tagged sentences, written as they come."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol, TextIO

from tagmates.data.formats.columns import format_columns, parse_columns
from tagmates.data.sentence import Sentence
from tagmates.data.tokenize import sentences_of
from tagmates.errors import ConfigError, DataError


class TaggedSentence(Protocol):
    """Tokens, and per task a tag for each."""

    @property
    def tokens(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def tags(self) -> Mapping[str, Sequence[str]]: ...  # noqa: D102


def read_input(files: Iterable[str], kind: str) -> Iterator[tuple[str, ...]]:
    """The sentences of text files (``-`` is stdin) as words; ``kind`` is text or conll (words in the first column).

    Text is read paragraph by paragraph: a blank line ends a sentence. Raises DataError for a file that cannot be read
    or is not UTF-8, and where no word was found at all.
    """
    if kind not in ("text", "conll"):
        raise ConfigError(f"--input {kind}: choose text or conll")
    names = []
    empty = True
    for file in files:
        name = "standard input" if file == "-" else file
        names.append(name)
        lines = _decoded(_lines(file, name), name)
        for sentence in _paragraphs(lines) if kind == "text" else (s.tokens for s in _columns(lines, name)):
            empty = False
            yield sentence
    if empty:
        raise DataError(f"{', '.join(names)}: holds no word to tag; give a file or pipe text in")


def write_conll(sentences: Iterable[TaggedSentence], tasks: Sequence[str], stream: TextIO) -> None:
    """A word a line: the token and a column per task, after a comment line that names them."""
    heading = "# " + "\t".join(["token", *tasks]) + "\n"
    rows = (zip(s.tokens, *(s.tags[task] for task in tasks), strict=True) for s in sentences)
    for text in format_columns(rows):
        stream.write(heading + text)  # nothing at all where the first sentence cannot be read
        heading = ""


def write_json_lines(sentences: Iterable[TaggedSentence], tasks: Sequence[str], stream: TextIO) -> None:
    """A sentence a line: ``{"tokens": [...], "tags": {"upos": [...], ...}}``."""
    for sentence in sentences:
        tags = {task: list(sentence.tags[task]) for task in tasks}
        stream.write(json.dumps({"tokens": list(sentence.tokens), "tags": tags}, ensure_ascii=False) + "\n")


def _lines(file: str, name: str) -> Iterator[bytes]:
    if sys.stdin is None and file == "-":
        raise DataError(f"{name}: is closed; give a file or pipe text in")
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as lines:
            yield from lines
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror}); give a text file, or '-' for stdin") from None


def _decoded(raw: Iterable[bytes], name: str) -> Iterator[str]:
    for number, line in enumerate(raw, 1):
        if b"\0" in line:
            raise DataError(f"{name}:{number}: has a NUL character; give a text file in UTF-8")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{name}:{number}: is not UTF-8 (byte {error.start + 1}); convert it first") from None


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


def _columns(lines: Iterable[str], name: str) -> Iterator[Sentence]:
    return parse_columns(lines, name, tag_column=None, comment="# ")
