r"""Tables beyond plain column files: CSV with quotes, header lines, sentences marked by a column, and others.

CSV is read by Python's ``csv``: a cell in double quotes may contain the separator and line ends, and a double quote in
it is written twice. The header is the first line that is neither blank nor a comment; it names the columns. Files that
were put together repeat it, so other rows with the same names are headers too. A sentence ends

* at a blank line or row;
* with ``sentence_columns``, before each row with a new value in one of these columns (an empty cell, or pandas'
  ``NaN``, repeats the value above);
* with ``sentence_end``, after each row with this word in some cell, alone or between bars;
* with ``markup``, at each line with the tag ``<s>`` or ``</s>``; lines with other tags are skipped.

With ``sentence_rows`` each row is a sentence: one cell holds its words and another its tags, separated by white space
or as a list written by Python, JSON or numpy. Everything wrong in a file is a ``DataError`` that starts with
``FILE:LINE``.
"""

import csv
import io
import re
import tokenize
from ast import literal_eval
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tagmates.data.formats.columns import CELL, parse_text, split_cells
from tagmates.data.formats.token_lines import (
    cell_in,
    check_characters,
    is_token_line,
    pair_in,
    read_text,
    require_sentences,
)
from tagmates.data.sentence import Sentence
from tagmates.errors import DataError
from tagmates.formatting import first_of, plural, shown, suggestion

Column = int | str
MARKUP = re.compile(r"<[/?!]?[A-Za-z][^<>]*>")
_QUOTED_ITEM = re.compile(r"\s*\[\s*['\"]")
_NUMBERS = re.compile(r"[\[(]\s*(?:(?:[-+]?\d+(?:\.\d*)?|True|False)(?:\s*,\s*|\s+|(?=[\])])))+[\])]")
_BARE_TAGS = re.compile(r"\[\s*[^a-z\s,\[\]'\"]+(?:\s*,\s*[^a-z\s,\[\]'\"]+)+\s*\]")
SENTENCE_MARK = re.compile(r"</?s\b[^<>]*>")


def columns_in(value: Column | Sequence[Column] | None) -> tuple[Column, ...]:
    """The columns of a setting that names one, several or none."""
    if value is None:
        return ()
    return (value,) if isinstance(value, int | str) else tuple(value)


def column_name(number: int, names: Sequence[str]) -> Column:
    """What a column is called: its name in the header if it has one of its own, else its number, from 1."""
    name = names[number - 1] if number <= len(names) else ""
    return name if name and list(names).count(name) == 1 else number


@dataclass(frozen=True, slots=True)
class TableLayout:
    """The layout of a table, as a task describes it."""

    token_column: Column = 1
    tag_column: Column = 2
    separator: str | None = ","
    quoted: bool = True
    comment: str | None = None
    comments_inside: bool = False
    header: bool = False
    sentence_columns: tuple[Column, ...] = ()
    sentence_end: str | None = None
    sentence_rows: bool = False
    markup: bool = False
    signed_width: int = 0  # lines that begin like comments, but have so many cells, are rows; 0: all are comments
    names: tuple[str, ...] = ()  # of the columns, in a text whose header is ahead of it

    @property
    def is_plain(self) -> bool:
        """Whether the table is a plain column file, apart from its header."""
        more = self.comments_inside or self.sentence_rows or self.markup
        return not (self.quoted or more or self.sentence_columns or self.sentence_end)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row with a token: its cells, its line (of several, the first), and the number of its sentence, from 0."""

    cells: Sequence[str]
    line: int
    sentence: int

    @property
    def last_line(self) -> int:
        """The last of its lines."""
        return self.line + sum(cell.count("\n") for cell in self.cells)


def read_table(path: Path, layout: TableLayout, encoding: str = "utf-8") -> list[Sentence]:
    """The sentences of a file. Raises DataError if it cannot be read, lacks columns, or has no sentence."""
    text = read_text(path, encoding).removeprefix("\ufeff")
    token, tag, _ = column_numbers(text, layout, str(path))
    if layout.is_plain:
        blanked = _without_header(text, layout)
        found = parse_text(blanked, str(path), token, tag, layout.separator, layout.comment)
        return require_sentences(found, path)
    sentences: list[Sentence] = []
    for _, rows in groupby(table_rows(text, layout, str(path)), key=lambda row: row.sentence):
        words = [(row.line, *pair) for row in rows for pair in pairs_of(row, token, tag, layout, f"{path}:{row.line}")]
        if words:
            lines, tokens, tags = zip(*words, strict=True)
            sentences.append(Sentence(tokens, tags, lines[0]))
    return require_sentences(sentences, path)


def pairs_of(row: TableRow, token: int, tag: int, layout: TableLayout, where: str) -> list[tuple[str, str]]:
    """The token and tag of a row, or all tokens and tags of a row that is a sentence. Raises DataError."""
    words, tags = pair_in(row.cells, token, tag, where)
    if not layout.sentence_rows:
        check_lines(row.cells, (words, tags), layout, where)
        return [(words, tags)]
    tokens, labels = words_and_tags(words, tags, where)
    if len(tokens) != len(labels):
        raise DataError(
            f"{where}: has {plural(len(tokens), 'word')}, but {plural(len(labels), 'tag')}; give each word one tag"
        )
    return list(zip(tokens, labels, strict=True))


def is_several_rows(cell: str, separator: str, width: int) -> bool:
    """Whether a cell of several lines is rather several rows of so many cells, between two quotes that are words."""
    return "\n" in cell and cell.count(separator) >= width - 1


def check_lines(cells: Sequence[str], words: Sequence[str], layout: TableLayout, where: str) -> None:
    """Check the cells of several lines in the row of a word. ``words`` are those of the word and of its tag.

    Raises DataError if these have a line end, or if a cell with line ends looks like several rows: it stands between
    two double quotes that are words.
    """
    for cell in words:
        if "\n" in cell:
            raise DataError(f'{where}: {shown(cell)} has a line end in it; take it out, or write the word " as """"')
    for cell in cells:
        if is_several_rows(cell, layout.separator or ",", len(cells)):
            raise DataError(f'{where}: the cell {shown(cell)} looks like several rows; write the word " as """"')


