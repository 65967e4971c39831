"""How a file to be tagged is written, from its first lines: by ``data init``'s own look at it, and then more careful.

What is to be tagged may be raw text, and any two words on a line look like a table. So a table is one only where its
tags, its sentences or its header leave no doubt, or where the user says so.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.describing.sniffing import READ, Layout, sniff
from tagmates.data.describing.tables import sign_of
from tagmates.data.formats.columns import CELL
from tagmates.data.formats.conllu import CONLLU_COLUMNS, plus_columns
from tagmates.data.formats.lines import index_of, is_data
from tagmates.data.formats.rows import DOCSTART
from tagmates.data.formats.sentence_lines import lines_in, tags_of_a_word
from tagmates.data.formats.table import columns_in, header_of
from tagmates.data.formats.webanno import SIGN
from tagmates.data.formats.webanno import columns_in as webanno_columns
from tagmates.data.schemes import are_span_tags
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import first_of, shown
from tagmates.tagging.reading import TABLES, Reading
from tagmates.tagging.record_keys import TEXTS, WORDS, key_of, list_in, words_key

SEEN = 200  # rows that show the form of all
COMMENT = "# "  # how lines begin that are skipped before a sentence, if nothing else is said or seen
_MARKUP = re.compile(r"\s*<(?:\?xml\b|!DOCTYPE\b|html\b)", re.IGNORECASE)
_JSON = re.compile(r"\s*(?:\[\s*[\[{\"]|\{\s*\")")
_ID = re.compile(r"\d+(?:[-.]\d+)?", re.ASCII)
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_PROSE = "has no columns that are equally many"  # what ``sniff`` says of what may be prose
_CAPITALS = re.compile(r"[A-Z][A-Z0-9$.-]*")
_PUNCTUATION = re.compile(r"[.,;:!?。、]")  # alone on a line, or first on it, only where words have lines


def recognised(reading: Reading, head: bytes, name: str) -> tuple[Reading, str]:
    """The reading with all that the first lines of a file show, and in words what it is taken for, "" for raw text.

    ``head`` is UTF-8, and ends with a line or with the file. Raises DataError for what is not read, and where it is
    not clear what is to be read.
    """
    text = head.decode(errors="replace").removeprefix("\ufeff")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if reading.kind in ("text", "brat"):
        return reading, ""
    layout = sniff(text.encode(errors="replace")) if text.strip() else "is empty"
    kind = _kind(reading, layout, lines, name)
    known = reading.trained if reading.trained is not None and reading.trained.kind == kind else None
    full = replace(reading, kind=kind, comment=COMMENT if reading.comment is None else reading.comment)
    note = ""
    if kind in TABLES:
        full, note = _table(full, reading, known, layout, text, name)
    elif kind == "conllu":
        full, note = _conllu(full, lines, name)
    elif kind == "conll2012":
        full, note = replace(full, token_column=reading.token_column or 4, comment=None), "CoNLL-2012"
    elif kind == "webanno":
        if not text.startswith(SIGN):
            raise DataError(f"{name}:1: does not begin with {SIGN!r}; export as WebAnno TSV 3")
        full, note = replace(full, width=len(webanno_columns(text))), "WebAnno TSV 3"
    elif kind == "lines":
        full, note = _sentence_lines(full, known, layout, text, name)
    elif kind in ("jsonl", "json"):
        full, note = _records(full, known, lines, name)
    return full, note


def _kind(reading: Reading, layout: Layout | str, lines: Sequence[str], name: str) -> str:
    """The format: as was said, but for columns that are one of CoNLL's other formats; else as is seen."""
    if reading.kind != "auto":
        other = _other_of_conll(layout, lines) if reading.token_column is None and not reading.separator else ""
        return other if reading.kind == "columns" and other else reading.kind
    start = next((line for line in lines if line.strip()), "")
    if _MARKUP.match(start):
        raise DataError(
            f"{name}: is XML or HTML, whose marks are no words; take the text out of it, or say --input text"
        )
    if not any("\t" in line for line in lines) and _is_conllu([re.sub(" +", "\t", line) for line in lines]):
        raise DataError(f"{name}: is CoNLL-U, but its columns stand between blanks; put tabs there")
    if _JSON.match("\n".join(lines)):
        return _json_kind(lines)
    if isinstance(reading.token_column, str) and _header_cells(start) is not None:
        return _table_kind(lines, reading.separator, reading.token_column)
    if reading.trained is not None and _is_as_trained(reading.trained, lines, name):
        return reading.trained.kind
    return _kind_of_rest(reading, layout, lines, name)


