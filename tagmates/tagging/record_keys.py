"""The key of a record that holds its words or its text, if the user has not named it."""

from collections.abc import Mapping, Sequence
from typing import Any

from tagmates.data.describing.guesses import TEXT_NAMES, TOKEN_NAMES
from tagmates.data.describing.unread_formats import unread_record
from tagmates.data.formats.jsonl import is_rows, is_text_pair
from tagmates.data.formats.records import leaves_of
from tagmates.data.formats.tool_spans import are_sentences, are_spans, is_text
from tagmates.data.schemes import are_span_tags
from tagmates.errors import DataError
from tagmates.formatting import first_of

TEXT_KEYS = (*TEXT_NAMES, "document", "message", "tweet")
WORD_KEYS = TOKEN_NAMES


def key_of(record: Any, trained: int | str | None, name: str) -> str:
    """The key of a record's words: as in training, else found by its name; "1" for rows.

    Raises DataError if none is found.
    """
    if is_rows(record):
        return str(trained or "1")
    if is_text_pair(record):
        record = {"text": record[0], **record[1]}
    if reason := unread_record(record):
        raise DataError(f"{name}: {reason}")
    if not isinstance(record, dict) or not record:
        return "tokens"
    leaves = {**dict(leaves_of(record)), **record}
    if isinstance(trained, str) and trained in leaves:
        return trained
    key = words_key(record)
    if not key:
        there = first_of(dict(leaves_of(record)))
        raise DataError(f"{name}: no key is known to hold words or a text; name it with --token-column: {there}")
    return key


def words_key(record: Mapping[str, Any]) -> str:
    """The key of a list of words or of a text in the record; "" if none is found."""
    leaves = {**dict(leaves_of(record)), **record}
    for name in (*WORD_KEYS, *TEXT_KEYS):
        for key, value in leaves.items():
            lists = isinstance(value, list) and all(isinstance(item, str) for item in value)
            fits = (lists or is_text(value)) if name in WORD_KEYS else isinstance(value, str)
            if fits and name.lower() in (key.lower(), key.rpartition(".")[2].lower()):
                return key
    named = [key for key, value in leaves.items() if isinstance(value, list) and key.rpartition(".")[2] in WORD_KEYS]
    texts = named or [key for key, value in leaves.items() if isinstance(value, list) and value and _are_words(value)]
    texts = texts or [key for key, value in leaves.items() if key == "sentences" and are_sentences(value)]
    texts = texts or [key for key, value in leaves.items() if isinstance(value, str) and len(value.split()) > 1]
    texts = texts or [key for key, value in leaves.items() if value is None and key.lower() in TEXT_KEYS]
    return texts[0] if len(texts) == 1 else ""


def _are_words(values: Sequence[Any]) -> bool:
    return all(isinstance(item, str) for item in values) and not are_span_tags({*values})


def holds_records(record: Mapping[str, Any]) -> bool:
    """Whether the object is no record itself, but holds exactly one list of records.

    It may hold lists of other words, such as the names of classes. Spans of its own text are no records.
    """
    key = words_key(record)
    own = {**dict(leaves_of(record)), **record}.get(key, "")
    lists = [value for value in record.values() if isinstance(value, list) and any(map(_is_record, value))]
    if len(lists) != 1 or (key and are_spans(lists[0])):
        return False
    if isinstance(own, str) and own:
        return any(_has_words_beyond(own, item) for item in lists[0])
    return key.rpartition(".")[2].lower() not in WORD_KEYS


def _has_words_beyond(text: str, item: Any) -> bool:
    """Whether an item is a record with words or a text that are not part of this text."""
    if is_text_pair(item):
        return item[0] not in text
    key = words_key(item) if isinstance(item, dict) else ""
    value = {**dict(leaves_of(item)), **item}.get(key, "") if key else ""
    return value not in text if isinstance(value, str) else not all(str(word) in text for word in value)


def _is_record(value: Any) -> bool:
    return is_text_pair(value) or isinstance(value, dict)
