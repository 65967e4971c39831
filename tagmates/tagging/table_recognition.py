"""The layout of an input table (columns, CSV, or texts in CSV): its separator, header, and column of words."""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

from tagmates.data.describing.file_layout import FileLayout, UnreadFile
from tagmates.data.describing.grid import comment_sign
from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.formats.columns import CELL, split_cells
from tagmates.data.formats.table import (
    TableRow,
    column_numbers,
    columns_in,
    find_header,
    is_list,
    table_rows,
    words_in,
)
from tagmates.data.formats.token_lines import index_of, is_token_line
from tagmates.data.task import TABLE_FORMATS
from tagmates.errors import DataError
from tagmates.formatting import first_of, plural, shown
from tagmates.tagging.read_options import ReadOptions
from tagmates.tagging.record_keys import TEXT_KEYS, WORD_KEYS
from tagmates.tagging.trained_table import SAMPLE_ROWS, as_trained

_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_TWO_NUMBERS = re.compile(r"\d+[-.:_]\d+")


def table_seen(seen: FileLayout | UnreadFile) -> FileLayout | None:
    """The table that ``sniff`` recognised; None if it saw something else."""
    return seen if isinstance(seen, FileLayout) and seen.format in TABLE_FORMATS else None


def recognise_table(
    full: ReadOptions, given: ReadOptions, known: ReadOptions | None, seen: FileLayout | None, text: str, name: str
) -> tuple[ReadOptions, str, str]:
    """Complete the options of a table: as given, else as in training if that fits the rows, else as the rows show.

    ``full`` are the options ``given`` by the user, with a kind; ``known`` are those of the training files; ``seen`` is
    the table that ``sniff`` recognised. Also returns a description, and a message on words that may be lost. Raises
    DataError if it is not clear where the words are.
    """
    trained = as_trained(full, given, known, seen, text, name)
    options = trained or _as_seen(full, given, seen, text, name)
    if text.strip():
        options = _with_numbers_of_columns(options, text, name)
        cells = _cells_of_words(options, text)
        if given.token_column is None and trained is None:
            _check_words(options, cells, name)
        options = _with_kind(options, given, cells)
    elif isinstance(options.token_column, str):  # which no header names
        options = replace(options, token_column=1)
    options = replace(options, signed_width=_signed_width(options, given, seen))
    if given.token_column is None:
        _check_first_column(options, given, None if trained else seen, text, name)
    doubt = _skipped_row(options, given, seen, text, name) + _irregular_row(options, text, name)
    return options, _description(options, learnt=trained is not None), doubt


def _as_seen(full: ReadOptions, given: ReadOptions, seen: FileLayout | None, text: str, name: str) -> ReadOptions:
    """The options with a separator, a header and the column of words, as the rows show them."""
    options = replace(full, separator=full.separator or _table_separator(full, seen, text))
    if seen is not None and seen.separator == options.separator:
        options = _with_layout(options, given, seen)
    if options.header is None:
        is_csv = options.kind in ("csv", "csv-text")
        options = replace(options, header=_names_column(options) or (is_csv and _first_row_is_header(options, text)))
    if options.header and given.token_column is None and not options.sentence_rows:
        names = [cell.lower() for cell in _names_in_header(options, text, name)]
        column = next((names.index(known) + 1 for known in (*WORD_KEYS, *TEXT_KEYS) if known in names), None)
        options = replace(options, token_column=column or options.token_column or 1)
    return options


def _names_in_header(options: ReadOptions, text: str, name: str) -> list[str]:
    """The names of the columns; none without a header."""
    found = find_header(text, options.table, name) if options.header else None
    return found[1] if found else []


def _with_numbers_of_columns(options: ReadOptions, text: str, name: str) -> ReadOptions:
    """The options with numbers in place of the names of columns, and with all names. Raises DataError for others."""
    token, _, of_sentence = column_numbers(text, options.table, name)
    names = tuple(_names_in_header(options, text, name))
    quoted = _all_quoted(options, text)
    return replace(options, token_column=token, sentence_columns=of_sentence, names=names, quoted=quoted)


def _with_kind(options: ReadOptions, given: ReadOptions, cells: Sequence[str]) -> ReadOptions:
    """The options for texts or whole sentences in the cells, if these are no words."""
    tabular = options.kind in ("csv", "csv-text") or (options.header and options.separator == "\t")
    if options.sentence_rows or (tabular and given.kind != "csv-text" and _are_lists(cells)):
        return replace(options, kind="csv-text", raw=options.kind == "columns", sentence_rows=True)
    if tabular and options.kind != "csv-text" and are_texts(cells):
        return replace(options, kind="csv-text", raw=options.kind == "columns")
    return options


def _description(options: ReadOptions, *, learnt: bool) -> str:
    """The format in words, and the column of words or texts."""
    column = options.token_column or 1
    at = index_of(column, len(options.names)) if isinstance(column, int) else -1
    called = options.names[at] if 0 <= at < len(options.names) else ""
    texts = options.kind == "csv-text" and not options.sentence_rows
    of_texts = "CSV of texts" if texts else "CSV of sentences"
    what = {"columns": "columns", "csv": "CSV", "csv-text": of_texts}[options.kind]
    in_column = f"{'texts' if texts else 'words'} in column {column}{f' ({called})' if called else ''}"
    return f"{what}, {in_column}{', as in training' if learnt else ''}"