def _kind_of_rest(reading: Reading, layout: Layout | str, lines: Sequence[str], name: str) -> str:
    """What a file is that shows no other sign than its lines."""
    if isinstance(layout, Layout):
        given = reading.token_column is not None or reading.separator
        if layout.format not in TABLES or given or _is_certain(layout):
            return layout.format
    if kind := _named_table(lines) or ("lines" if _sign_of_tags(lines) else ""):
        return kind
    return (
        _kind_of_doubtful(layout, name) if isinstance(layout, Layout) else _kind_of_other(reading, layout, lines, name)
    )


def _other_of_conll(layout: Layout | str, lines: Sequence[str]) -> str:
    """Which of the formats that say themselves where the words are, "" for none."""
    if isinstance(layout, Layout) and layout.format in ("conll2012", "webanno"):
        return layout.format
    return "conllu" if _is_conllu(lines) else ""


def _kind_of_other(reading: Reading, layout: str, lines: Sequence[str], name: str) -> str:
    """What a file is that ``data init`` would leave out; DataError where it is neither text nor a list of words."""
    if "WebAnno" in layout or "begin document" in layout:
        raise DataError(f"{name}: {layout}; these formats are read: raw text, {READ}; --input names one")
    if _is_list_of_words(lines) or reading.token_column is not None or reading.separator:
        return "columns"
    tabular = any("\t" in line for line in lines) or any(map(_begins_as_row, lines))
    if not layout.startswith((_PROSE, "is empty")) and tabular:
        raise DataError(f"{name}: {layout}; or say --input text, if this is raw text")
    return "text"


def _kind_of_doubtful(layout: Layout, name: str) -> str:
    """What a table is that may be prose: by white space it is; DataError for tabs and CSV."""
    if layout.format == "csv" or layout.separator == "\t":
        by = "is CSV" if layout.format == "csv" else "has tabs"
        raise DataError(
            f"{name}: {by}, but it is not clear whether it has a word a line; say --input {layout.format} or "
            "--input text"
        )
    return "text"


def _is_certain(layout: Layout) -> bool:
    """Whether a table can be no prose: it has a header or a column of tags, and sentences of several words."""
    rows = [cells for sentence in layout.sample for cells in sentence]
    if layout.heading or layout.keys.get("sentence_end"):
        return True
    if layout.separator not in ("\t", "whitespace") and layout.format != "csv":
        return False
    token, tags = tokens_and_tags(_columns_of(layout))
    values = [{cells[int(tag) - 1] for cells in rows} for tag in tags]
    words = [cells[int(token) - 1] for cells in rows]
    if sum(" " in word for word in words) > 0.2 * len(words) or len(rows) < 2:
        return False
    spans = any(len(own) > 1 and are_span_tags({*(own - {"_", "O"}), "B-x"}) for own in values)
    marks = any(map(_PUNCTUATION.fullmatch, words))
    several = len(rows) > len(layout.sample) > 1
    few = any(1 < len(own) <= len(rows) / 3 for own in values)
    return spans or marks or few or several if layout.separator == "\t" else several and (spans or marks)


