"""The format of an input file, detected from its first lines: raw text, a table, CoNLL-U, JSON, and so on."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tagmates.data.describing.file_layout import FileLayout, UnreadFile
from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.describing.json_records import JSON_START
from tagmates.data.describing.sniffing import READABLE_FORMATS
from tagmates.data.describing.unread_formats import named_records
from tagmates.data.formats.columns import CELL
from tagmates.data.formats.conllu import SPACES_ADVICE, has_conllu_rows, plus_columns, separated_by_spaces
from tagmates.data.formats.json_list import list_items, list_start
from tagmates.data.formats.jsonl import is_rows, is_text_pair
from tagmates.data.formats.rows import is_document_start
from tagmates.data.formats.token_lines import is_token_line
from tagmates.data.schemes import are_span_tags
from tagmates.data.task import TABLE_FORMATS
from tagmates.errors import DataError
from tagmates.tagging.read_options import TABLE_KINDS, ReadOptions
from tagmates.tagging.record_keys import TEXT_KEYS, WORD_KEYS, holds_records
from tagmates.tagging.table_recognition import are_texts, csv_rows, table_seen
from tagmates.tagging.trained_table import has_trained_columns, has_trained_rows

_MARKUP = re.compile(r"\s*<(?:\?xml\b|!DOCTYPE\b|html\b)", re.IGNORECASE)
_CAPITALS = re.compile(r"[A-Z][A-Z0-9$.-]*")
_SEMICOLON = re.compile(r"(?:^|\S);\w")  # between cells; in prose a blank or the end of the line follows
_NAME_ADVICE = "or --input text, or name the column of words or texts by --token-column"
_SEMICOLON_ADVICE = "csv and name the column of words by --token-column, or say --input text"
_ENTITY = re.compile(r"&#?\w+;")  # such as &amp;
_PUNCTUATION = re.compile(r"[.,;:!?。、]")  # alone on a line or first on it, a sign of a table


def detect_format(options: ReadOptions, layout: FileLayout | UnreadFile, lines: Sequence[str], name: str) -> str:
    """The format: as the options say, unless "columns" turns out to be another CoNLL format; else as the lines show."""
    if options.kind != "auto":
        other = _other_conll_format(layout, lines) if options.token_column is None and not options.separator else ""
        return other if options.kind == "columns" and other else options.kind
    start = first_line_of(lines)
    if _MARKUP.match(start):
        raise DataError(f"{name}: is XML or HTML; extract the text from it, or say --input text")
    if separated_by_spaces(lines):
        if isinstance(layout, FileLayout):  # there are no ranges and empty nodes, which would be words
            return layout.format
        raise DataError(f"{name}: {SPACES_ADVICE}")
    if JSON_START.match("\n".join(lines)):
        kind = _json_format(lines)
        if kind == "jsonl" and options.token_column is None and (reason := named_records(whole_record(lines))):
            raise DataError(f"{name}: {reason}")
        return kind
    if isinstance(options.token_column, str) and _header_cells(start) is not None:
        return _table_format(lines, options.separator, options.token_column)
    certain = _other_conll_format(layout, lines)  # whatever the training files were
    if options.trained is not None and not certain and _matches_training(options.trained, layout, lines, name):
        return options.trained.kind
    return _format_by_lines(options, layout, lines, name)


def _format_by_lines(options: ReadOptions, layout: FileLayout | UnreadFile, lines: Sequence[str], name: str) -> str:
    """The format of a file that only the shape of its lines tells."""
    if isinstance(layout, FileLayout):
        given = options.token_column is not None or options.separator
        if layout.format not in TABLE_FORMATS or given or _is_certain_table(layout):
            return layout.format
    if kind := _format_of_named_table(lines):
        return kind
    if sign := tag_separator_in(lines):
        if all(len(CELL.findall(line)) < 2 for line in lines):
            raise DataError(
                f"{name}: seems to have one word with its tag on each line; say --input columns --separator {sign!r}, "
                "--input lines if each line is a sentence, or --input text if these are no tags"
            )
        return "lines"
    if isinstance(layout, UnreadFile):
        return _format_of_unread(options, layout, lines, name)
    return _format_of_uncertain_table(layout, lines, name)


def _other_conll_format(layout: FileLayout | UnreadFile, lines: Sequence[str]) -> str:
    """The CoNLL format that fixes the column of words itself (CoNLL-U, CoNLL-2012, WebAnno), or "" for none."""
    if isinstance(layout, FileLayout) and layout.format in ("conll2012", "webanno"):
        return layout.format
    return "conllu" if _is_conllu(lines) else ""


def _format_of_unread(options: ReadOptions, file: UnreadFile, lines: Sequence[str], name: str) -> str:
    """The format of a file that ``sniff`` rejects. Raises DataError if it is neither raw text nor a list of words."""
    if file.kind == "format" and options.token_column is None:
        raise DataError(
            f"{name}: {file.seen}; these formats are read: raw text, {READABLE_FORMATS}; --input names one, as --input "
            "text"
        )
    if options.token_column is not None or options.separator or _is_list_of_words(lines):
        return "csv" if not options.separator and _has_semicolons(lines) else "columns"
    tabular = any("\t" in line for line in lines) or any(map(_begins_as_row, lines))
    filled = [line for line in lines if line.strip()]
    tabs = 2 * sum("\t" in line for line in filled) > len(filled)  # prose has no tab in most of its lines
    words = all(len(CELL.findall(line.partition("\t")[0])) < 2 for line in filled)  # before tabs; prose has more
    tabs = tabs or (words and any("\t" in line for line in filled))
    if (file.kind != "text" and tabular) or tabs:
        raise DataError(f"{name}: {file.seen}; or say --input text, if this is raw text")
    if _has_semicolons(lines):
        raise _unclear(name, "has semicolons", _SEMICOLON_ADVICE)
    return "text"


def _format_of_uncertain_table(layout: FileLayout, lines: Sequence[str], name: str) -> str:
    """Raw text, for a table that may be prose. Raises DataError for a table with tabs or semicolons, and for CSV."""
    if layout.format == "csv":
        raise _unclear(name, "is CSV", f"csv {_NAME_ADVICE}")
    if layout.separator == "\t":
        raise _unclear(name, "has tabs", f"columns {_NAME_ADVICE}")
    if _has_semicolons(lines):
        raise _unclear(name, "has semicolons", _SEMICOLON_ADVICE)
    last = [cells[-1] for sentence in layout.sample for cells in sentence]
    few = len({*last}) <= max(3, len(last) / 5)
    if layout.separator == "," and few and not any(" " in line.strip() for line in lines):
        raise _unclear(name, "has commas and no blanks", f"columns --separator , {_NAME_ADVICE}")
    return "text"


def _unclear(name: str, seen: str, advice: str) -> DataError:
    return DataError(f"{name}: {seen}, but it is not clear whether it has one word per line; say --input {advice}")


def _has_semicolons(lines: Sequence[str]) -> bool:
    """Whether semicolons are between the cells of most lines, equally many in nearly all, and no line has a tab."""
    filled = [_ENTITY.sub("", line) for line in lines if line.strip()]
    counts = Counter(line.count(";") for line in filled)
    alike = max(counts.values(), default=0) >= 0.8 * len(filled) and len(filled) > 1
    between = 2 * sum(_SEMICOLON.search(line) is not None for line in filled) > len(filled)
    return alike and between and not any("\t" in line for line in filled)


def _is_certain_table(layout: FileLayout) -> bool:
    """Whether a table cannot be prose: it has a header, or a column of tags and sentences of several words."""
    rows = [cells for sentence in layout.sample for cells in sentence]
    if layout.heading or layout.keys.get("sentence_end"):
        return True
    token, tags = tokens_and_tags(layout.columns_of_sample)
    values = [{cells[int(tag) - 1] for cells in rows} for tag in tags]
    words = [cells[int(token) - 1] for cells in rows]
    if sum(" " in word.strip() for word in words) > 0.2 * len(words) or len(rows) < 2:
        return False
    spans = any(len(own) > 1 and are_span_tags({*(own - {"_", "O"}), "B-x"}) for own in values)
    marks = any(map(_PUNCTUATION.fullmatch, words))
    several = len(rows) > len(layout.sample) > 1
    few = any(1 < len(own) <= len(rows) / 3 for own in values)
    return spans or marks or few or several if layout.separator == "\t" else several and (spans or marks)


def _matches_training(trained: ReadOptions, layout: FileLayout | UnreadFile, lines: Sequence[str], name: str) -> bool:
    """Whether the lines can only have the format of the training files: the same header, tabs, or tag separator."""
    if trained.kind == "lines":
        words = [word for line in lines for word in CELL.findall(line)]
        return bool(words) and all(trained.separator in word.strip(trained.separator) for word in words)
    if trained.kind not in TABLE_KINDS or not (trained.header or trained.separator == "\t"):
        return False
    if not has_trained_rows(trained, table_seen(layout)):
        return False
    return sum(map(is_token_line, lines)) > 1 and has_trained_columns(trained, "\n".join(lines), name)


def _is_conllu(lines: Sequence[str]) -> bool:
    return bool(plus_columns("\n".join(lines))) or has_conllu_rows(lines)


def _is_list_of_words(lines: Sequence[str]) -> bool:
    """Whether every line but comments, as ``# id = 1``, has one word and some, but not all, are a mark alone."""
    starts = zip(["", *lines], lines, strict=False)  # comments are only before a sentence
    comments = {line for before, line in starts if line.startswith("# ") and not is_token_line(before)}
    words = [line.strip() for line in lines if is_token_line(line) and line not in comments]
    alone = sum(map(bool, map(_PUNCTUATION.fullmatch, words)))
    return bool(alone) and len(words) > alone and all(len(CELL.findall(word)) == 1 for word in words)