def _signed_width(options: ReadOptions, given: ReadOptions, seen: FileLayout | None) -> int:
    """The number of cells by which rows differ from comments; 0 if comments may have as many, or the user names them.

    In a table with white space between its columns, only comments without any differ from rows.
    """
    if given.comment is not None or seen is None or seen.separator != options.separator:
        return 0
    if seen.keys.get("comment"):  # Excel's line "sep=;"
        return 0
    counts = {len(split_cells(line, options.separator)) for line in seen.comments}
    rows = [line for line in seen.signed if options.comment and line.startswith(options.comment)]
    differ = counts <= {1} and (counts or rows) if options.separator == "whitespace" else seen.columns not in counts
    return seen.columns if differ else 0


def _skipped_row(options: ReadOptions, given: ReadOptions, seen: FileLayout | None, text: str, name: str) -> str:
    """A message about the first row that is skipped as a comment; "" if there is none."""
    if given.comment is not None or options.signed_width or seen is None or not options.comment:
        return ""
    row = next((line for line in seen.signed if line.startswith(options.comment)), None)
    if row is None:
        return ""
    number = [line.removesuffix("\r") for line in text.split("\n")].index(row) + 1
    return (
        f"; {name}:{number}: {shown(row)} is skipped as a comment; if it is a row, give the beginning of comments by "
        "--comment"
    )


def _irregular_row(options: ReadOptions, text: str, name: str) -> str:
    """A message about the first row of a sentence that has fewer or more cells than the others; "" if there is none."""
    rows: list[TableRow] = []
    with suppress(DataError):  # the text may end inside a cell, and the reader names all else
        rows.extend(islice(table_rows(text, options.table, name), SAMPLE_ROWS))
    for _, block in groupby(rows if options.kind != "csv-text" else (), key=lambda row: row.sentence):
        sentence = list(block)
        ((width, _), *others) = Counter(len(row.cells) for row in sentence).most_common()
        if others:
            odd = next(row for row in sentence if len(row.cells) != width)
            index = index_of(int(options.token_column or 1), len(odd.cells))
            word = odd.cells[index] if 0 <= index < len(odd.cells) else ""
            return (
                f"; {name}:{odd.line} has {plural(len(odd.cells), 'column')}, the rows beside it {width}: is "
                f"{shown(word)} the whole word?"
            )
    return ""


def _cells_of_words(options: ReadOptions, text: str) -> list[str]:
    """The cells of the first rows in the column of words."""
    lines = text.split("\n")
    quoted = options.table.quoted
    filled = [line for line in lines if line.strip()]
    rows = csv_rows(lines, options.separator) if quoted else [split_cells(line, options.separator) for line in filled]
    rows = rows[bool(options.header) : SAMPLE_ROWS]
    at = int(options.token_column or 1)
    return [row[index] for row in rows if 0 <= (index := index_of(at, len(row))) < len(row)]


def _are_lists(cells: Sequence[str]) -> bool:
    """Whether all cells that are not empty are lists of words."""
    filled = [cell for cell in cells if cell.strip()]
    try:
        return bool(filled) and all(is_list(cell) and words_in(cell, "") for cell in filled)
    except DataError:
        return False


def are_texts(cells: Sequence[str]) -> bool:
    """Whether at least half of the cells that are not empty hold several words."""
    words = [len(cell.split()) for cell in cells if cell.strip()]
    return bool(words) and 2 * sum(count > 1 for count in words) >= len(words)


def _first_row_is_header(options: ReadOptions, text: str) -> bool:
    """Whether the first row of CSV names the columns: one is a known name, or has only numbers in the other rows."""
    rows = csv_rows(text.split("\n"), options.separator)
    first, *others = [[cell.strip() for cell in row] for row in rows] or [[]]
    if any(cell.lower() in (*TEXT_KEYS, *WORD_KEYS) for cell in first):
        return True
    numbered = [at for at, cell in enumerate(first) if cell and not _NUMBER.fullmatch(cell)]
    return bool(others) and any(all(at < len(row) and _NUMBER.fullmatch(row[at]) for row in others) for at in numbered)


def _with_layout(options: ReadOptions, given: ReadOptions, layout: FileLayout) -> ReadOptions:
    """The reading with the header, the comments and the sentences that ``sniff`` has seen, and the column of words."""
    keys = layout.keys
    named = _names_column(given)
    seen = True if named or keys.get("header") else None
    header = seen if given.header is None else given.header
    column = given.token_column
    words, _ = tokens_and_tags(_named_columns(layout) if header else layout.columns_of_sample)
    if (
        column is None
        and (options.kind != "csv-text" or keys.get("sentence_rows"))
        and (header or given.kind == "auto")
    ):
        column = words
    sign = keys.get("comment") or comment_sign(layout.comments, layout.signed)
    return replace(
        options,
        token_column=column,
        header=header,
        comment=sign if sign and given.comment is None else options.comment,
        comments_inside=bool(keys.get("comments_inside")),
        sentence_columns=given.sentence_columns or columns_in(keys.get("sentence_column")),
        sentence_end=keys.get("sentence_end"),
        markup=bool(keys.get("markup")),
        sentence_rows=bool(keys.get("sentence_rows"))
        and given.token_column in (None, words)
        and given.kind != "csv-text",
    )


