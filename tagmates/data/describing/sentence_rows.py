"""Recognise tables in which each row is a sentence, with its words in one cell and its tags in another."""

import csv
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from tagmates.data.describing.file_layout import FileLayout, UnreadFile
from tagmates.data.formats.columns import CELL
from tagmates.data.formats.table import words_and_tags
from tagmates.data.schemes import are_span_tags
from tagmates.errors import DataError
from tagmates.formatting import plural, shown


def sentence_rows_in(lines: Sequence[str], separator: str) -> FileLayout | UnreadFile | None:
    """The table, if each row is a sentence: in nearly all rows, two columns have equally many words, one of them tags.

    In the sample, the cells of other columns are repeated beside each word. If each row has several tags, but not as
    many as words, what was seen comes back.
    """
    quoted = any('"' in line for line in lines)
    rows = _rows_in(lines, separator, quoted=quoted)
    columns = _words_and_tags_in(rows)
    if columns is None:
        return _unequal_rows_in(rows[1:])
    token, tag = columns
    header = is_header_of_sentences(rows, tag)
    sample = list(_sentences_in(rows[header:], token, tag))
    if not sample:
        return None
    heading = tuple(cell.strip() for cell in rows[0]) if header else ()
    keys: dict[str, Any] = {"sentence_rows": True} | ({"header": True} if header else {})
    kind = "csv" if quoted else "columns"
    return FileLayout(kind, separator, len(rows[0]), heading, sample=sample, keys=keys)


def _unequal_rows_in(rows: Sequence[Sequence[str]]) -> UnreadFile | None:
    """What was seen, if each row has a text and several span tags, but not a tag for each word."""
    width = len(rows[0]) if rows else 0
    for tag in range(width if width > 1 else 0):
        tags = [_words_of(row, tag, tag) for row in rows]
        total = sum(map(len, tags))
        if total < 2 * len(rows) or not all(tags) or not are_span_tags({each for own in tags for each in own}):
            continue
        text = max((at for at in range(width) if at != tag), key=lambda at: sum(len(row[at]) for row in rows))
        for number, (row, own) in enumerate(zip(rows, tags, strict=True), start=2):
            words = _words_of(row, text, text)
            if len(words) != len(own):
                return UnreadFile(
                    f"has a text and its tags in each row, but not a tag for each word: in row {number} "
                    f"{shown(row[text])} has {plural(len(words), 'word')} and {plural(len(own), 'tag')}; "
                    "write spaces between all words, also before a full stop"
                )
    return None


def _rows_in(lines: Sequence[str], separator: str, *, quoted: bool) -> list[list[str]]:
    """The rows with as many cells as the last one; none if these are not nearly all, or if the lines are not CSV."""
    rows: list[list[str]] = []
    try:
        text = (line + "\n" for line in lines)
        rows.extend(
            csv.reader(text, delimiter=separator, strict=True) if quoted else (t[:-1].split(separator) for t in text)
        )
    except csv.Error:
        if len(rows) < 50:  # otherwise the lines that were read end inside a cell
            return []
    rows = [row for row in rows if any(map(str.strip, row))]
    fitting = [row for row in rows if len(row) == len(rows[-1])]
    return fitting if len(fitting) >= 0.95 * len(rows) else []


def _words_and_tags_in(rows: Sequence[Sequence[str]]) -> tuple[int, int] | None:
    """The columns of words and of tags, from 0; None if there are none. The words are the most different ones."""
    width = len(rows[0]) if rows else 0
    if len(rows) < 2 or not 2 <= width <= 20:
        return None
    best: tuple[int, int, int] | None = None
    for tag, token in product(range(width), repeat=2):
        words = _words_in(rows[1:], token, tag) if token != tag else []
        total = sum(map(len, words))
        if len(words) < 0.8 * len(rows[1:]) or total < 2 * len(words):
            continue
        forms, tags = ({pair[at] for sentence in words for pair in sentence} for at in (0, 1))
        if len(tags) <= max(20, total // 5) and len(tags) < len(forms) and (not best or len(forms) > best[0]):
            best = len(forms), token, tag
    return best[1:] if best else None


def _sentences_in(rows: Sequence[Sequence[str]], token: int, tag: int) -> Iterator[list[list[str]]]:
    """Yield the cells beside each word of the rows that have equally many words and tags."""
    for row in rows:
        for sentence in _words_in([row], token, tag):
            columns = [_words_of(row, token, at) or [row[at]] * len(sentence) for at in range(len(row))]
            columns[token] = [word for word, _ in sentence]
            if all(len(column) == len(sentence) for column in columns):
                yield [list(cells) for cells in zip(*columns, strict=True)]


def _words_in(rows: Sequence[Sequence[str]], token: int, tag: int) -> list[list[tuple[str, str]]]:
    """The words and tags of each row that has equally many of both."""
    found = []
    for row in rows:
        tags = _words_of(row, token, tag)
        words = _words_of(row, tag, token)
        if words and len(words) == len(tags):
            found.append(list(zip(words, tags, strict=True)))
    return found


def _words_of(row: Sequence[str], beside: int, at: int) -> list[str]:
    """The words in a cell; none if it is a broken list, or if the other cell has another number of words."""
    try:
        others, words = words_and_tags(row[beside], row[at], "")
    except DataError:
        return []
    return words if len(words) == len(others) else []


def is_header_of_sentences(rows: Sequence[Sequence[str]], tag: int) -> bool:
    """Whether the first row names the columns, in files where each row is a sentence: its tag occurs nowhere else."""
    first = rows[0][tag].strip() if len(rows[0]) > tag else ""
    return len(first.split()) == 1 and not any(
        first in CELL.findall(row[tag]) or repr(first) in row[tag] for row in rows[1:] if len(row) > tag
    )
