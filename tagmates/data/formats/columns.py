"""Column files → ``Sentence``, and back: one token per line, an empty line after each sentence."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tagmates.data.formats.rows import split_rows
from tagmates.data.formats.token_lines import (
    RowReader,
    check_characters,
    index_of,
    is_token_line,
    pair_in,
    read_text,
    require_sentences,
    sentences_in,
)
from tagmates.data.sentence import Sentence
from tagmates.errors import ConfigError, DataError

COMMENT_INSIDE_SENTENCE = "comments count only before a sentence; set comments_inside = true to skip this line"
# Not `str.split()`: a no-break space inside a token ("10 000") would silently move the tag to another column.
CELL = re.compile(r"[^ \t\v\f]+")


def parse_columns(
    lines: Iterable[str],
    name: str,
    *,
    token_column: int = 1,
    tag_column: int = 2,
    separator: str | None = None,
    comment: str | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a column file's ``lines``, with or without their line ends.

    ``name`` is used in messages. Columns count from 1, or from -1 for the last. ``separator`` None is any run of ASCII
    white space; with a separator, cells may contain white space. Blank lines and ``-DOCSTART-`` lines end a sentence.
    Lines that start with ``comment`` are skipped, but only before the first token of a sentence: ``#`` can be a token.
    Raises ConfigError for columns or separators that cannot work, DataError for missing columns, empty cells and stray
    control characters.
    """
    return sentences_in(lines, name, column_reader(token_column, tag_column, separator, comment))


def column_reader(token_column: int, tag_column: int, separator: str | None, comment: str | None) -> RowReader:
    """A reader of the token and the tag of a row; see ``parse_columns``."""
    check_columns((token_column, tag_column), separator, comment)

    def read_row(line: str, where: str, position: int) -> tuple[str, ...]:
        if comment and position == 1 and line.startswith(comment):
            return ()
        cells = split_cells(line, separator)
        try:
            return pair_in(cells, token_column, tag_column, where)
        except DataError as error:
            if not comment or not line.startswith(comment):
                raise
            raise DataError(f"{error}; {COMMENT_INSIDE_SENTENCE}") from None

    return read_row


def read_columns(
    path: Path,
    *,
    encoding: str = "utf-8",
    token_column: int = 1,
    tag_column: int = 2,
    separator: str | None = None,
    comment: str | None = None,
) -> list[Sentence]:
    """Read a column file; see ``parse_columns``. A byte order mark and a missing last line end are accepted.

    Raises DataError also for a file that cannot be read or decoded, or that holds no sentence.
    """
    check_columns((token_column, tag_column), separator, comment)
    text = read_text(path, encoding).removeprefix("\ufeff")
    return require_sentences(parse_text(text, str(path), token_column, tag_column, separator, comment), path)


def parse_text(
    text: str, name: str, token_column: int, tag_column: int, separator: str | None, comment: str | None
) -> Iterable[Sentence]:
    """The sentences of a whole text, as ``parse_columns`` finds them; faster if all rows have equally many cells."""
    return _columns_at_once(text, token_column, tag_column, separator, comment) or parse_columns(
        text.split("\n"),
        name,
        token_column=token_column,
        tag_column=tag_column,
        separator=separator,
        comment=comment,
    )


def _columns_at_once(
    text: str, token_column: int, tag_column: int, separator: str | None, comment: str | None
) -> list[Sentence] | None:
    """The sentences that ``parse_columns`` would find; None if the text needs to be read line by line."""
    rows = split_rows(text, separator, comment)
    if rows is None:
        return None
    columns = {token_column, tag_column}
    places = [index_of(column, rows.width) for column in (token_column, tag_column)]
    if not all(0 <= place < rows.width for place in places) or len(set(places)) < len(columns):
        return None
    tokens, tags = (rows.column(place) for place in places)
    if not all(token.strip() for token in set(tokens)) or "" in set(tags):
        return None
    return rows.sentences(tokens, tags)


def split_cells(line: str, separator: str | None) -> list[str]:
    """The cells of a line. The separator None, or ``whitespace``, is any run of ASCII white space."""
    return CELL.findall(line) if separator in (None, "whitespace") else line.split(separator)


def format_columns(sentences: Iterable[Iterable[Sequence[str]]], separator: str = "\t") -> Iterator[str]:
    """Yield the text of each sentence, given as rows of cells: one line per row, then an empty line.

    ``parse_columns`` with the same separator reads the same cells again. Raises DataError for cells that it could not
    read: a sentence without rows, an empty cell, a cell with a separator, line end or NUL, a ``-DOCSTART-`` row.
    """
    check_columns((), separator, None)
    for number, rows in enumerate(sentences, start=1):
        lines = [_format_row(row, separator, f"sentence {number}, row {at}") for at, row in enumerate(rows, start=1)]
        if not lines:
            raise DataError(f"sentence {number}: has no tokens, which a column file cannot express; leave it out")
        yield "\n".join([*lines, "", ""])


def check_columns(columns: Sequence[int], separator: str | None, comment: str | None) -> None:
    """Raise ConfigError for columns, separators or comment signs that cannot work."""
    if 0 in columns:
        raise ConfigError("there is no column 0; columns count from 1, or from -1 for the last")
    if separator == "" or comment == "":
        raise ConfigError("an empty separator or comment sign cannot work; give None for white space or no comments")


def _format_row(row: Sequence[str], separator: str, where: str) -> str:
    line = separator.join(row)
    check_characters(line, where)
    if not all(row) or line.split(separator) != list(row) or not is_token_line(line):
        raise DataError(
            f"{where}: the cells {list(row)} could not be read back; choose another separator or other cells"
        )
    return line