def words_and_tags(words: str, tags: str, where: str) -> tuple[list[str], list[str]]:
    """The words and the tags in two cells, each separated by white space or as a list.

    A cell in brackets is a list if the other is one too, if its first item is in quotes, or if it has only numbers or
    tags in capitals: a text may have brackets.
    """
    bracketed = [is_list(cell) for cell in (words, tags)]
    found = [
        _list_in(cell, where) if all(bracketed) or (own and _QUOTED_ITEM.match(cell)) else _items_in(cell)
        for cell, own in zip((words, tags), bracketed, strict=True)
    ]
    return found[0], found[1]


def _items_in(cell: str) -> list[str]:
    """The words in a cell, or the numbers or tags of a list without quotes."""
    text = cell.strip()
    if _NUMBERS.fullmatch(text) or _BARE_TAGS.fullmatch(text):
        return re.split(r"[\s,]+", text[1:-1].strip(" ,"))
    return CELL.findall(cell)


def words_in(cell: str, where: str) -> list[str]:
    """The words in a cell, which are separated by white space, or a list. Raises DataError for a broken list."""
    return _list_in(cell, where) if is_list(cell) else CELL.findall(cell)


def is_list(cell: str) -> bool:
    """Whether a cell is in brackets."""
    return cell.strip().startswith("[") and cell.strip().endswith("]")


def _list_in(cell: str, where: str) -> list[str]:
    """The strings and numbers of a list, with or without commas."""
    items: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(cell.strip()).readline):
            if token.type == tokenize.STRING:
                items.append(_joined_halves(str(literal_eval(token.string))))
            elif token.type == tokenize.NUMBER:
                items.append(token.string)
            elif token.string.strip() not in ("", ",", "[", "]"):
                raise ValueError(f"{shown(token.string)} is not a string")
    except (tokenize.TokenError, SyntaxError, ValueError) as error:
        raise DataError(f"{where}: {shown(cell)} is not a list of strings ({error}); correct it") from None
    if not all(item.strip() for item in items) or any("\n" in item or "\r" in item for item in items):
        raise DataError(f"{where}: {shown(cell)} has an empty string or a line end in it; correct it")
    return items