def _is_as_trained(trained: Reading, lines: Sequence[str], name: str) -> bool:
    """Whether the lines can only be what the tagger learnt from: its header, its tabs, its sign behind every word."""
    if trained.kind == "lines":
        words = [word for line in lines for word in CELL.findall(line)]
        return bool(words) and all(trained.separator in word.strip(trained.separator) for word in words)
    if trained.kind not in TABLES or not (trained.header or trained.separator == "\t"):
        return False
    try:
        return sum(map(is_data, lines)) > 1 and _fits(trained, "\n".join(lines), name)
    except DataError:  # no CSV
        return False


def _is_conllu(lines: Sequence[str]) -> bool:
    if plus_columns(next((line for line in lines if line.strip()), "")) != plus_columns(""):
        return True
    rows = [line.split("\t") for line in lines if is_data(line) and not line.startswith("#")][:SEEN]
    return bool(rows) and all(len(row) >= len(CONLLU_COLUMNS) and _ID.fullmatch(row[0]) for row in rows)


def _is_list_of_words(lines: Sequence[str]) -> bool:
    """Whether every line has one word, and some are punctuation alone, which ends no word of the others."""
    words = [line.strip() for line in lines if is_data(line)]
    alone = sum(map(bool, map(_PUNCTUATION.fullmatch, words)))
    return bool(alone) and len(words) > alone and all(len(CELL.findall(word)) == 1 for word in words)


def _begins_as_row(line: str) -> bool:
    """Whether a line begins with a mark alone and has more, or divides documents as in CoNLL-2003."""
    cells = CELL.findall(line)
    return len(cells) > 1 and (cells[0] == DOCSTART or _PUNCTUATION.fullmatch(cells[0]) is not None)


