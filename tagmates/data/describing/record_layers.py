"""The layers of tags in records of JSON and of Hugging Face, and the keys of tasks.toml that read them."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from tagmates.data.describing.found_corpora import FoundCorpus
from tagmates.data.describing.guesses import TEXT_NAMES, TOKEN_NAMES, tokens_and_tags
from tagmates.data.describing.label_names import names_beside
from tagmates.data.describing.tag_layer import FoundLayers, TagLayer, types_note
from tagmates.data.describing.toml_text import comment_text
from tagmates.data.formats.huggingface import class_names, read_rows
from tagmates.data.formats.jsonl import read_records
from tagmates.data.formats.records import NO_LABEL, LocatedRecord, Record, leaves_of
from tagmates.data.formats.span_counting import count_of, ends_of
from tagmates.data.formats.spans import document_of, document_of_words
from tagmates.data.formats.standoff import Document
from tagmates.data.formats.tool_spans import (
    PROVISIONAL_NAMES,
    are_sentences,
    are_spans,
    are_spans_of_sentences,
    are_words,
    is_text,
    readable_spans,
)
from tagmates.errors import DataError
from tagmates.formatting import first_of, plural

_WORD_NAMES = (*TOKEN_NAMES, "sentence")  # of lists; a sentence may also be a list of words
_SAMPLE_RECORDS = 200  # records whose spans are read
_MANY_KEYS = 100


def layers_of_records(source: FoundCorpus, root: Path) -> FoundLayers:
    """The layers of tags of these records.

    They are those that nine in ten of the records show; the reader names the others. Raises DataError if these have
    neither two lists of one length nor a text with spans.
    """
    features: Mapping[str, Any] = {}
    records: list[LocatedRecord] = []
    for file in source.every_file:
        if source.layout.format == "huggingface":
            for number, (record, own) in enumerate(read_rows(root / file), start=1):
                features = own  # which are alike in all files
                records.append(LocatedRecord(_flat(record), number, f"{root / file}: sentence {number}"))
        else:
            one_list = source.layout.format == "json"
            in_file = read_records(root / file, source.layout.encoding, one_list=one_list)
            records += [each._replace(record=_flat(each.record)) for each in in_file]
    listed = _of_lists(source, records, features, root)
    marked = _of_spans(records, features, str(root / source.first_file))
    if marked is not None and listed is not None:  # objects with numbers for labels may be anything
        named = [layer for layer in marked.layers if _are_named(records, str(layer.keys["tag_column"]), features)]
        marked = replace(marked, layers=named) if named else None
    if marked is not None:
        return _both(marked, listed)
    if listed is None:
        raise _no_layers(records, str(root / source.first_file))
    return listed


def _are_named(records: Sequence[LocatedRecord], key: str, features: Mapping[str, Any]) -> bool:
    """Whether the spans of a key have names for labels, or the features name their numbers."""
    found = any(True for value in _values(records, key) for _ in readable_spans(value, ()))
    return found or bool(class_names(features, f"{key}.label"))


def _both(spans: FoundLayers, lists: FoundLayers | None) -> FoundLayers:
    """The layers of spans and, if they count the same words, those of lists; of two with one name, that of lists."""
    if lists is None or lists.keys["token_column"] != spans.keys["token_column"]:
        return spans
    named = [layer for layer in lists.layers if "labels" not in layer.keys]  # without integers, which may be anything
    own = {_last_key(layer) for layer in named}
    scheme = {"scheme": spans.keys["scheme"]}
    marked = [replace(layer, keys={**layer.keys, **scheme}) for layer in spans.layers if _last_key(layer) not in own]
    return FoundLayers(lists.keys, [*lists.seen, *(spans.seen if marked else [])], [*named, *marked])


def _last_key(layer: TagLayer) -> str:
    return str(layer.keys["tag_column"]).rpartition(".")[2]


def _of_lists(
    source: FoundCorpus,
    records: Sequence[LocatedRecord],
    features: Mapping[str, Any],
    root: Path,
) -> FoundLayers | None:
    """As ``layers_of_records``, if records have lists of words and of tags; else None."""
    names = {key: class_names(features, key) for key in _keys(records)}
    columns = {key: column for key in names if (column := _column(records, key, names[key])) is not None}
    lengths = {key: [len(values) for values in column] for key, column in columns.items()}
    alike = {
        key: column
        for key, column in columns.items()
        if any(_most(map(int.__eq__, lengths[key], own)) for other, own in lengths.items() if other != key)
    }
    if not alike:
        return None
    token, tags = tokens_and_tags(alike)
    if not _are_words_of(records, token):
        return None
    layers = []
    for key in tags:
        named, notes, files = _integers(source, records, key, root) if not names[key] else ({}, [], [])
        last = key.rpartition(".")[2]
        name = re.sub(r"_?(?:tags?|labels?)(?:_ids?)?$", "", last)
        layers.append(
            TagLayer(
                {"tag_column": key, **named},
                None if not name or name.isdecimal() or name in _WORD_NAMES else name,
                tuple(notes),
                files=files,
            )
        )
    words = next(filter(None, alike[token]))
    seen = [
        f"keys with lists: {comment_text(', '.join(alike), 100)}",
        f"  {comment_text(' '.join(map(str, words)), 100)}",
    ]
    return FoundLayers({"token_column": token}, seen, layers)


def _are_words_of(records: Sequence[LocatedRecord], key: str) -> bool:
    """Whether lists seem to hold words: by their key, or because most items occur in the text beside them, if any.

    One record alone whose items have blanks is no sentence, but a document with lists of names.
    """
    if key.rpartition(".")[2].lower() in _WORD_NAMES:
        return True
    words = [
        (str(word), next((text for name in TEXT_NAMES if isinstance(text := each.record.get(name), str)), ""))
        for each in records[:_SAMPLE_RECORDS]
        for word in each.record.get(key) or ()
    ]
    beside = [(word, text) for word, text in words if " " in text.strip()]
    found = sum(word.casefold().strip("#▁Ġ") in text.casefold() for word, text in beside)
    names = len(records) == 1 and 2 * sum(" " in word.strip() for word, _ in words) > len(words)
    return not names and 2 * found >= len(beside)


def _integers(
    source: FoundCorpus, records: Iterable[LocatedRecord], key: str, root: Path
) -> tuple[dict[str, Any], list[str], list[Path]]:
    """The names of integer tags as a key of tasks.toml, notes on them, and their files; empty for strings."""
    rows = filter(_is_layer, _values(records, key))
    numbers = Counter(item for row in rows for item in row if isinstance(item, int))
    del numbers[NO_LABEL]
    if not numbers:
        return {}, [], []
    folders = dict.fromkeys(folder for file in source.every_file for folder in ((root / file).parent, root))
    largest = _largest_tag(numbers)
    for size in dict.fromkeys((max(numbers) + 1, largest + 1)):
        known, files = names_beside([folder for folder in folders if folder.is_dir()], key, size)
        if known:
            return {"labels": list(known)}, [f"the names of the integers are those in {files[0].name}"], files
    if largest < 0:
        return {}, [f"the tags are integers such as {max(numbers)}, which are too large to be numbers of tags"], []
    labels = [f"label{number}" for number in range(largest + 1)]
    notes = ["the tags are integers, and nothing says what they stand for: put their names here"]
    if numbers[0] == max(numbers.values()):
        labels[0] = "O"
        on = f"{numbers[0]:,} of {numbers.total():,} words"
        notes.append(f'0 is the tag of {on} and is taken for "O", the tag of words outside of all spans')
    return {"labels": labels}, notes, []


def _largest_tag(numbers: Collection[int]) -> int:
    """The largest of the numbers that may be a tag, or -1; a number far behind all smaller ones is a mistake."""
    largest = -1
    for count, number in enumerate(sorted(number for number in numbers if number >= 0), start=1):
        if number > 20 + 10 * count:
            break
        largest = number
    return largest


def _no_layers(records: Sequence[LocatedRecord], place: str) -> DataError:
    """The error for records that hold no tags, with what the first one holds."""
    if unequal := _of_unequal_lengths(records):
        return unequal
    record, where = (records[0].record, records[0].where) if records else ({}, place)
    objects = ((key, value[0]) for key, value in record.items() if isinstance(value, list) and value)
    inner = "".join(f"; {key} holds objects with {first_of(own)}" for key, own in objects if isinstance(own, Mapping))
    return DataError(
        f"{where}: the record has the keys {first_of(record)}{inner}; most records have neither two lists of one "
        'length nor a text with spans: give words and tags as lists, or spans as [[0, 4, "PER"]]'
    )


def _of_unequal_lengths(records: Sequence[LocatedRecord]) -> DataError | None:
    """The error for lists of words and of tags that have one length in most records, but in too few of them."""
    token = _key_of_words([key for key in _keys(records) if any(map(are_words, _values(records, key)))])
    for key in _keys(records):
        lengths = [
            (each.where, len(each.record[token]), len(each.record[key]))
            for each in records
            if key != token and are_words(each.record.get(token)) and _is_layer(each.record.get(key))
        ]
        unequal = [(where, words, tags) for where, words, tags in lengths if words != tags]
        if unequal and 2 * len(unequal) < len(lengths):
            where, words, tags = unequal[0]
            return DataError(
                f"{where}: {token} has {plural(words, 'item')} and {key} has {tags}; in {len(unequal)} of "
                f"{plural(len(records), 'record')} they differ: give every word a tag, or leave these records out"
            )
    return None


def _flat(record: Record) -> Record:
    """The record with the keys inside its objects too, with dots."""
    return {**dict(leaves_of(record)), **record}


def _keys(records: Sequence[LocatedRecord]) -> list[str]:
    """The keys of all records, in order; without rare ones if they are very many, as where words are keys."""
    counts = Counter(key for each in records for key in each.record)
    return [key for key, count in counts.items() if len(counts) <= _MANY_KEYS or 100 * count >= len(records)]


def _values(records: Iterable[LocatedRecord], key: str) -> list[Any]:
    """The values of a key in all records; None in those that lack it."""
    return [each.record.get(key) for each in records]


def _present(records: Iterable[LocatedRecord], key: str) -> list[Any]:
    """The values of a key in the records that have it."""
    return [value for value in _values(records, key) if value is not None]


def _most(conditions: Iterable[bool]) -> bool:
    """Whether nine in ten of the conditions hold, and at least one."""
    held = list(conditions)
    return any(held) and 10 * sum(held) >= 9 * len(held)


def _of_spans(records: Sequence[LocatedRecord], features: Mapping[str, Any], name: str) -> FoundLayers | None:
    """As ``layers_of_records``, if records have spans and a text, or words with their places; else None."""
    kept = [each for each in records if each.record.get("answer", "accept") == "accept"]
    if (nested := _of_spans_of_sentences(kept)) is not None:
        return nested
    texts = [key for key in _keys(kept) if _most(map(is_text, _values(kept, key)))]
    lists = [key for key in _keys(kept) if _most(map(are_words, _values(kept, key)))]
    found = [key for key in _keys(kept) if key not in texts and _most(map(are_spans, filter(None, _values(kept, key))))]
    found = [key for key in found if any(map(_has_spans, _values(kept, key)))]
    found = [key for key in found if not _is_of_model(key)] or found
    if not found or not (texts or lists):
        return None
    token, words = _key_of_text(kept, texts), _key_of_words(lists)
    in_texts = _faults_in_texts(kept, token, found, features) if texts else None
    if in_texts == [] or not lists:
        return _of_spans_of_texts(kept, token, found, features, in_texts or [])
    in_words = _faults_in_words(kept, words, found)
    if in_texts is None or (in_words is not None and in_words < len(in_texts)):
        return _of_spans_of_words(kept, words, found, name)
    return _of_spans_of_texts(kept, token, found, features, in_texts)


def _has_spans(value: Any) -> bool:
    """Whether a value has any item, also inside its lists: keys of nothing but empty lists hold no spans."""
    return any(map(_has_spans, value)) if isinstance(value, list) else value is not None


def _of_spans_of_sentences(records: Sequence[LocatedRecord]) -> FoundLayers | None:
    """As ``layers_of_records``, if records have lists of sentences and a list of spans for each; else None."""
    token = next((key for key in _keys(records) if _most(map(are_sentences, _values(records, key)))), "")
    marked = {key: [value for value in _values(records, key) if value] for key in _keys(records) if token}
    found = [
        key
        for key, own in marked.items()
        if _most(map(are_spans_of_sentences, own)) and any(chain(*chain(*filter(are_spans_of_sentences, own))))
    ]
    if not found:
        return None
    note = "spans that count the words of all sentences of a record, from 0, with inclusive ends"
    layers = [TagLayer({"tag_column": key}, None if len(found) == 1 else key, (note,)) for key in found]
    text = " ".join(chain(*next(filter(are_sentences, _values(records, token)))))
    seen = [f"sentences with spans: {comment_text(text, 100)}"]
    return FoundLayers({"token_column": token, "scheme": "iob2"}, seen, layers)


def _is_of_model(key: str) -> bool:
    """Whether a key of Label Studio, Argilla or others holds what a model predicts, and not what people say."""
    return key in ("predictions", "prediction") or key.endswith(".suggestion") or key.startswith("suggestions.")


def _key_of_text(records: Sequence[LocatedRecord], texts: Sequence[str]) -> str:
    """The key of words with their places, of a text with a usual name, or of the longest text; "" if there is none."""
    if not texts:
        return ""
    samples = {key: next(filter(is_text, _values(records, key))) for key in texts}
    words = [key for key in texts if not isinstance(samples[key], str)]
    return (words or [key for key in TEXT_NAMES if key in texts] or [max(texts, key=lambda key: len(samples[key]))])[0]


def _key_of_words(lists: Sequence[str]) -> str:
    return next((key for key in lists if key.rpartition(".")[2] in _WORD_NAMES), next(iter(lists), ""))


def _documents(
    records: Sequence[LocatedRecord], token: str, key: str, features: Mapping[str, Any]
) -> Iterator[Document | DataError]:
    """Yield the first texts with their spans, or the error of those that are broken."""
    labels = class_names(features, f"{key}.label") or PROVISIONAL_NAMES
    pairs = [(each.record.get(token), each.record.get(key)) for each in records]
    count = count_of((text, spans) for text, spans in pairs if isinstance(text, str))
    for each, (text, spans) in zip(records[:_SAMPLE_RECORDS], pairs, strict=False):
        if is_text(text):
            try:
                yield document_of(text, spans or [], labels, each.where, None, count)
            except DataError as error:
                yield error


def _faults_in_texts(
    records: Sequence[LocatedRecord], token: str, found: Sequence[str], features: Mapping[str, Any]
) -> list[DataError]:
    """The errors of those of the first records whose spans do not fit their texts."""
    documents = (each for key in found for each in _documents(records, token, key, features))
    return [each for each in documents if isinstance(each, DataError)]


def _faults_in_words(records: Sequence[LocatedRecord], token: str, found: Sequence[str]) -> int | None:
    """The number of the first records whose spans do not lie in a list of words; None if they cannot count words."""
    faults = 0
    try:
        ends = {key: ends_of(token, _present(records, key), "") for key in found}
    except DataError:
        return None
    for each in (each for each in records[:_SAMPLE_RECORDS] if are_words(each.record.get(token))):
        for key, own in ends.items():
            words, spans = each.record.get(token) or [], each.record.get(key) or []
            try:
                document_of_words(words, spans, PROVISIONAL_NAMES, "", own or "exclusive")
            except DataError:
                faults += 1
    return faults if any(ends.values()) else None


def _of_spans_of_texts(
    records: Sequence[LocatedRecord],
    token: str,
    found: Sequence[str],
    features: Mapping[str, Any],
    faults: Sequence[DataError],
) -> FoundLayers:
    """As ``layers_of_records``, if records have a text, or words with their places. Raises one of too many faults."""
    if 10 * len(faults) > len(found) * len(records[:_SAMPLE_RECORDS]):
        raise faults[0]
    layers = []
    for key in found:
        documents = (each for each in _documents(records, token, key, features) if isinstance(each, Document))
        used = Counter(each.label for document in documents for each in document.annotations)
        notes = [types_note("spans", used)]
        guessed = _is_of_model(key)
        notes += ["these are predictions of a model: nobody has annotated these texts"] if guessed else []
        layers.append(TagLayer({"tag_column": key}, None if len(found) == 1 and not guessed else key, tuple(notes)))
    text = next(filter(is_text, _values(records, token)))
    if not isinstance(text, str):
        text = " ".join(str(word.get("text")) for word in text if isinstance(word, Mapping))
    return FoundLayers(
        {"token_column": token, "scheme": "iob2"}, [f"texts with spans: {comment_text(text, 100)}"], layers
    )


def _of_spans_of_words(records: Sequence[LocatedRecord], token: str, found: Sequence[str], name: str) -> FoundLayers:
    """As ``layers_of_records``, if records have a list of words, and spans that count these words."""
    layers = []
    for key in found:
        ends = ends_of(token, _present(records, key), name)
        if ends is not None:
            note = f"spans that count words, from 0, with {ends} ends"
            layers.append(TagLayer({"tag_column": key}, None if len(found) == 1 else key, (note,)))
    text = " ".join(next(filter(are_words, _values(records, token))))
    return FoundLayers(
        {"token_column": token, "scheme": "iob2"}, [f"words with spans: {comment_text(text, 100)}"], layers
    )


def _column(records: Sequence[LocatedRecord], key: str, names: Sequence[str]) -> list[list[str | None]] | None:
    """The strings of each record at a key; None if most records have no list of strings, or if no list has any."""
    values = _values(records, key)
    column = [[_said(item, names) for item in value] if _is_layer(value) else [] for value in values]
    filled = any(item is not None for row in column for item in row)
    return column if filled and _most(map(_is_layer, values)) else None


def _said(item: str | int | None, names: Sequence[str]) -> str | None:
    if item == NO_LABEL:
        return None
    if isinstance(item, int) and 0 <= item < len(names):
        return names[item]
    return item if item is None else str(item)


def _is_layer(value: Any) -> bool:
    """Whether this is a list of strings, integers and nulls (for tokens without a label)."""
    return isinstance(value, list) and {type(item) for item in value} <= {str, int, type(None)}
