r"""Helpers for all files with one token per line: their text, their blank lines, their cells.

A line ends with ``\n`` or ``\r\n`` only; ``str.splitlines`` would also split tokens at U+0085 or U+2028. Everything
wrong in a file is a ``DataError`` that starts with ``FILE:LINE``.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from tagmates.data.formats.decompression import read_bytes
from tagmates.data.formats.rows import is_document_line
from tagmates.data.sentence import Sentence
from tagmates.errors import DataError
from tagmates.formatting import plural

RowReader = Callable[[str, str, int], tuple[str, ...]]
"""(line, "FILE:LINE", position in the sentence from 1) → (token, tag), or () for a line to skip."""

COLUMN_ADVICE = "write one token a line with all its columns, or name other columns or another separator"


def sentences_in(lines: Iterable[str], name: str, read_row: RowReader, *, first_line: int = 1) -> Iterator[Sentence]:
    """Yield a sentence for each run of rows between blank lines; ``read_row`` reads each row."""
    rows: list[tuple[str, ...]] = []
    first = 0
    for number, raw in enumerate(chain(lines, [""]), start=first_line):  # the "" ends the last sentence
        line = raw.removesuffix("\n").removesuffix("\r")
        if is_token_line(line):
            where = f"{name}:{number}"
            check_characters(line, where)
            row = read_row(line, where, len(rows) + 1)
            if row:
                first = first if rows else number
                rows.append(row)
        elif rows:
            tokens, tags = zip(*rows, strict=True)
            yield Sentence(tokens, tags, first)
            rows = []


def is_token_line(line: str) -> bool:
    """Whether a line belongs to a sentence: it is neither blank nor a ``-DOCSTART-`` line."""
    return bool(line.strip()) and not is_document_line(line)


def pair_in(cells: Sequence[str], token_column: int, tag_column: int, where: str) -> tuple[str, ...]:
    """The token of a row and its tag. Raises DataError if one is missing."""
    token = cell_in(cells, token_column, "token", where)
    if token_column != tag_column and index_of(token_column, len(cells)) == index_of(tag_column, len(cells)):
        raise DataError(
            f"{where}: has {plural(len(cells), 'column')}, so column {tag_column} is the token, not a tag; "
            f"{COLUMN_ADVICE}"
        )
    return token, cell_in(cells, tag_column, "tag", where)


def cell_in(cells: Sequence[str], column: int, what: str, where: str) -> str:
    """The cell of a column, counted from 1, or from -1 for the last. Raises DataError if it is missing or empty."""
    index = index_of(column, len(cells))
    if not 0 <= index < len(cells):
        raise DataError(
            f"{where}: has {plural(len(cells), 'column')}, but the {what} is in column {column}; {COLUMN_ADVICE}"
        )
    if not cells[index]:
        end = "write a blank line if a sentence ends here, " if what == "token" else ""
        raise DataError(f"{where}: the {what} in column {column} is empty; fill it in, {end}or name another separator")
    return cells[index]


def index_of(column: int, width: int) -> int:
    """The index of a column, from 0, in a row of this width. It may lie outside of the row."""
    return column - 1 if column > 0 else width + column


def check_characters(line: str, where: str) -> None:
    """Raise DataError for a NUL or a stray line end."""
    if "\0" in line:
        raise DataError(f"{where}: has a NUL character; give a text file, or name its encoding (is it UTF-16?)")
    if "\r" in line or "\n" in line:  # otherwise an old Macintosh file would be one sentence with wrong columns
        raise DataError(f"{where}: has a line end inside a line; end lines with \\n or \\r\\n only")


def read_text(path: Path, encoding: str) -> str:
    """The characters of a file, unchanged, or of what is packed in it. Raises DataError if it cannot be read."""
    try:
        data = read_bytes(path)
    except UnicodeEncodeError as error:
        there = sys.getfilesystemencoding()
        raise DataError(
            f"{path}: cannot be read: file names of this locale are in {there}; set PYTHONUTF8=1"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        advice = "write / between folders" if "\\" in str(path) else "check the path and its permissions"
        raise DataError(f"{path}: cannot be read ({reason}); {advice}") from error
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = _line_ends(error.object[: error.start], encoding) + 1
        bad = f"byte 0x{error.object[error.start]:02x}"
        raise DataError(f"{path}:{line}: {bad} is not {encoding}; name the file's encoding, or repair it") from error
    except (LookupError, ValueError) as error:
        raise DataError(
            f"{path}: {encoding!r} is not a text encoding; name one such as 'utf-8' or 'latin-1'"
        ) from error


def _line_ends(data: bytes, encoding: str) -> int:
    try:
        return data.decode(encoding, "ignore").count("\n")
    except UnicodeError:  # idna and punycode ignore nothing
        return data.count(b"\n")


def require_sentences(
    sentences: Iterable[Sentence], path: Path, advice: str = "give a file with one token a line"
) -> list[Sentence]:
    """Return the sentences as a list. Raises DataError, with this advice, if there is none."""
    found = list(sentences)
    if not found:
        raise DataError(f"{path}: holds no sentence; {advice}")
    return found
