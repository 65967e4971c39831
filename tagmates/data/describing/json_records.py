"""Recognise JSON lines and JSON files whose records are sentences, or say what other JSON holds."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.unread_formats import named_records, numbered_records, unread_record
from tagmates.data.formats.json_list import is_cut
from tagmates.data.formats.jsonl import is_rows, is_text_pair
from tagmates.data.formats.records import leaves_of
from tagmates.data.formats.tool_spans import are_sentences, are_spans, are_spans_of_sentences, are_words, is_text
from tagmates.formatting import first_of

JSON_START = re.compile(r"\s*(?:\[\s*(?:null\s*,\s*)*(?:[\[{\"]|\]\s*\Z)|\{\s*\")")
_SAMPLE_RECORDS = 200  # records that are looked at: some have no spans


def json_layout(lines: Sequence[str], text: str) -> FileLayout | str:
    """The layout of JSON lines, or of JSON; else what was seen in the text, or "" if it is not JSON.

    Records are objects with two lists of equal length, or with a text and its spans. ``lines`` are those of the
    beginning of the text.
    """
    records = [] if _is_one_value(lines) else list(_records_on(lines[:_SAMPLE_RECORDS]))
    kind = "jsonl" if records else "json"
    if len(records) == 1 and (reason := unread_record(records[0]) or named_records(records[0])):
        return reason
    if not records:
        try:
            records = _list_in(text)
        except RecursionError:
            return "is JSON nested too deeply"
        except json.JSONDecodeError as error:
            return _why_not_json(error, text) if JSON_START.match(text) else ""
        except ValueError as error:
            return str(error)
    return _why_not(records) or FileLayout(kind)


def _why_not_json(error: json.JSONDecodeError, text: str) -> str:
    """What a text that begins as JSON is instead, with advice where its cause is plain."""
    before, behind = text[: error.pos].rstrip()[-1:], text[error.pos :].lstrip()
    several = error.msg == "Extra data"
    if several and behind.startswith(","):
        advice = "a comma stands behind the object: leave such commas out, or write [ before all objects and ] behind"
    elif several and behind.startswith(("{", "[")):
        advice = "there are several values, not one on each line: write each object on one line"
    elif (before == "," and behind[:1] in ("]", "}")) or re.match(r",\s*[\]}]", behind):
        advice = "a comma stands before the bracket that closes a list or an object: leave it out"
    elif behind.startswith(("'", "(", "None", "True", "False")):
        advice = "it is Python: write it with json.dumps"
    else:
        advice = "is it cut off?" if is_cut(error, text) else "correct it"
    return f"begins as JSON, but is not (line {error.lineno}: {error.msg}): {advice}"


def _is_one_value(lines: Sequence[str]) -> bool:
    """Whether the lines are one JSON value, and not one on each line: a list, or an object with a list of records."""
    filled = [line for line in lines if line.strip()]
    try:
        first = json.loads(filled[0])
    except (ValueError, RecursionError, IndexError):  # IndexError: no line ends within the beginning of the text
        return True
    if isinstance(first, list):
        return not is_text_pair(first) and not (is_rows(first) and len(filled) > 1)
    if len(filled) > 1 or not isinstance(first, dict) or _is_record(first):
        return False
    return len(_lists_of_records(first)) == 1 or bool(_inner_lists(first))


def _records_on(lines: Sequence[str]) -> Iterator[Any]:
    """Yield the values of lines that are JSON."""
    for line in lines:
        with suppress(ValueError, RecursionError):
            yield json.loads(line)


def _list_in(text: str) -> list[Any]:
    """The first items of a list, or of the only list of records in an object. Raises ValueError with a reason."""
    found = json.loads(text)
    if isinstance(found, dict):
        if reason := unread_record(found) or named_records(found):
            raise ValueError(reason)
        inner = _lists_of_records(found)
        if len(inner) != 1:
            deeper = _inner_lists(found)
            if len(deeper) == 1:
                raise ValueError(
                    f"is one JSON object, whose list of records is {deeper[0]}: write it alone into a file"
                )
            raise ValueError(f"is one JSON object, with the keys {first_of(found)}, and not one list of records")
        found = inner[0]
    records = [each for each in found if each is not None] if isinstance(found, list) else [found]
    return records[:_SAMPLE_RECORDS]


def _why_not(records: Sequence[Any]) -> str:
    """The reason why these records are no sentences; "" if some are."""
    if len({len(record[0]) for record in records if is_rows(record)}) > 1:
        return (
            "is JSON, with lists of lists of several lengths: if these are the words and the tags of a sentence, write "
            'them as {"tokens": […], "tags": […]}'
        )
    if any(is_text_pair(record) or is_rows(record) for record in records[:1]):
        return ""
    objects = [record for record in records if isinstance(record, dict)]
    unread = unread_record(records[0]) or numbered_records(records[0]) if records else ""
    if unread or not objects:
        return unread or "is JSON, but holds no objects"
    if any(map(_is_record, objects)):
        return ""
    keys = first_of(dict(leaves_of(objects[0])))
    if columns := _columns_of_sentences(objects[0]):
        return (
            f"is JSON, whose keys {first_of(columns)} each hold a list for every sentence: write an object for each "
            "sentence, with its lists"
        )
    seen = "no two lists of one length, no text with spans"
    return f'is JSON, whose records have the keys {keys}: {seen} such as [[0, 4, "PER"]]'


def _columns_of_sentences(record: Mapping[str, Any]) -> list[str]:
    """The keys that hold lists of words, if two of them have equally many words in each list; else none."""
    lengths = {key: [*map(len, value)] for key, value in record.items() if are_sentences(value)}
    alike = Counter(map(tuple, lengths.values()))
    return list(lengths) if any(count > 1 for count in alike.values()) else []


def _is_record(record: Mapping[str, Any]) -> bool:
    """Whether an object has two lists of equal length, or a text with its spans."""
    leaves = dict(leaves_of(record))
    bare = [value for value in leaves.values() if isinstance(value, list) and all(map(_is_bare, value))]
    values = leaves.values()
    if any(map(are_sentences, values)) and any(are_spans_of_sentences(value) for value in values):
        return True
    alike = len({len(value) for value in bare}) < len(bare)
    spans = any(map(are_spans, [*record.values(), *leaves.values()])) or "answer" in record
    return alike or (spans and any(is_text(value) or are_words(value) for value in leaves.values()))


def _lists_of_records(record: Mapping[str, Any]) -> list[list[Any]]:
    """The lists in an object that do not hold plain texts or numbers."""
    lists = [value for value in record.values() if isinstance(value, list)]
    return [value for value in lists if not all(map(_is_bare, value))]


def _inner_lists(record: Mapping[str, Any]) -> list[str]:
    """The keys, with dots, of such lists in the objects inside an object."""
    objects = {key: value for key, value in record.items() if isinstance(value, dict)}
    return [f"{key}.{name}" for key, own in objects.items() for name in own if _lists_of_records({name: own[name]})]


def _is_bare(value: Any) -> bool:
    return value is None or isinstance(value, str | int)
