"""Read as much of a broken file as can be read, so that one bad line does not keep a corpus from being described."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from tagmates.data.corpora import ends_in, records_in
from tagmates.data.formats.records import sentences_of_records, with_counting
from tagmates.data.formats.table import column_numbers, pairs_of, table_rows
from tagmates.data.formats.token_lines import index_of, read_text
from tagmates.data.sentence import Sentence
from tagmates.data.task import RECORD_FORMATS, Task
from tagmates.errors import DataError


def readable_sentences(task: Task, path: Path) -> Iterator[Sentence]:
    """Yield the sentences of a file of records or a table as far as they can be read; none for other formats.

    Records that cannot be read are left out. In a table, a missing word is ``?``, and the tag of a row
    without so many columns is None.
    """
    with suppress(DataError):
        if task.format in ("columns", "csv"):
            yield from _of_table(task, path)
        elif task.format in RECORD_FORMATS:
            yield from _of_records(task, path)


def _of_table(task: Task, path: Path) -> Iterator[Sentence]:
    text = read_text(path, task.encoding).removeprefix("\ufeff")
    token, tag, _ = column_numbers(text, task.table, str(path))
    for _, block in groupby(table_rows(text, task.table, str(path)), key=lambda row: row.sentence):
        tokens: list[str] = []
        tags: list[str | None] = []
        line = 0
        for row in block:
            line = line or row.line
            try:
                words, labels = zip(*pairs_of(row, token, tag, task.table, ""), strict=True)
            except DataError:
                index = index_of(tag, len(row.cells))
                words, labels = ("?",), (row.cells[index] if 0 <= index < len(row.cells) else None,)
            tokens += words
            tags += labels
        yield Sentence(tuple(tokens), tuple(tags), line)


def _of_records(task: Task, path: Path) -> Iterator[Sentence]:
    keys, records = with_counting(*records_in(task, path), str(path), ends_in(task))
    for record in records:
        with suppress(DataError):
            yield from sentences_of_records([record], replace(keys, types=()), str(path))