def _sign_of_tags(lines: Sequence[str]) -> str:
    """What stands between every word and its tags, "" where it is not certain that there are any.

    It is where a mark has a tag (``./.``), or all tags are capitals: ``and/or`` is a word.
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
    """The cells of a line that a tab, a comma or a semicolon divides."""
    separator = next((sign for sign in "\t,;" if sign in line), None)
    return None if separator is None else next(csv.reader([line], delimiter=separator))


def _rows_of_csv(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The first rows, up to what is no CSV."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader((line + "\n" for line in lines), delimiter=separator, strict=True):
            rows += [row] if any(map(str.strip, row)) else []
            if len(rows) > SEEN:
                break
    except csv.Error:
        pass  # the last lines may end in the midst of a cell
    return rows


def _named_table(lines: Sequence[str]) -> str:
    """What rows of CSV are whose header names words or texts, "" where they are none."""
    start = next((line for line in lines if line.strip()), "")
    cells = _header_cells(start) or []
    names = [name.strip().lower() for name in cells]
    known = next((name for name in (*TEXTS, *WORDS) if name in names), None)
    if known is None or "\t" in start:
        return ""
    widths = {len(row) for row in _rows_of_csv(lines, "," if "," in start else ";")}
    return _table_kind(lines, "", known) if widths == {len(cells)} else ""


def _table_kind(lines: Sequence[str], given: str, column: str) -> str:
    """csv-text where rows with a header have texts, else csv or, of tabs without quotes, columns."""
    start = next((line for line in lines if line.strip()), "")
    separator = given or next((sign for sign in "\t,;" if sign in start), ",")
    rows = _rows_of_csv(lines, separator)
    widths = Counter(map(len, rows))
    if len(rows) > 1 and len(widths) == 1:
        names = [name.strip().lower() for name in rows[0]]
        at = names.index(column.lower()) if column.lower() in names and separator != "\t" else None
        if at is not None and _are_texts([row[at] for row in rows[1:]]):
            return "csv-text"
    quoted = any(re.search(r'(?:^|\t)"[^"\t]*\t[^"]*"(?:\t|$)', line) for line in lines)  # tabs in quotes
    return "columns" if separator == "\t" and not quoted else "csv"


def _columns_of(layout: Layout) -> dict[int, list[list[str]]]:
    return {
        at + 1: [[cells[at] for cells in sentence] for sentence in layout.sample]
        for at in range(layout.columns)
        if layout.keys.get("sentence_column") not in (at + 1, (*layout.heading, *[""] * layout.columns)[at])
    }


def _table(
    full: Reading, given: Reading, known: Reading | None, layout: Layout | str, text: str, name: str
) -> tuple[Reading, str]:
    """Columns, CSV and texts in CSV: what was given, else as in training where it fits, else as the rows show."""
    reading = full
    guess = isinstance(layout, Layout) and layout.format in TABLES
    told: dict[str, Any] = {}
    if known is not None and given.token_column is None and not given.separator and _fits(known, text, name):
        told = {key: getattr(known, key) for key in ("token_column", "separator", "comments_inside")}
        told |= {key: getattr(known, key) for key in ("header", "sentence_column", "sentence_end")}
        comment = full.comment if given.comment is not None else known.comment or full.comment
        reading, guess = replace(full, **told, comment=comment), False
    if not reading.separator:
        reading = replace(reading, separator=_separator(reading, layout, text))
    if guess and isinstance(layout, Layout) and layout.separator == reading.separator:
        reading = _as_seen(reading, given, layout)
    named = isinstance(reading.token_column, str) or isinstance(reading.sentence_column, str)
    if reading.header is None:
        reading = replace(reading, header=named or (reading.kind in ("csv", "csv-text") and _has_names(reading, text)))
    if reading.header and reading.token_column is None:
        cells = (header_of(text, reading.table, name) or (1, []))[1]
        names = [cell.lower() for cell in cells]
        reading = replace(
            reading, token_column=next((cells[names.index(n)] for n in (*TEXTS, *WORDS) if n in names), 1)
        )
    if text.strip():
        token, _, sentence = columns_in(text, reading.table, name)
        names = (header_of(text, reading.table, name) or (1, []))[1] if reading.header else []
        reading = replace(
            reading, token_column=token, sentence_column=sentence, names=tuple(names), quoted=_all_quoted(reading, text)
        )
        if (reading.kind == "csv" or (reading.header and reading.separator == "\t")) and _has_texts(reading, text):
            reading = replace(reading, kind="csv-text", raw=reading.kind == "columns")
    if given.token_column is None and not reading.header and _counts(text, reading):
        raise DataError(
            f"{name}: column 1 counts the words of each sentence (1, 2, 3, …); say where the words are, "
            "as --token-column 2"
        )
    if given.kind != "auto" and given.token_column is None and guess and isinstance(layout, Layout):
        _check_first_column(reading, layout, name)
    column = int(reading.token_column or 1)
    called = reading.names[index_of(column, len(reading.names))] if reading.names else ""
    learnt = ", as in training" if told else ""
    what = {"columns": "columns", "csv": "CSV", "csv-text": "CSV of texts"}[reading.kind]
    kind = "texts" if reading.kind == "csv-text" else "words"
    return reading, f"{what}, {kind} in column {column}{f' ({called})' if called else ''}{learnt}"


def _has_texts(reading: Reading, text: str) -> bool:
    """Whether most cells in the column of the words have several."""
    lines = text.split("\n")
    quoted = reading.table.quoted
    rows = _rows_of_csv(lines, reading.separator) if quoted else [_cells(line, "\t") for line in lines if line.strip()]
    rows = rows[bool(reading.header) : SEEN]
    at = int(reading.token_column or 1)
    cells = [row[index] for row in rows if 0 <= (index := index_of(at, len(row))) < len(row)]
    return _are_texts(cells)


def _are_texts(cells: Sequence[str]) -> bool:
    """Whether at least half of the cells that are not empty have several words."""
    words = [len(cell.split()) for cell in cells if cell.strip()]
    return bool(words) and 2 * sum(count > 1 for count in words) >= len(words)


def _has_names(reading: Reading, text: str) -> bool:
    """Whether the first row of CSV names columns: one of words or texts, or one that has numbers in all other rows."""
    rows = _rows_of_csv(text.split("\n"), reading.separator)
    first, *others = [[cell.strip() for cell in row] for row in rows] or [[]]
    if any(cell.lower() in (*TEXTS, *WORDS) for cell in first):
        return True
    numbered = [at for at, cell in enumerate(first) if cell and not _NUMBER.fullmatch(cell)]
    return bool(others) and any(all(at < len(row) and _NUMBER.fullmatch(row[at]) for row in others) for at in numbered)


def _as_seen(reading: Reading, given: Reading, layout: Layout) -> Reading:
    """The reading with the header, the comments and the sentences that ``sniff`` has seen, and the column of words."""
    keys = layout.keys
    named = isinstance(given.token_column, str) or isinstance(given.sentence_column, str)
    seen = True if named or keys.get("header") else None
    header = seen if given.header is None else given.header
    column = given.token_column
    if column is None and reading.kind != "csv-text" and (header or given.kind == "auto"):
        column, _ = tokens_and_tags(_named_columns(layout) if header else _columns_of(layout))
    sign = sign_of(layout.comments, layout.signed)
    return replace(
        reading,
        token_column=column,
        header=header,
        comment=sign if sign and given.comment is None else reading.comment,
        comments_inside=bool(keys.get("comments_inside")),
        sentence_column=keys.get("sentence_column") if given.sentence_column is None else given.sentence_column,
        sentence_end=keys.get("sentence_end"),
    )


def _check_first_column(reading: Reading, layout: Layout, name: str) -> None:
    """Raise DataError where the words are looked for in the first column, but another one looks like words."""
    rows = sum(map(len, layout.sample))
    if (reading.token_column, reading.header, layout.separator) == (1, False, reading.separator) and rows > 2:
        column, _ = tokens_and_tags(_columns_of(layout))
        if column != 1:
            seen = shown(" ".join(cells[0] for cells in layout.sample[0][:5]))
            raise DataError(
                f"{name}: column 1 does not look like words ({seen}), but column {column} does; say where they are, as "
                f"--token-column {column}"
            )


def _named_columns(layout: Layout) -> Mapping[Any, Any]:
    columns = _columns_of(layout)
    names = layout.heading
    if len(set(names)) < layout.columns or not all(names):
        return columns
    return {names[at - 1]: column for at, column in columns.items()}


def _separator(reading: Reading, layout: Layout | str, text: str) -> str:
    if reading.kind in ("csv", "csv-text"):
        start = next((line for line in text.split("\n") if line.strip()), "")
        seen = layout.separator if isinstance(layout, Layout) and layout.format in ("csv", "columns") else ""
        return seen if len(seen) == 1 else next((sign for sign in "\t,;" if sign in start), ",")
    lines = [line for line in text.split("\n") if is_data(line) and not line.startswith("#")][:SEEN]
    widths = {len(CELL.findall(line)) for line in lines}
    if isinstance(layout, Layout) and layout.format == "columns" and layout.keys.get("header"):
        return layout.separator
    spaced = bool(lines) and not any("\t" in line for line in lines) and len(widths) == 1 and widths != {1}
    if isinstance(layout, Layout) and layout.format == "columns" and layout.separator == "whitespace":
        return "whitespace"
    return "whitespace" if spaced else "\t"


def _fits(known: Reading, text: str, name: str) -> bool:
    """Whether the rows have all the columns of the files that the tagger learnt from."""
    if known.header:
        found = header_of(text, known.table, name)
        names = [column for column in (known.token_column, known.sentence_column) if isinstance(column, str)]
        return found is not None and set(names) <= set(found[1]) and bool(names)
    rows = [line for line in text.split("\n") if is_data(line) and not line.startswith(known.comment or "#")][:SEEN]
    return bool(rows) and all(len(_cells(line.rstrip("\r"), known.separator)) >= known.width for line in rows)


def _cells(line: str, separator: str) -> list[str]:
    return CELL.findall(line) if separator == "whitespace" else line.split(separator or "\t")


def _counts(text: str, reading: Reading) -> bool:
    """Whether the first of several columns, which is that of the words, is 1, 2, 3 … in every sentence."""
    runs: list[list[str]] = [[]]
    if reading.token_column != 1:
        return False
    for line in text.split("\n")[:SEEN]:
        if not is_data(line):
            runs.append([])
        elif not (line.startswith("#") and not runs[-1]):
            cells = _cells(line.rstrip("\r"), reading.separator)
            if len(cells) == 1:
                return False
            runs[-1].append(cells[0])
    full = [run for run in runs if run]
    return max(map(len, full), default=0) > 2 and all(run == [str(n + 1) for n in range(len(run))] for run in full)


def _all_quoted(reading: Reading, text: str) -> bool:
    """Whether every cell of CSV stands in quotes, as far as the first lines tell."""
    cell = re.escape(reading.separator)
    rows = [line.rstrip("\r") for line in text.split("\n") if line.strip()][:SEEN]
    return reading.kind == "csv" and all(re.fullmatch(rf'"[^"]*"(?:{cell}"[^"]*")*', row) for row in rows)


def _conllu(full: Reading, lines: Sequence[str], name: str) -> tuple[Reading, str]:
    first = next((line for line in lines if line.strip()), "")
    names = plus_columns(first)
    plus = names != plus_columns("") or first.startswith("# global.columns")
    if plus and "FORM" not in names:
        raise DataError(f"{name}:1: # global.columns names no FORM; it names {first_of(names)}")
    column = full.token_column
    if isinstance(column, str):
        if column.upper() not in names:
            raise ConfigError(f"--token-column {column}: {name} has no such column; it has {first_of(names)}")
        column = names.index(column.upper()) + 1
    column = names.index("FORM") + 1 if column is None else column
    if not 0 < column <= len(names):
        raise ConfigError(f"--token-column {column}: {name} has the columns 1 to {len(names)}")
    what = "CoNLL-U Plus" if plus else "CoNLL-U"
    reading = replace(full, token_column=column, names=names if plus else (), comment=None)
    return reading, f"{what}, words in column {column} ({names[column - 1]})"


def _sentence_lines(
    full: Reading, known: Reading | None, layout: Layout | str, text: str, name: str
) -> tuple[Reading, str]:
    words = [word for _, own in lines_in(text, name) for word in own]
    separator = full.separator
    if not separator and isinstance(layout, Layout) and layout.format == "lines":
        separator = layout.separator
    elif not separator and known is not None and all(known.separator in word for word in words):
        separator = known.separator
    elif not separator:
        separator = _sign_of_tags(text.split("\n"))
    separator = "" if separator == "whitespace" else separator
    column = full.token_column or (known.token_column if known is not None and separator else 1)
    width = tags_of_a_word(words, separator) if separator else 0
    behind = f", {shown(separator)} between a word and its tags" if separator else ""
    return replace(full, separator=separator, token_column=column, width=width), f"a sentence a line{behind}"


def _json_kind(lines: Sequence[str]) -> str:
    """jsonl, or json for one list or object that holds a list."""
    filled = [line for line in lines if line.strip()]
    try:
        record = json.loads(filled[0])
    except (ValueError, RecursionError):
        return "jsonl" if re.fullmatch(r"\s*\{.*\}\s*", filled[0]) else "json"  # the reader says what is wrong
    if isinstance(record, list):
        pair = len(record) == 2 and isinstance(record[0], str) and isinstance(record[1], dict)
        return "jsonl" if pair else "json"
    return "json" if len(filled) == 1 and not words_key(record) and list_in(record) else "jsonl"


def _records(full: Reading, known: Reading | None, lines: Sequence[str], name: str) -> tuple[Reading, str]:
    what = "JSON lines" if full.kind == "jsonl" else "JSON"
    key = full.token_column
    if full.kind == "jsonl" and key is None:
        try:
            record = json.loads(next((line for line in lines if line.strip()), "{}"))
        except (ValueError, RecursionError):
            record = {}  # the reader says where
        key = key_of(record, known.token_column if known else None, name)
    full = replace(full, token_column=key)
    return full, f"{what}, words in {key}" if key else what
