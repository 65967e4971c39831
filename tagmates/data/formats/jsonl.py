"""Files of JSON lines, or of one JSON list → records (see ``records``) → ``Sentence``.

A sentence may also be a list of lists, ``[["Ada", "N"], ["sails", "V"]]``; its columns have the keys 1, 2, ….
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tagmates.data.formats.json_list import check_rest, list_items, list_start
from tagmates.data.formats.records import LocatedRecord, Record, RecordKeys, sentences_of_records
from tagmates.data.formats.token_lines import read_text, require_sentences
from tagmates.data.schemes import Scheme
from tagmates.data.sentence import Sentence
from tagmates.errors import DataError

LINE_ADVICE = 'write one object a line, without a list around them, or set format = "json" for one list'
ITEM_ADVICE = 'write an object such as {"tokens": ["Ada", "naps"]} in its place, or delete it'


def read_jsonl(
    path: Path,
    *,
    token_key: str = "tokens",
    tag_key: str = "tags",
    labels: Sequence[str] = (),
    scheme: Scheme = "plain",
    types: Collection[str] = (),
    encoding: str = "utf-8",
    one_list: bool = False,
    elsewhere: Iterable[bool] = (),
) -> list[Sentence]:
    """Read a file of JSON lines, or of one list with ``one_list``.

    A sentence's ``line`` is the line of its object, or its number in the list. Empty lines are skipped. ``elsewhere``
    tells of other files; see ``sentences_of_records`` for it and the rest. Raises DataError also for values
    that are not objects, and for a file without a sentence.
    """
    keys = RecordKeys(token_key, tag_key, labels, scheme, types)
    records = read_records(path, encoding, one_list=one_list)
    sentences = sentences_of_records(records, keys, str(path), elsewhere)
    return require_sentences(sentences, path, "give a file with one JSON object a line")


def read_records(path: Path, encoding: str = "utf-8", *, one_list: bool = False) -> Iterator[LocatedRecord]:
    """Yield the record of every line that is not blank, or of every item of one list."""
    width = 0
    for found in _records_in(path, encoding, one_list=one_list):
        own = len(found.record) if "1" in found.record else 0
        if width and own != width:
            raise DataError(
                f"{found.where}: has lists of {own}, but others have lists of {width}: give a list of [word, tag] for "
                "each sentence, or objects with the keys tokens and tags"
            )
        width = own
        yield found


def _records_in(path: Path, encoding: str, *, one_list: bool) -> Iterator[LocatedRecord]:
    text = read_text(path, encoding).removeprefix("\ufeff")
    if one_list:
        yield from records_in_list(text, str(path))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield LocatedRecord(record_of(line, f"{path}:{number}"), number, f"{path}:{number}")


def records_in_list(text: str, name: str) -> Iterator[LocatedRecord]:
    """Yield the record of every item of a text that is one JSON list, except null, with which some tools end lists."""
    try:
        at = list_start(text, name)
        for number, item in enumerate(list_items(text, at), start=1):
            where = f"{name}: record {number}"
            if item.value is not None:
                yield LocatedRecord(_record(item.value, where, ITEM_ADVICE), number, where)
            at = item.end
        check_rest(text, at, name, in_object=text.lstrip().startswith("{"))
    except (json.JSONDecodeError, RecursionError) as error:
        raise not_json(error, name) from None


def not_json(error: json.JSONDecodeError | RecursionError, name: str, line: int = 1, record: int = 0) -> DataError:
    """The error for a list that is not JSON; the text in which it is begins in this line, with this record."""
    at, reason = "", "nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        at, reason = f":{line - 1 + error.lineno}", error.msg if record else str(error)
    reason += f", at record {record}" if record else ""
    return DataError(f"{name}{at}: is not JSON ({reason}); copy the file again, or is it JSON lines?")


def record_of(text: str, where: str, advice: str = LINE_ADVICE) -> Record:
    """The record that a text is in JSON. Raises DataError, beginning with ``where``, for anything else."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{where}: is not JSON ({reason}); write one object a line") from None
    return _record(record, where, advice)


def _record(value: Any, where: str, advice: str) -> Record:
    """A JSON value as a record: an object, a text and its spans as in spaCy's examples, or a list of lists."""
    if is_text_pair(value):
        return {"text": value[0], **value[1]}
    if is_rows(value):
        return {str(number): list(column) for number, column in enumerate(zip(*value, strict=True), start=1)}
    if not isinstance(value, dict):
        raise DataError(f"{where}: is not a JSON object; {advice}")
    return value


def is_text_pair(value: Any) -> bool:
    """Whether this is a text and an object with its spans, ``["text", {"entities": …}]``, as in spaCy's examples."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)


def is_rows(value: Any) -> bool:
    """Whether this is a sentence as a list of lists of strings, all of the same length, two or more."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, list) and all(isinstance(cell, str) for cell in row) for row in value)
        and len({len(row) for row in value}) == 1
        and len(value[0]) > 1
    )
