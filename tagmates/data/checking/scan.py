"""Find every bad line or record of a file; readers stop at the first one.

This is a slower second reading for ``data check``, with the same messages as those of the readers.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from pathlib import Path
from typing import Literal

from tagmates.data.corpora import ends_in, keys_of
from tagmates.data.formats.brat import annotation_files, read_documents
from tagmates.data.formats.columns import CELL, column_reader
from tagmates.data.formats.conllu import conllu_column, conllu_reader, has_expressions, is_plus_column, plus_reader
from tagmates.data.formats.decompression import read_bytes
from tagmates.data.formats.jsonl import read_records, record_of
from tagmates.data.formats.records import LocatedRecord, sentences_of_records, with_counting
from tagmates.data.formats.sentence_lines import (
    lines_of,
    parallel_sentence,
    tagged_words,
    tags_per_word,
    word_lines,
)
from tagmates.data.formats.standoff import tag_words
from tagmates.data.formats.table import column_numbers, pairs_of, table_rows
from tagmates.data.formats.token_lines import RowReader, check_characters, is_token_line, read_text
from tagmates.data.schemes import trained_as
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.errors import DataError

MAX_FAULTS = 1000  # bad lines of a file, after which the rest is ignored
_EMPTY = re.compile(r": (the \S+ in column -?\d+ is empty;|number \d+ in '.*' is empty;)")


@dataclass(frozen=True, slots=True)
class Fault:
    """A bad line: bytes in another encoding, an empty cell, or any other fault. The message begins with its place."""

    kind: Literal["encoding", "empty", "line"]
    message: str


def scan(task: Task, path: Path, tags: str = "") -> tuple[list[Sentence | None], list[Fault]]:
    """All sentences of a file (None for a sentence with a bad line), and the bad lines, in order.

    ``tags`` is the name of its file of tags, if it has one. Returns empty lists if the file cannot be read line by
    line: it is missing, in UTF-16, or in a format without lines, records and documents.
    """
    sentences: list[Sentence | None] = []
    faults: list[Fault] = []
    for found in _scanned(task, path, tags):
        if not isinstance(found, Fault):
            sentences.append(found)
            continue
        if len(faults) == MAX_FAULTS:
            faults.append(Fault("line", f"{path}: has more than {MAX_FAULTS:,} bad lines; the rest is not checked"))
            break
        faults.append(found)
    return sentences, faults


def _scanned(task: Task, path: Path, tags: str) -> Iterator[Sentence | Fault | None]:
    """Yield the sentences of a file, None for one with a bad line, and the faults before it."""
    if task.is_table:
        return _scan_table(task, path)
    if task.format in ("jsonl", "json"):
        return _scan_records(task, path)
    if task.format in ("lines", "parallel"):
        return _scan_sentence_lines(task, path, tags)
    if task.format == "brat":
        return _scan_documents(task, path)
    return _scan_rows(task, path) if task.format in ("columns", "conllu") else iter(())


def _scan_table(task: Task, path: Path) -> Iterator[Sentence | Fault | None]:
    """Scan a table; yields nothing if it cannot be divided into rows."""
    try:
        text = read_text(path, task.encoding).removeprefix("\ufeff")
        token, tag, _ = column_numbers(text, task.table, str(path))
        rows = list(table_rows(text, task.table, str(path)))
    except DataError:
        return
    for _, block in groupby(rows, key=lambda row: row.sentence):
        pairs: list[tuple[str, ...]] = []
        first = 0
        for row in block:
            first = first or row.line
            try:
                pairs += pairs_of(row, token, tag, task.table, f"{path}:{row.line}")
            except DataError as error:
                pairs.append(())
                yield _fault(error)
        yield _sentence(pairs, first)


def _scan_rows(task: Task, path: Path) -> Iterator[Sentence | Fault | None]:
    rows: list[tuple[str, ...]] = []  # of the current sentence; a bad row has no cells
    first, position = 0, 1
    lines = _raw_lines(path, task.encoding)
    if task.format == "conllu" and has_expressions(str(task.tag_column), trained_as(task.scheme)):
        return
    read_row = _row_reader(task, path, lines)
    for number, raw in enumerate([*lines, b""], start=1):  # b"" ends the last sentence
        where = f"{path}:{number}"
        row: tuple[str, ...] = ()
        line = ""
        try:
            line = _decoded(raw, task.encoding, where).removeprefix("\ufeff" if number == 1 else "").removesuffix("\r")
            if not is_token_line(line):
                if rows:
                    yield _sentence(rows, first)
                rows, position = [], 1
                continue
            check_characters(line, where)
            row = read_row(line, where, position)
            if not row:  # a comment, a multiword range or an empty node
                continue
        except DataError as error:
            yield _fault(error)
        first = first if rows else number
        rows.append(row)
        given = line.partition("\t")[0]
        position = int(given) + 1 if task.format == "conllu" and re.fullmatch(r"\d{1,9}", given) else position + 1


def _scan_sentence_lines(task: Task, path: Path, tags: str) -> Iterator[Sentence | Fault | None]:
    files = [path, *([task.folder / tags] if tags else [])]
    try:
        lines = list(lines_of(files, task.encoding))
    except DataError:
        return
    separator = task.separator or "/"
    width = 0 if tags else tags_per_word((word for (line,) in lines for word in CELL.findall(line)), separator)

    def read(texts: tuple[str, ...], number: int) -> Sentence | None:
        if tags:
            return parallel_sentence(texts, number, files)
        columns = (int(task.token_column), int(task.tag_column))
        found = next(word_lines(texts[0], str(path), number), None)
        return tagged_words(found, f"{path}:{number}", columns, separator, width) if found else None

    for number, texts in enumerate(lines, start=1):
        try:
            if sentence := read(texts, number):
                yield sentence
        except DataError as error:
            yield from (_fault(error), None)


def _scan_documents(task: Task, path: Path) -> Iterator[Sentence | Fault | None]:
    """Yield the sentences of BRAT documents, and the first fault of each document that has one."""
    number = 0
    for file in annotation_files(path):
        try:
            for document in read_documents(file, task.encoding):
                for _, tokens, tags in tag_words(document, task.types, trained_as(task.scheme)):
                    number += 1
                    yield Sentence(tokens, tags, number)
        except DataError as error:
            yield from (_fault(error), None)


def _scan_records(task: Task, path: Path) -> Iterator[Sentence | Fault | None]:
    found = list(_records_in_lines(task, path) if task.format == "jsonl" else _records_in_list(task, path))
    records = (each for each in found if not isinstance(each, Fault))
    try:
        keys, _ = with_counting(replace(keys_of(task), types=()), records, str(path), ends_in(task))
    except DataError:
        return
    for each in found:
        if isinstance(each, Fault):
            yield from (each, None)
            continue
        try:
            yield from sentences_of_records([each], keys, str(path))
        except DataError as error:
            yield from (_fault(error), None)


def _records_in_lines(task: Task, path: Path) -> Iterator[LocatedRecord | Fault]:
    for number, raw in enumerate(_raw_lines(path, task.encoding), start=1):
        where = f"{path}:{number}"
        try:
            line = _decoded(raw, task.encoding, where).removeprefix("\ufeff" if number == 1 else "")
            if line.strip():
                yield LocatedRecord(record_of(line, where), number, where)
        except DataError as error:
            yield _fault(error)


def _records_in_list(task: Task, path: Path) -> Iterator[LocatedRecord | Fault]:
    """Yield the items of the list up to a place that is not JSON, or that is no record."""
    try:
        yield from read_records(path, task.encoding, one_list=True)
    except DataError as error:
        yield _fault(error)


def _decoded(raw: bytes, encoding: str, where: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        bad = f"byte 0x{error.object[error.start]:02x}"
        raise DataError(f"{where}: {bad} is not {encoding}; name the file's encoding, or repair it") from error


def _fault(error: DataError) -> Fault:
    message = str(error)
    if isinstance(error.__cause__, UnicodeDecodeError):
        return Fault("encoding", message)
    return Fault("empty" if _EMPTY.search(message) else "line", message)


def _raw_lines(path: Path, encoding: str) -> list[bytes]:
    try:
        return read_bytes(path).split(b"\n") if "a\nb".encode(encoding) == b"a\nb" else []
    except (OSError, ValueError, LookupError, DataError):
        return []


def _row_reader(task: Task, path: Path, lines: Sequence[bytes]) -> RowReader:
    if task.format == "columns":
        return column_reader(int(task.token_column), int(task.tag_column), task.separator, task.comment)
    column = str(task.tag_column)
    if is_plus_column(column):
        text = (line.decode(task.encoding, "replace").removeprefix("\ufeff") for line in lines)
        head = takewhile(lambda line: not line.strip() or line.startswith("#"), text)  # the comments of the file
        return plus_reader("\n".join(head), column, str(path))
    return conllu_reader(*conllu_column(column))


def _sentence(rows: list[tuple[str, ...]], first: int) -> Sentence | None:
    if not all(rows):
        return None
    tokens, tags = zip(*rows, strict=True)
    return Sentence(tokens, tags, first)