def _joined_halves(text: str) -> str:
    r"""The text with whole characters in place of the halves in which JSON writes some, such as ``\ud83d\ude00``."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError("it has half a character") from None


def column_numbers(text: str, layout: TableLayout, name: str) -> tuple[int, int, tuple[int, ...]]:
    """The numbers of the columns of tokens, of tags and of sentences. Raises DataError for unknown names."""
    found = find_header(text, layout, name) if layout.header else None
    line, names = found if found else (1, [])
    columns = (layout.token_column, layout.tag_column, *layout.sentence_columns)
    token, tag, *of_sentence = (
        each if not isinstance(each, str) else _number(each, names, f"{name}:{line}") for each in columns
    )
    return token, tag, tuple(of_sentence)


def find_header(text: str, layout: TableLayout, name: str) -> tuple[int, list[str]] | None:
    """The line number of the header, and its names; None if all lines are blank or comments."""
    for number, line, cells in table_lines(text, layout, name):
        if line.strip() and not (layout.comment and line.startswith(layout.comment)):
            return number, [cell.strip() for cell in cells]
    return None


def table_rows(text: str, layout: TableLayout, name: str, *, first_line: int = 1) -> Iterator[TableRow]:
    """Yield the rows of a text that hold a token. Raises DataError for stray characters.

    ``first_line`` is the number of the first line of the text. Cells in quotes may have line ends.
    """
    header, names = 0, layout.names
    if layout.header and (found := find_header(text, layout, name)):
        header, names = found[0] + first_line - 1, tuple(found[1])
    _, _, of_sentence = column_numbers(text, layout, name)
    sentence = 0
    values = [""] * len(of_sentence)  # of the current sentence
    empty = True  # whether the current sentence has no row yet
    for number, line, cells in table_lines(text, layout, name, first_line):
        signed = layout.comment and line.startswith(layout.comment) and len(cells) != layout.signed_width
        if signed and (empty or layout.comments_inside):
            continue
        mark = layout.markup and MARKUP.fullmatch(line.strip())
        if mark and not SENTENCE_MARK.fullmatch(line.strip()):
            continue
        no_word = not is_token_line(line) or not any(cell.strip() for cell in cells)
        if mark or no_word or number == header or repeats_header(cells, names):
            sentence, empty = sentence + (not empty), True
            continue
        for at, column in enumerate(of_sentence):
            given = cell_in([cell or " " for cell in cells], column, "sentence", f"{name}:{number}").strip()
            if given not in ("", "NaN", values[at]):
                values[at] = given
                sentence, empty = sentence + (not empty), True
        yield TableRow(cells, number, sentence)
        empty = False
        ends = layout.sentence_end is not None and any(layout.sentence_end in cell.split("|") for cell in cells)
        if layout.sentence_rows or ends:
            sentence, empty = sentence + 1, True


def repeats_header(cells: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a row is the header again, which names several columns; perhaps behind a byte order mark."""
    found = (cell.strip().removeprefix("\ufeff") for cell in cells)
    return 1 < len(names) == len(cells) and all(map(str.__eq__, found, names))


def table_lines(text: str, layout: TableLayout, name: str, first_line: int = 1) -> Iterator[tuple[int, str, list[str]]]:
    """Yield the number, the text and the cells of every line; for CSV, of every row, numbered by its first line."""
    if not layout.quoted:
        for number, raw in enumerate(text.split("\n"), start=first_line):
            line = raw.removesuffix("\r")
            check_characters(line, f"{name}:{number}")
            yield number, line, split_cells(line, layout.separator)
        return
    lines = (line.removesuffix("\r") + "\n" for line in text.split("\n"))
    reader = csv.reader(lines, delimiter=layout.separator or ",", strict=True)
    number = first_line
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{name}:{number}: is not CSV ({error}); close the quotes, or name the separator") from None
        if cells is None:
            return
        line = (layout.separator or ",").join(cells)
        check_characters(line.replace("\n", ""), f"{name}:{number}")
        yield number, line, cells
        number = reader.line_num + first_line


def _without_header(text: str, layout: TableLayout) -> str:
    """The text with a blank line in place of its header, and of each line that repeats it."""
    header = find_header(text, layout, "") if layout.header else None
    if header is None:
        return text
    first, names = header
    lines = text.split("\n")
    lines[first - 1] = ""
    for at, line in enumerate(lines):
        if names[0] in line and repeats_header(split_cells(line.removesuffix("\r"), layout.separator), names):
            lines[at] = ""
    return "\n".join(lines)


def _number(name: str, names: Sequence[str], where: str) -> int:
    if name not in names:
        there = f"the header names {first_of(names)}" if names else "there is no header"
        raise DataError(f"{where}: no column is called {name!r}{suggestion(name, names)}; {there}")
    if names.count(name) > 1:
        raise DataError(f"{where}: several columns are called {name!r}; give the number of one, from 1")
    return names.index(name) + 1