def _begins_as_row(line: str) -> bool:
    """Whether a line has several cells and begins with a punctuation mark alone, or with CoNLL-2003's -DOCSTART-."""
    cells = CELL.findall(line)
    return len(cells) > 1 and (is_document_start(cells[0]) or _PUNCTUATION.fullmatch(cells[0]) is not None)


def tag_separator_in(lines: Sequence[str]) -> str:
    """The separator between every word and its tags, or "" if it is not certain that the words have tags.

    It is certain if a punctuation mark has a tag (``./.``) or if all tags are capitals. ``and/or`` is a word.
    """
    words = [word for line in lines for word in CELL.findall(line)]
    for sign in ("###", "|", "/", "_"):
        pairs = [word.rpartition(sign) for word in words]
        if len(words) > 1 and all(word and tag for word, _, tag in pairs):
            marked = any(_PUNCTUATION.match(word) and word[1:].startswith(sign) for word in words)
            if sign == "###" or marked or (sign != "_" and all(map(_CAPITALS.fullmatch, (tag for *_, tag in pairs)))):
                return sign
    return ""


def _header_cells(line: str) -> list[str] | None:
    """The cells of a line with tabs, commas or semicolons; None for a line without any, or one that is not CSV."""
    separator = next((sign for sign in "\t,;" if sign in line), None)
    rows = csv_rows([line], separator) if separator is not None else []
    return rows[0] if rows else None


