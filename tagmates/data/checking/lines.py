"""Warn about lines of tables that probably are not words, such as headers and comments."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path

from tagmates.data.corpora import paths_of
from tagmates.data.describing.header import looks_like_header
from tagmates.data.describing.sentence_rows import is_header_of_sentences
from tagmates.data.formats.rows import split_rows
from tagmates.data.formats.table import (
    TableLayout,
    TableRow,
    column_name,
    column_numbers,
    find_header,
    table_lines,
    table_rows,
)
from tagmates.data.formats.token_lines import index_of, read_text
from tagmates.data.task import Task
from tagmates.errors import DataError
from tagmates.formatting import plural, shown

_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|-+DOC[A-Z]*-+|#(?:begin|end) document.*|=+|\*+")  # lines between documents
_DOCUMENT = re.compile(r"[^\w\s]*DOC[-_]?(?:START|END)[^\w\s]*\d*")
_COMMENT = re.compile(r"(?:#+|%+|//+|;+|--+|/\*) ")
_MIN_QUOTED_SHARE = 0.9  # share of words in quotes, from which on it is taken for quotation of cells
SAMPLE_ROWS = 500  # rows by which a header is recognised


def irregular_lines(task: Task, split: str) -> Iterator[str]:
    """Yield FILE:LINE and a warning for odd lines: headers, comments, marks, quotes, other numbers of columns.

    Yields nothing for a file that cannot be read, since its errors are reported elsewhere.
    """
    for path in paths_of(task, split):
        try:
            text = read_text(path, task.encoding).removeprefix("\ufeff")
            if task.sentence_rows:
                yield from _header_of_sentences(text, task.table, path)
                continue
            rows = _rows(text, task.table, path)
        except DataError:
            continue
        if rows:
            yield from _skipped_first_word(text, rows, task.table, path)
            yield from _quotes(text, rows, task.table, path)
            yield from _oddities(rows, task.table, path)
            yield from _joined_sentences(text, rows, task.table, path)
            yield from _skipped_words(text, rows, task.table, path)


def _skipped_words(text: str, rows: Sequence[TableRow], layout: TableLayout, path: Path) -> Iterator[str]:
    """Yield lines that are skipped as comments, but have as many columns as words, and one of their tags."""
    if layout.comment is None or f"\n{layout.comment}" not in f"\n{text}":
        return
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
    tags = {row.cells[-1] for row in rows if len(row.cells) == width}
    used = {row.line for row in rows}
    for number, line, cells in table_lines(text, layout, str(path)):
        alike = line.startswith(layout.comment) and len(cells) == width and cells[-1] in tags
        if alike and number not in used:
            yield f"{path}:{number}: {shown(line)} is skipped as a comment, but looks like a word; correct comment"


def _header_of_sentences(text: str, layout: TableLayout, path: Path) -> Iterator[str]:
    """Yield a warning if the first row is probably a header, in files where each row is a sentence."""
    _, tag, _ = column_numbers(text, layout, str(path))
    rows = [] if layout.header else list(table_rows(text, layout, str(path)))
    cells = [row.cells for row in rows]
    if rows and is_header_of_sentences(cells, index_of(tag, len(cells[0]))):
        line = shown(_line(rows[0].cells, layout))
        yield f"{path}:{rows[0].line}: {line} looks like a header, and is read as a sentence; set header = true"


def _skipped_first_word(text: str, rows: Sequence[TableRow], layout: TableLayout, path: Path) -> Iterator[str]:
    """Yield a warning if the first line is skipped as the header, but has a tag of the other lines."""
    found = find_header(text, layout, str(path)) if layout.header else None
    if found is None:
        return
    line, cells = found
    _, column, _ = column_numbers(text, layout, str(path))
    tag, *others = (
        each[index_of(column, len(each))] for each in (cells, *(row.cells for row in rows)) if len(each) >= abs(column)
    )
    if tag in others:
        yield (
            f"{path}:{line}: {shown(_line(cells, layout))} is skipped as the header, but {shown(tag)} is also a tag of "
            "other lines; write a header before it"
        )


def _rows(text: str, layout: TableLayout, path: Path) -> list[TableRow]:
    """The rows of a text; only the first ones if all have equally many cells and nothing looks odd."""
    if layout.is_plain and not layout.header:
        at_once = split_rows(text, layout.separator, layout.comment)
        if at_once is not None and not any(sign in text for sign in ("\n#", "\n<", "DOC", '"')):
            text = "\n".join(text.split("\n", SAMPLE_ROWS)[:SAMPLE_ROWS])
    return list(table_rows(text, layout, str(path)))


def _quotes(text: str, rows: Sequence[TableRow], layout: TableLayout, path: Path) -> Iterator[str]:
    """Yield a warning if quotes that are not those of CSV would become a part of words."""
    column, _, _ = column_numbers(text, layout, str(path))
    words = [row.cells[index_of(column, len(row.cells))] for row in rows if len(row.cells) >= abs(column)]
    for quote in ("'", '"'):
        count = sum(len(word) > 1 and word[0] == word[-1] == quote for word in words)
        if count >= max(2, _MIN_QUOTED_SHARE * len(words)):
            yield (
                f"{path}: {count:,} of {len(words):,} words are in {quote}, which is read as a part of the word; take "
                'the quotes away, or write CSV with " and set format = "csv"'
            )
    escaped = next((row for row in rows if any('\\"' in cell for cell in row.cells)), None) if layout.quoted else None
    if escaped is not None:
        yield (
            f"{path}:{escaped.line}: has a backslash before a quote, which CSV reads as a part of the word: write the "
            "quote twice instead"
        )


def _oddities(rows: Sequence[TableRow], layout: TableLayout, path: Path) -> Iterator[str]:
    widths = Counter(len(row.cells) for row in rows)
    width = widths.most_common(1)[0][0]
    alike = _alike(rows)
    usual = [row.cells for row in rows[:SAMPLE_ROWS] if len(row.cells) == width]
    tags = {
        row.cells[-1]
        for row in rows
        if not (_COMMENT.match(f"{row.cells[0]} ") or row.cells[0][:1] == "#" or _MARKUP.fullmatch(row.cells[0]))
    }
    first = rows[0]
    before = -1
    for row in rows:
        where = f"{path}:{row.line}"
        begins, before = row.sentence != before, row.sentence
        odd = len(row.cells) != width and row.sentence not in alike
        line = _line(row.cells, layout)
        if (
            row is first
            and not layout.header
            and len(first.cells) == width
            and looks_like_header(first.cells, usual[1:])
        ):
            yield f"{where}: {shown(line)} looks like a header, and is read as a word; set header = true"
        elif (sign := _COMMENT.match(line)) and (odd or (begins and row.cells[-1] not in tags)):
            inside = layout.comment and line.startswith(layout.comment)
            what = "set comments_inside = true too" if inside else f'set comment = "{sign[0]}"'
            yield f"{where}: {shown(line)} looks like a comment, and is read as a word; {what}"
        elif _DOCUMENT.fullmatch(row.cells[0]) or (
            _MARKUP.fullmatch(row.cells[0]) and (odd or row.cells[-1] not in tags)
        ):
            what = "looks like a mark between documents, and is read as a word; delete it, or set comment"
            yield f"{where}: {shown(line)} {what}"
        elif odd:
            yield (
                f"{where}: has {plural(len(row.cells), 'column')}, but other lines have {width}: is there a separator "
                f"in a word or in a tag? The line is {shown(line)}"
            )
        elif not layout.quoted and any(
            '""' in cell and len(cell) > 2 and _QUOTED.fullmatch(cell) for cell in row.cells
        ):
            yield f'{where}: {shown(line)} has quotes as in CSV, which are read as part of the word; set format = "csv"'


def _joined_sentences(text: str, rows: Sequence[TableRow], layout: TableLayout, path: Path) -> Iterator[str]:
    """Yield the first row of another document inside a sentence, where sentences are told by their numbers.

    A column of documents has every value in one run of rows.
    """
    if not layout.sentence_columns:
        return
    _, names = (find_header(text, layout, str(path)) if layout.header else None) or (1, [])
    for number, column in enumerate(zip(*(row.cells for row in rows), strict=False), start=1):
        runs = [value for value, _ in groupby(column)]
        if 1 < len(runs) == len(set(runs)) <= len(rows) / 2:
            for (before, former), (row, value) in pairwise(zip(rows, column, strict=False)):
                if row.sentence == before.sentence and value != former:
                    both = json.dumps([column_name(number, names), *layout.sentence_columns], ensure_ascii=False)
                    yield (
                        f"{path}:{row.line}: {shown(value)} begins inside a sentence, which began in {shown(former)}: "
                        f"sentence numbers start again there; set sentence_column = {both}"
                    )
                    return


def _alike(rows: Sequence[TableRow]) -> set[int]:
    """The sentences of several rows with equally many cells; in files with a column per predicate these are usual."""
    widths: dict[int, set[int]] = {}
    sizes = Counter(row.sentence for row in rows)
    for row in rows:
        widths.setdefault(row.sentence, set()).add(len(row.cells))
    return {sentence for sentence, found in widths.items() if len(found) == 1 and sizes[sentence] > 1}


def _line(cells: Sequence[str], layout: TableLayout) -> str:
    return (layout.separator or " ").join(cells)
