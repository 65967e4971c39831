"""The layers of tags in records of JSON and of Hugging Face, and the keys of tasks.toml that read them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.describing.inspection import FoundCorpus
from tagmates.data.describing.tag_layer import TagLayer, comment_text
from tagmates.data.formats.huggingface import class_names, read_rows
from tagmates.data.formats.jsonl import read_records
from tagmates.data.formats.records import NO_LABEL, Record, leaves_of
from tagmates.data.formats.spans import (
    are_spans,
    are_words,
    count_of,
    document_of,
    document_of_words,
    ends_of,
    is_text,
)
from tagmates.errors import DataError
from tagmates.formatting import first_of

_TEXTS = ("text", "data.text", "sentence", "content")
_WORDS = ("tokenized_text", "tokens", "words", "token", "word", "sentence")
_NUMBERED_LABELS = tuple(f"label{number}" for number in range(1000))  # provisional names for integers


def layers_of_records(
    source: FoundCorpus, keys: dict[str, Any], root: Path
) -> tuple[dict[str, Any], list[str], list[TagLayer]]:
    """The keys that all tasks of these records share, notes on what was seen, and their layers of tags.

    Raises DataError if the records have neither two lists of one length nor a text with spans.
    """
    features: Mapping[str, Any] = {}
    records = []
    for file in source.every_file:
        if source.layout.format == "huggingface":
            for record, features in read_rows(root / file):  # noqa: B007  (the features of all files are alike)
                records.append({**dict(leaves_of(record)), **record})
        else:
            one_list = source.layout.format == "json"
            found = read_records(root / file, source.layout.encoding, one_list=one_list)
            records += [{**dict(leaves_of(record)), **record} for record, _, _ in found]
    marked = _of_spans(records, keys, features, root / source.first_file)
    if marked is not None:
        return marked
    names = {key: class_names(features, key) for key in (records[0] if records else ())}
    columns = {
        key: [[_said(item, names[key]) for item in record[key]] for record in records]
        for key in names
        if all(_is_layer(record.get(key)) for record in records)
        and any(item is not None for record in records for item in record[key])
    }
    lengths = {key: [len(values) for values in column] for key, column in columns.items()}
    alike = {
        key: column
        for key, column in columns.items()
        if any(_nearly_equal(lengths[key], own) for other, own in lengths.items() if other != key)
    }
    if not alike:
        path = root / source.first_file
        raise DataError(
            f"{path}: its records have the keys {first_of(records[0] if records else ())}, but not in each record two "
            "lists of one length, or a text with spans; give tokens and tags as lists"
        )
    token, tags = tokens_and_tags(alike)
    layers = []
    for key in tags:
        named: dict[str, Any] = {"tag_column": key}
        notes = []
        numbers = Counter(item for record in records for item in record[key] if isinstance(item, int))
        del numbers[NO_LABEL]
        if numbers and not names[key]:
            named["labels"] = [f"label{number}" for number in range(max(numbers) + 1)]
            notes = ["the tags are integers, and nothing says what they stand for: put their names here"]
            if numbers[0] == max(numbers.values()):
                named["labels"][0] = "O"
                on = f"{numbers[0]:,} of {numbers.total():,} words"
                notes.append(f'0 is the tag of {on} and is taken for "O", the tag of words outside of all spans')
        last = key.rpartition(".")[2]
        name = re.sub(r"_?(?:tags?|labels?)(?:_ids?)?$", "", last)
        layers.append(TagLayer(named, None if not name or name.isdecimal() or name in _WORDS else name, tuple(notes)))
    seen = [
        f"keys with lists: {comment_text(', '.join(alike), 100)}",
        f"  {comment_text(' '.join(map(str, alike[token][0])), 100)}",
    ]
    return {**keys, "token_column": token}, seen, layers


def _nearly_equal(lengths: Sequence[int], others: Sequence[int]) -> bool:
    """Whether nine in ten are equal; the reader names the records in which they are not."""
    return 10 * sum(map(int.__ne__, lengths, others)) <= len(lengths)


def _of_spans(
    records: Sequence[Record], keys: dict[str, Any], features: Mapping[str, Any], path: Path
) -> tuple[dict[str, Any], list[str], list[TagLayer]] | None:
    """As ``layers_of_records``, if every record has spans and a text, or words with their places; else None."""
    kept = [record for record in records if record.get("answer", "accept") == "accept"]
    texts = [key for key in (kept[0] if kept else ()) if all(is_text(record.get(key)) for record in kept)]
    lists = [key for key in (kept[0] if kept else ()) if all(are_words(record.get(key)) for record in kept)]
    found = [
        key
        for key in dict.fromkeys(key for record in kept for key in record)
        if key not in texts
        and all(record.get(key) is None or are_spans(record[key]) for record in kept)
        and any(record.get(key) for record in kept)
    ]
    found = [key for key in found if not _is_of_model(key)] or found
    if found and lists and not texts:
        return _of_spans_of_words(kept, keys, lists, found, path)
    if not texts or not found:
        return None
    try:
        return _of_spans_of_texts(kept, keys, texts, found, features, path)
    except DataError:  # the spans do not fit the text; they may count words
        if not lists or not _count_words(kept, lists, found):
            raise
        return _of_spans_of_words(kept, keys, lists, found, path)


def _is_of_model(key: str) -> bool:
    """Whether a key of Label Studio, Argilla or others holds what a model predicts, and not what people say."""
    return key in ("predictions", "prediction") or key.endswith(".suggestion")


def _count_words(records: Sequence[Record], lists: Sequence[str], found: Sequence[str]) -> bool:
    """Whether all spans lie within the words of a list."""
    token = _key_of_words(lists)
    try:
        ends = {key: ends_of(token, [record[key] for record in records], "") for key in found}
        for record in records[:200]:
            for key, each in ends.items():
                document_of_words(record[token], record[key], _NUMBERED_LABELS, "", each or "exclusive")
    except (DataError, KeyError):
        return False
    return any(ends.values())


def _of_spans_of_texts(
    kept: Sequence[Record],
    keys: dict[str, Any],
    texts: Sequence[str],
    found: Sequence[str],
    features: Mapping[str, Any],
    path: Path,
) -> tuple[dict[str, Any], list[str], list[TagLayer]]:
    words = [key for key in texts if not isinstance(kept[0][key], str)]
    token = (words or [key for key in _TEXTS if key in texts] or [max(texts, key=lambda key: len(kept[0][key]))])[0]
    layers = []
    for key in found:
        names = class_names(features, f"{key}.label")
        pairs = ((record[token], record.get(key) or []) for record in kept[:200])
        count = count_of((record[token], record.get(key)) for record in kept if isinstance(record[token], str))
        documents = (
            document_of(text, spans, names or _NUMBERED_LABELS, str(path), None, count) for text, spans in pairs
        )
        used = Counter(each.label for document in documents for each in document.annotations)
        most = ", ".join(f"{name} ({count})" for name, count in used.most_common(12))
        notes = [f'types of spans: {comment_text(most, 100)}; types = ["…"] takes only some']
        guessed = _is_of_model(key)
        notes += ["these are predictions of a model: nobody has annotated these texts"] if guessed else []
        layers.append(TagLayer({"tag_column": key}, None if len(found) == 1 and not guessed else key, tuple(notes)))
    text = kept[0][token] if isinstance(kept[0][token], str) else " ".join(word["text"] for word in kept[0][token])
    return {**keys, "token_column": token, "scheme": "iob2"}, [f"texts with spans: {comment_text(text, 100)}"], layers


def _key_of_words(lists: Sequence[str]) -> str:
    return next((key for key in lists if key.rpartition(".")[2] in _WORDS), lists[0])


def _of_spans_of_words(
    records: Sequence[Record], keys: dict[str, Any], lists: Sequence[str], found: Sequence[str], path: Path
) -> tuple[dict[str, Any], list[str], list[TagLayer]]:
    """As ``layers_of_records``, if every record has a list of words, and spans that count these words."""
    token = _key_of_words(lists)
    layers = []
    for key in found:
        ends = ends_of(token, [record[key] for record in records], str(path))
        if ends is not None:
            note = f"spans that count words, from 0, with {ends} ends"
            layers.append(TagLayer({"tag_column": key}, None if len(found) == 1 else key, (note,)))
    text = " ".join(records[0][token])
    return {**keys, "token_column": token, "scheme": "iob2"}, [f"words with spans: {comment_text(text, 100)}"], layers


def _said(item: str | int | None, names: Sequence[str]) -> str | None:
    if item == NO_LABEL:
        return None
    if isinstance(item, int) and 0 <= item < len(names):
        return names[item]
    return item if item is None else str(item)


def _is_layer(value: Any) -> bool:
    """Whether this is a list of strings, integers and nulls (for tokens without a label)."""
    return isinstance(value, list) and {type(item) for item in value} <= {str, int, type(None)}