def _format_of_named_table(lines: Sequence[str]) -> str:
    """The format of a CSV file whose header names a column of words or texts; "" if it is none."""
    start = first_line_of(lines)
    cells = _header_cells(start) or []
    names = [name.strip().lower() for name in cells]
    known = next((name for name in (*WORD_KEYS, *TEXT_KEYS) if name in names), None)
    if known is None or "\t" in start:
        return ""
    widths = Counter(len(row) for row in csv_rows(lines, "," if "," in start else ";"))
    # the reader names the rows that have more or fewer cells
    return _table_format(lines, "", known) if widths[len(cells)] >= 0.8 * widths.total() else ""


def _table_format(lines: Sequence[str], given: str, column: str) -> str:
    """csv-text if the column holds texts; else columns for tabs without quotes, and csv for all others."""
    start = first_line_of(lines)
    separator = given or next((sign for sign in "\t,;" if sign in start), ",")
    rows = csv_rows(lines, separator)
    widths = Counter(map(len, rows))
    if len(rows) > 1 and len(widths) == 1:
        names = [name.strip().lower() for name in rows[0]]
        at = names.index(column.lower()) if column.lower() in names and separator != "\t" else None
        if at is not None and are_texts([row[at] for row in rows[1:]]):
            return "csv-text"
    quoted = any(re.search(r'(?:^|\t)"[^"\t]*\t[^"]*"(?:\t|$)', line) for line in lines)  # tabs in quotes
    return "columns" if separator == "\t" and not quoted else "csv"


def _json_format(lines: Sequence[str]) -> str:
    """jsonl, or json for one list, or for one object that holds a list."""
    filled = [line for line in lines if line.strip()]
    try:
        record = json.loads(filled[0])
    except (ValueError, RecursionError):
        return "jsonl" if re.fullmatch(r"\s*\{.*\}\s*", filled[0]) else "json"  # the reader says what is wrong
    if isinstance(record, list):
        return "jsonl" if is_text_pair(record) or (is_rows(record) and len(filled) > 1) else "json"
    return "json" if len(filled) == 1 and holds_records(record) else "jsonl"


def whole_record(lines: Sequence[str]) -> Any:
    """The JSON value of the only line that is not blank; {} if there are several, or if it is not JSON."""
    return first_record(lines) if sum(bool(line.strip()) for line in lines) == 1 else {}


def first_record(lines: Sequence[str]) -> Any:
    """The JSON value on the first line that is not blank; {} if it is not JSON, which the reader reports."""
    try:
        return json.loads(first_line_of(lines) or "{}")
    except (ValueError, RecursionError):
        return {}


def first_item(text: str) -> Any:
    """The first item of a JSON list that is not null; {} if there is none, which the reader reports."""
    try:
        values = (item.value for item in list_items(text, list_start(text, "")))
        return next((value for value in values if value is not None), {})
    except (ValueError, RecursionError, DataError):
        return {}


def first_line_of(lines: Sequence[str]) -> str:
    """The first line that is not blank, or ""."""
    return next((line for line in lines if line.strip()), "")
