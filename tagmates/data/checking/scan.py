"""Find every bad line of a column file, CoNLL-U file or JSON lines file; readers stop at the first one.

This is a slower second reading for ``data check``, with the same messages as those of the readers.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from pathlib import Path
from typing import Literal

from tagmates.data.corpora import ends_in, keys_of
from tagmates.data.formats.columns import COMMENT_INSIDE_SENTENCE, parse_columns
from tagmates.data.formats.conllu import conllu_column, conllu_reader, has_expressions, is_plus_column, plus_reader
from tagmates.data.formats.decompression import read_bytes
from tagmates.data.formats.jsonl import record_of
from tagmates.data.formats.records import LocatedRecord, sentences_of_records, with_counting
from tagmates.data.formats.table import column_numbers, pairs_of, table_rows
from tagmates.data.formats.token_lines import RowReader, check_characters, is_token_line, read_text
from tagmates.data.schemes import trained_as
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.errors import DataError

MAX_FAULTS = 1000  # bad lines of a file, after which the rest is ignored
_EMPTY = re.compile(r"the \S+ in column -?\d+ is empty;|number \d+ in '.*' is empty;")


@dataclass(frozen=True, slots=True)
class Fault:
    """A bad line, counted from 1: bytes in another encoding, an empty cell, or any other fault."""

    line: int
    kind: Literal["encoding", "empty", "line"]
    message: str


def scan(task: Task, path: Path) -> tuple[list[Sentence | None], list[Fault]]:
    """All sentences of a file (None for a sentence with a bad line), and the bad lines, in order.

    Returns empty lists if the file cannot be read line by line: it is missing, or in UTF-16.
    """
    if task.is_table:
        return _scan_table(task, path)
    return _scan_records(task, path) if task.format == "jsonl" else _scan_rows(task, path)


def _scan_table(task: Task, path: Path) -> tuple[list[Sentence | None], list[Fault]]:
    """Scan a table; returns empty lists if it cannot be divided into rows."""
    try:
        text = read_text(path, task.encoding).removeprefix("\ufeff")
        token, tag, _ = column_numbers(text, task.table, str(path))
        rows = list(table_rows(text, task.table, str(path)))
    except DataError:
        return [], []
    faults: list[Fault] = []
    sentences: list[Sentence | None] = []
    for _, block in groupby(rows, key=lambda row: row.sentence):
        pairs: list[tuple[str, ...]] = []
        first = 0
        for row in block:
            first = first or row.line
            try:
                pairs += pairs_of(row, token, tag, task.table, "")
            except DataError as error:
                pairs.append(())
                faults.append(_fault(row.line, error, task.encoding))
        sentences.append(_sentence(pairs, first))
        if len(faults) >= MAX_FAULTS:
            faults.append(_given_up(rows[-1].line))
            break
    return sentences, faults


def _scan_rows(task: Task, path: Path) -> tuple[list[Sentence | None], list[Fault]]:
    sentences: list[Sentence | None] = []
    faults: list[Fault] = []
    rows: list[tuple[str, ...]] = []  # of the current sentence; a bad row has no cells
    first, position = 0, 1
    lines = _raw_lines(path, task.encoding)
    if task.format == "conllu" and has_expressions(str(task.tag_column), trained_as(task.scheme)):
        return [], []
    read_row = _conllu_row_reader(task, path, lines) if task.format == "conllu" else None
    for number, raw in enumerate([*lines, b""], start=1):  # b"" ends the last sentence
        if len(faults) == MAX_FAULTS:
            faults.append(_given_up(number))
            break
        row: tuple[str, ...] | None = ()
        line = ""
        try:
            line = raw.decode(task.encoding).removeprefix("\ufeff" if number == 1 else "").removesuffix("\r")
            row = _read_conllu(read_row, line, position) if read_row else _read_columns(task, line, position)
            if row == ():  # a comment, a multiword range or an empty node
                continue
        except (UnicodeDecodeError, DataError) as error:
            faults.append(_fault(number, error, task.encoding))
        if row is not None:
            first = first if rows else number
            rows.append(row)
            given = line.partition("\t")[0]
            position = int(given) + 1 if task.format == "conllu" and re.fullmatch(r"\d{1,9}", given) else position + 1
        elif rows:
            sentences.append(_sentence(rows, first))
            rows, position = [], 1
    return sentences, faults


def _scan_records(task: Task, path: Path) -> tuple[list[Sentence | None], list[Fault]]:
    sentences: list[Sentence | None] = []
    faults: list[Fault] = []
    keys = replace(keys_of(task), types=())
    lines = _raw_lines(path, task.encoding)
    try:
        keys, _ = with_counting(keys, _records_of(lines, task.encoding), str(path), ends_in(task))
    except DataError:
        return [], []
    for number, raw in enumerate(lines, start=1):
        if len(faults) == MAX_FAULTS:
            faults.append(_given_up(number))
            break
        try:
            line = raw.decode(task.encoding).removeprefix("\ufeff" if number == 1 else "")
            if line.strip():
                sentences += sentences_of_records([LocatedRecord(record_of(line, ""), number, "")], keys, "")
        except (UnicodeDecodeError, DataError) as error:
            faults.append(_fault(number, error, task.encoding))
            sentences.append(None)
    return sentences, faults


def _records_of(lines: Iterable[bytes], encoding: str) -> Iterator[LocatedRecord]:
    """Yield the lines that are records."""
    for number, raw in enumerate(lines, start=1):
        with suppress(UnicodeDecodeError, DataError):
            yield LocatedRecord(record_of(raw.decode(encoding).removeprefix("\ufeff"), ""), number, "")


def _fault(number: int, error: UnicodeDecodeError | DataError, encoding: str) -> Fault:
    if isinstance(error, UnicodeDecodeError):
        bad = f"byte 0x{error.object[error.start]:02x}"
        return Fault(number, "encoding", f"{bad} is not {encoding}; name the file's encoding, or repair it")
    message = re.sub("^:1?:? ?", "", str(error))
    return Fault(number, "empty" if _EMPTY.match(message) else "line", message)


def _given_up(number: int) -> Fault:
    return Fault(number, "line", f"follows {MAX_FAULTS:,} bad lines; the rest of the file is not checked")


def _raw_lines(path: Path, encoding: str) -> list[bytes]:
    try:
        return read_bytes(path).split(b"\n") if "a\nb".encode(encoding) == b"a\nb" else []
    except (OSError, ValueError, LookupError, DataError):
        return []


def _read_columns(task: Task, line: str, position: int) -> tuple[str, ...] | None:
    """Token and tag; None for a line without a token."""
    sentences = parse_columns(
        [line],
        "",
        token_column=int(task.token_column),
        tag_column=int(task.tag_column),
        separator=task.separator,
        comment=task.comment if position == 1 else None,
    )
    try:
        return next((_pair(sentence) for sentence in sentences), None)
    except DataError as error:
        inside = task.comment and line.startswith(task.comment)
        raise DataError(f"{error}; {COMMENT_INSIDE_SENTENCE}") if inside else error from None


def _conllu_row_reader(task: Task, path: Path, lines: Sequence[bytes]) -> RowReader:
    column = str(task.tag_column)
    if is_plus_column(column):
        text = (line.decode(task.encoding, "replace").removeprefix("\ufeff") for line in lines)
        head = takewhile(lambda line: not line.strip() or line.startswith("#"), text)  # the comments of the file
        return plus_reader("\n".join(head), column, str(path))
    return conllu_reader(*conllu_column(column))


def _read_conllu(read_row: RowReader, line: str, position: int) -> tuple[str, ...] | None:
    """Form and tag; () for a comment, a multiword range or an empty node, None for a blank line."""
    if not is_token_line(line):
        return None
    check_characters(line, "")
    return read_row(line, "", position)


def _pair(sentence: Sentence) -> tuple[str, str]:
    return sentence.tokens[0], sentence.labels[0] or ""


def _sentence(rows: list[tuple[str, ...]], first: int) -> Sentence | None:
    if not all(rows):
        return None
    tokens, tags = zip(*rows, strict=True)
    return Sentence(tokens, tags, first)
