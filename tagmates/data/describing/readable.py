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
        pairs: list[tuple[str, str | None]] = []
        first = 0
        for row in block:
            first = first or row.line
            try:
                pairs += ((own[0], own[1]) for own in pairs_of(row, token, tag, task.table, ""))
            except DataError:
                if not task.sentence_rows:  # such a row is a whole sentence, which is left out
                    index = index_of(tag, len(row.cells))
                    pairs.append(("?", row.cells[index] if 0 <= index < len(row.cells) else None))
        if pairs:
            tokens, tags = zip(*pairs, strict=True)
            yield Sentence(tokens, tags, first)


def _of_records(task: Task, path: Path) -> Iterator[Sentence]:
    keys, records = with_counting(*records_in(task, path), str(path), ends_in(task))
    for record in records:
        with suppress(DataError):
            yield from sentences_of_records([record], replace(keys, types=()), str(path))
