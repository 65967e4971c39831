"""Recognise a table from the lines of a file: its separator, comments, header and sentence boundaries."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from tagmates.data.describing.file_layout import FileLayout, UnreadFile
from tagmates.data.describing.grid import MARK_CHARACTERS, Grid, Line, begins_with, comment_sign, grid_of
from tagmates.data.describing.header import looks_like_header, names_words
from tagmates.data.describing.sentence_columns import MAX_SENTENCE_WORDS, by_sentence_keys
from tagmates.data.describing.sentence_rows import sentence_rows_in
from tagmates.data.formats.columns import CELL, split_cells
from tagmates.data.formats.rows import is_document_line
from tagmates.data.formats.table import MARKUP, is_several_rows, repeats_header
from tagmates.data.schemes import are_span_tags
from tagmates.formatting import shown

_SEPARATOR_LINE = re.compile(r"sep=.", re.IGNORECASE)
_SENTENCE_KEYS = {"sentence_column", "sentence_end"}
MIN_PADDED_SHARE = 0.05  # of rows with spaces around a cell, from which on tabs are only white space
MIN_ODD_SHARE = 0.03  # of the rows; if fewer have another number of cells, these are mistakes
MIN_COMMON_COLUMNS = 5  # of sentences that have different numbers of columns


def table_in(lines: Sequence[str], text: str) -> FileLayout | UnreadFile:
    """The table in the lines of a text, or what was seen if they are none.

    A first line ``sep=;``, which tells Excel the separator, is read as a comment.
    """
    if not lines or not _SEPARATOR_LINE.fullmatch(lines[0]):
        return _table_in(lines, text)
    found = _table_in(["", *lines[1:]], text)
    return replace(found, keys={"comment": "sep=", **found.keys}) if isinstance(found, FileLayout) else found


def _table_in(lines: Sequence[str], text: str) -> FileLayout | UnreadFile:
    for separator in (",", ";", "\t", "|"):
        if (rows_found := sentence_rows_in(lines, separator)) is not None:
            return rows_found
    reasons: list[str] = []
    for separator in (",", ";", "\t"):
        rows = _csv_rows(lines, separator)
        if rows and (found := _looked_at(rows, separator, text, quoted=True)):
            return UnreadFile(found) if isinstance(found, str) else found
    for separator in ("\t", ", ", "; ", "whitespace", ",", ";", "|"):
        rows = [Line(number, line, split_cells(line, separator)) for number, line in enumerate(lines, start=1)]
        found = _looked_at(_with_common_columns(rows), separator, text, quoted=False)
        if isinstance(found, FileLayout):
            return found
        reasons += [found] if found else []
    line = next((line.strip() for line in lines if line.strip()), "")
    if re.match(r"<[?!]?[A-Za-z]", line) and not (reasons and MARKUP.fullmatch(line)):
        return UnreadFile(
            f"is XML or HTML, which is not read (it begins with {shown(line)}): write one word a line with its tags"
        )
    if reasons:
        return UnreadFile(reasons[0])
    single = all(len(CELL.findall(line)) < 2 for line in lines)
    seen = "has one word on each line, without tags" if single else "has no columns that are equally many in its lines"
    return UnreadFile(f"{seen}; the first is {shown(line)}", "text")


def _with_common_columns(rows: Sequence[Line]) -> Sequence[Line]:
    """The rows with the columns that all have, if each sentence has its own number, as in CoNLL-2005 and CoNLL-2009.

    These have one more column for each predicate of the sentence. Other rows stay as they are.
    """
    filled = [(bool(row.text.strip()), row) for row in rows if not row.text.startswith("#")]
    blocks = [[row for _, row in block] for is_row, block in groupby(filled, key=lambda each: each[0]) if is_row]
    widths = [{len(row.cells) for row in block} for block in blocks]
    least = min(map(min, widths), default=0)
    long = sum(len(block) for block in blocks if len(block) > 2)
    uniform = all(len(own) == 1 for own in widths) and len({min(own) for own in widths}) > 1
    if not uniform or least < MIN_COMMON_COLUMNS or 2 * long < len(filled):
        return rows
    return [Line(row.number, row.text, row.cells[:least]) for row in rows]


def _csv_rows(lines: Sequence[str], separator: str) -> list[Line]:
    """The rows of CSV, if quotes or a header leave no doubt that it is CSV; else none."""
    rows: list[Line] = []
    # a quote that is written twice, or a separator that is in quotes
    twice, inside = (
        any(re.search(rf'(?:^|{separator})"(?:[^"]|"")*{sign}(?:[^"]|"")*"(?={separator}|$)', line) for line in lines)
        for sign in ('""', separator)
    )
    reader = csv.reader((line + "\n" for line in lines), delimiter=separator, strict=True)
    number = 1
    try:
        for cells in reader:
            rows.append(Line(number, lines[number - 1], cells))
            number = reader.line_num + 1
    except csv.Error:
        if number < len(lines) - 50:  # but not in the last lines that were read
            return []
    full = [row.cells for row in rows if any(map(str.strip, row.cells)) and not is_document_line(row.text)]
    if not full or any(is_several_rows(cell, separator, len(cells)) for cells in full for cell in cells):
        return []
    if _has_blanks_behind(lines, separator) and not (twice or inside):
        return []
    width = len(full[0])
    wrapped = all(re.fullmatch(r'(?:"[^"]*"[,;\t]?)+', row.text) for row in rows if row.text.strip())
    named = separator in (",", ";") and looks_like_header(full[0], full[1:])
    alike = sum(len(cells) == width for cells in full) / len(full)
    split = Counter(line.count(separator) for line in lines if line.strip())  # "<tab>" may also be two cells
    quoted = twice or (inside and alike > max(split.values()) / split.total())
    return rows if width > 1 and alike >= 0.95 and (quoted or wrapped or named) else []


def _has_blanks_behind(lines: Sequence[str], separator: str) -> bool:
    """Whether nearly every separator has a blank behind it, which CSV would read as a part of the next cell."""
    count = sum(line.count(separator) for line in lines)
    blanks = sum(line.count(f"{separator} ") for line in lines)
    return count > 0 and blanks > 0.95 * count


def _looked_at(rows: Sequence[Line], separator: str, text: str, *, quoted: bool) -> FileLayout | str:
    """The table that the rows are with this separator; a reason why not; or "" if they cannot be one."""
    grid = grid_of(rows, separator)
    if grid is None:
        return ""
    prose = _is_prose(grid)
    if not grid.fitting or prose or _is_list(grid) or _is_padded(grid):
        return _whole_texts([[row.cells for row in grid.fitting]]) if quoted and prose and grid.fitting else ""
    uneven = separator == "\t" and not quoted and _ends_with_tags(grid)
    if len(grid.odd) * 10 > len(grid.words) and not uneven:
        return _uneven(grid)
    heading, sentences = _without_header(grid)
    keys: dict[str, Any] = {"header": True} if heading else {}
    sample = [[row.cells for row in sentence if len(row.cells) == grid.width] for sentence in sentences]
    more, sample = by_sentence_keys([sentence for sentence in sample if sentence], heading)
    keys |= more
    reason = _why_no_sentences(grid, sample, text, header=bool(heading), endless=not _SENTENCE_KEYS & {*keys})
    if reason or not sample:
        return reason
    comments, signed, of_comments = _comments_of(grid, sentences)
    return FileLayout(
        "csv" if quoted else "columns",
        separator,
        grid.width,
        heading or _names_in(comments[: len(grid.comments)], grid.width),
        notes=_note_on_widths(grid),
        sample=sample,
        comments=comments,
        signed=signed,
        keys=keys | of_comments,
        uneven=uneven and not heading,
    )


def _ends_with_tags(grid: Grid) -> bool:
    """Whether many rows have another number of cells, and all end with tags of spans, as MeCab's lines may.

    A few such rows are rather mistakes, and so are rows that end with the tags of another column.
    """
    last = {row.cells[-1] for row in grid.fitting}
    alike = sum(row.cells[-1] in last for row in grid.odd)
    many = len(grid.odd) >= MIN_ODD_SHARE * len(grid.words)
    return many and alike >= 0.95 * len(grid.odd) and are_span_tags({row.cells[-1] for row in grid.words})


def _is_list(grid: Grid) -> bool:
    """Whether so many lines are indented that they are rather a list with levels."""
    named = looks_like_header(grid.filled[0].cells, [])
    indented = sum(row.text.startswith(" ") and bool(row.cells[0].strip()) for row in grid.filled[named:])
    shifted = grid.separator == "whitespace" and len(grid.sentences) > 1 and _is_shifted(grid.filled)
    return indented * 10 > len(grid.filled) and not shifted


def _is_prose(grid: Grid) -> bool:
    """Whether the lines are rather one paragraph of text, whose words or clauses look like cells."""
    if len(grid.sentences) != 1 or grid.separator == "\t":
        return False
    if grid.separator == "whitespace":
        return len(grid.words) < grid.width
    blanks = sum(" " in row.text for row in grid.filled)
    return blanks > 0.5 * len(grid.filled) and not names_words([row.cells for row in grid.fitting])


def _is_padded(grid: Grid) -> bool:
    """Whether tabs are only a part of the white space between the columns: then cells have spaces around them.

    A space around a word may also be a mistake, but one behind a line belongs to no tag. Tabs may also stand before or
    behind all lines.
    """
    if grid.separator != "\t":
        return False
    behind = any(row.cells[-1] != row.cells[-1].rstrip(" ") for row in grid.fitting)
    blank = sum(any(cell != cell.strip(" ") for cell in row.cells) for row in grid.fitting)
    filled = sum(any(map(str.strip, column)) for column in zip(*(row.cells for row in grid.fitting), strict=True))
    alike = all(len(CELL.findall(row.text)) == grid.width for row in grid.fitting)
    return filled == 1 or (alike and (behind or blank >= MIN_PADDED_SHARE * len(grid.fitting)))


def _without_header(grid: Grid) -> tuple[tuple[str, ...], Sequence[Sequence[Line]]]:
    """The names in the header, if there is one, and the sentences without it."""
    first, *others = grid.fitting
    if not looks_like_header(first.cells, [row.cells for row in others[:499]]):
        return (), grid.sentences
    names = tuple(cell.strip() for cell in first.cells)
    sentences = [[row for row in sentence if not repeats_header(row.cells, names)] for sentence in grid.sentences]
    return names, [sentence for sentence in sentences if sentence]


def _why_no_sentences(
    grid: Grid, sample: Sequence[Sequence[Sequence[str]]], text: str, *, header: bool, endless: bool
) -> str:
    """The reason to think that the rows are no words, or the only sentence is several; "" if there is none."""
    reason = _whole_texts(sample) if sample and grid.separator != "whitespace" else ""
    return reason or (_endless(sample[0], grid.inside, text, header) if endless and len(sample) == 1 else "")


def _comments_of(
    grid: Grid, sentences: Sequence[Sequence[Line]]
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]:
    """The comments, the lines of words that could be mistaken for them, and the keys for tasks.toml."""
    sign = comment_sign(grid.comments + grid.inside, [])
    inside = [line for line in grid.inside if sign and line.startswith(sign)]
    first = grid.words if inside else [sentence[0] for sentence in sentences]
    signed = tuple(row.text for row in first if row.text[:1] in MARK_CHARACTERS)
    all_markup = all(MARKUP.fullmatch(line.strip()) for line in grid.comments + inside)
    if sign and all_markup and begins_with(sign, signed):
        return (), signed, {"markup": True}
    keys = {"markup": True} if grid.markup else {}
    return tuple(grid.comments + inside), signed, keys | ({"comments_inside": True} if inside else {})


def _note_on_widths(grid: Grid) -> tuple[str, ...]:
    """A note on lines that have fewer or more columns than most, if there are any."""
    if not grid.odd:
        return ()
    places = ", ".join(str(row.number) for row in grid.odd[:5])
    verb = "does" if len(grid.odd) == 1 else "do"
    return (
        f"{len(grid.odd)} of the first {len(grid.words)} lines {verb} not have {grid.width} columns: line {places}",
    )


def _names_in(comments: Sequence[str], width: int) -> tuple[str, ...]:
    """The names of the columns, each one word, from the first comment that has so many; none if no comment has."""
    heads = (tuple(re.sub("^# ?", "", line).split("\t")) for line in comments)
    return next((names for names in heads if len(names) == width and all(re.fullmatch(r"\S+", n) for n in names)), ())


def _endless(sentence: Sequence[Sequence[str]], inside: Sequence[str], text: str, header: bool) -> str:
    """The reason to think that the only sentence of a file is several; "" if it may be one."""
    mark = next((line for line in inside if line[0] == "<"), None)
    if mark:
        return (
            f"has no blank line, but lines such as {shown(mark)}: put a blank line after each sentence in their place"
        )
    words = sum(1 for line in text.split("\n") if line.strip()) - header
    return (
        ""
        if len(sentence) <= MAX_SENTENCE_WORDS
        else (f"has no blank line: one sentence of {words:,} words; put a blank line after each sentence")
    )


def _whole_texts(sample: Sequence[Sequence[Sequence[str]]]) -> str:
    """The reason to think that rows hold texts and not words; "" if they do not."""
    columns = list(zip(*(cells for sentence in sample for cells in sentence), strict=True))
    for at, column in enumerate(columns, start=1):
        texts = list(dict.fromkeys(cell for cell in column if len(cell.split()) > 2))
        if 2 * len(texts) > len(column):
            return (
                f"has whole texts in column {at}, such as {shown(texts[0])}: write one word a line with its tags; or "
                "export texts with spans as JSON"
            )
    return ""


def _is_shifted(rows: Sequence[Line]) -> bool:
    """Whether all lines begin with equally many spaces; if not, they may be a list with levels."""
    return len({len(row.text) - len(row.text.lstrip(" ")) for row in rows}) == 1


def _uneven(grid: Grid) -> str:
    """The reason why lines with different numbers of cells are not a table; "" if they are rather no table at all."""
    most = grid.counts[grid.width]
    if most < max(10, 0.5 * len(grid.words)) or len(grid.counts) > 5:
        return ""
    others = ", ".join(f"{count} of {size}" for size, count in sorted(grid.counts.items()) if size != grid.width)
    by = "white space" if grid.separator == "whitespace" else shown(grid.separator)
    odd = grid.odd
    advice = "is there a separator in a word or in a tag? Put tabs between the columns"
    if len({row.text for row in odd}) == 1:
        advice = "if it divides sentences, put a blank line in its place"
    elif all(len(row.cells) == 1 for row in odd):
        advice = "give each word its tags, and begin lines that are no words with #"
    elif grid.separator == "\t":
        advice = "is a tag missing, or a tab in a word? Give each line all columns"
    return (
        f"{most} lines have {grid.width} columns by {by}, but {others}, as in line {odd[0].number}, "
        f"{shown(odd[0].text)}: {advice}"
    )