def _check_words(options: ReadOptions, cells: Sequence[str], name: str) -> None:
    """Raise DataError if the words would be read from a column of numbers, and a header names others."""
    if cells and len(options.names) > 1 and all(_NUMBER.fullmatch(cell.strip()) for cell in cells):
        raise DataError(
            f"{name}: column {options.token_column} holds only numbers; name the column of words by --token-column: "
            f"{first_of(options.names)}"
        )


def _check_first_column(
    options: ReadOptions, given: ReadOptions, seen: FileLayout | None, text: str, name: str
) -> None:
    """Raise DataError if the words would be read from the first column, which counts them or looks like no words."""
    if options.token_column != 1 or options.header:
        return
    if _first_column_counts(text, options):
        raise DataError(
            f"{name}: column 1 counts the words (1, 2, 3, … or 1-1, 1-2, …); say where the words are, as "
            "--token-column 2"
        )
    if given.kind == "auto" or seen is None or seen.separator != options.separator:
        return
    column, _ = tokens_and_tags(seen.columns_of_sample)
    if column != 1 and sum(map(len, seen.sample)) > 2:
        start = shown(" ".join(cells[0] for cells in seen.sample[0][:5]))
        raise DataError(
            f"{name}: column 1 does not look like words ({start}), but column {column} does; say where they are, as "
            f"--token-column {column}"
        )


def _names_column(options: ReadOptions) -> bool:
    """Whether the column of words or one of sentences has a name, which only a header gives."""
    return any(isinstance(column, str) for column in (options.token_column, *options.sentence_columns))


def _named_columns(layout: FileLayout) -> Mapping[Any, Any]:
    columns = layout.columns_of_sample
    names = layout.heading
    if len(set(names)) < layout.columns or not all(names):
        return columns
    return {names[at - 1]: column for at, column in columns.items()}


def _table_separator(options: ReadOptions, seen: FileLayout | None, text: str) -> str:
    if options.kind in ("csv", "csv-text"):
        if seen is not None and len(seen.separator) == 1:
            return seen.separator
        start = next((line for line in text.split("\n") if line.strip()), "")
        return next((sign for sign in "\t,;" if sign in start), ",")
    if seen is not None and seen.format == "columns":
        return seen.separator
    lines = [line for line in text.split("\n") if is_token_line(line) and not line.startswith("#")][:SAMPLE_ROWS]
    rows = [CELL.findall(line) for line in lines]
    ((width, count),) = Counter(map(len, rows)).most_common(1) or [(0, 0)]
    last = {cells[-1] for cells in rows if len(cells) == width > 1}
    tagged = 2 * count > len(rows) and 3 * len(last) <= count  # terms of several words have many different last words
    alike = width > 1 and (count == len(rows) or tagged)
    return "whitespace" if alike and not any("\t" in line for line in lines) else "\t"


def csv_rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The first rows, up to the first line that is not CSV."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader((line + "\n" for line in lines), delimiter=separator, strict=True):
            rows += [row] if any(map(str.strip, row)) else []
            if len(rows) > SAMPLE_ROWS:
                break
    except csv.Error:
        pass  # the last line may end inside a cell
    return rows


def _first_column_counts(text: str, options: ReadOptions) -> bool:
    """Whether the words would be read from a first column that only numbers them.

    It has 1, 2, 3 … in every sentence, or two numbers such as 1-1, never the same twice.
    """
    runs: list[list[str]] = [[]]
    for line in text.split("\n")[:SAMPLE_ROWS]:
        if not is_token_line(line):
            runs.append([])
        elif not (line.startswith("#") and not runs[-1]):
            cells = split_cells(line.rstrip("\r"), options.separator)
            if len(cells) == 1:
                return False
            runs[-1].append(cells[0])
    full = [run for run in runs if run]
    cells = [cell for run in full for cell in run]
    if len(cells) > 2 and len(set(cells)) == len(cells) and all(map(_TWO_NUMBERS.fullmatch, cells)):
        return True
    return max(map(len, full), default=0) > 2 and all(run == [str(n + 1) for n in range(len(run))] for run in full)


def _all_quoted(options: ReadOptions, text: str) -> bool:
    """Whether every cell of the first rows of CSV is in quotes."""
    cell = re.escape(options.separator)
    rows = [line.rstrip("\r") for line in text.split("\n") if line.strip()][:SAMPLE_ROWS]
    return options.kind == "csv" and all(re.fullmatch(rf'"[^"]*"(?:{cell}"[^"]*")*', row) for row in rows)
