"""JSON lines, or one JSON list → ``Sentence``: objects with lists of tokens and of tags, or with a text and its spans.

The task names the keys. A dot goes into an object: ``tags.upos`` is the list ``upos`` of the object ``tags``, as
``tagmates tag --output json`` writes it. Integers are tags where ``labels`` says what they stand for, from 0.
null as a tag is a token without a label, and so is -100, which training code with subwords writes. Where the tokens'
key holds a text, or tokens with their places in one, the tags' key holds spans, see ``spans``, and so it may beside a
list of tokens. A sentence may also be a list of lists, ``[["Ada", "N"], ["sails", "V"]]``: their keys are 1, 2, ….
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tagmates.config import nearest
from tagmates.data.formats.lines import read_text
from tagmates.data.formats.rows import DOCSTART
from tagmates.data.formats.spans import Ends, are_words, document_of, document_of_words, ends_of, is_text
from tagmates.data.formats.standoff import Document, check_types, remarks_on, tagged
from tagmates.data.schemes import Scheme
from tagmates.data.sentence import Sentence
from tagmates.data.tokenize import Token
from tagmates.errors import DataError
from tagmates.formatting import first_of, shown

Record = Mapping[str, Any]

NO_LABEL = -100  # as an integer tag: what loss functions of torch skip
DEPTH = 8  # objects in objects that are looked into for keys; nobody nests layers of tags deeper
_UNWRITABLE = re.compile(r"[\x00\r\n\ud800-\udfff]")  # what no column file, or no file at all, could hold


@dataclass(frozen=True, slots=True)
class Keys:
    """How a task reads records: the keys of tokens and tags, what integers stand for, and how spans become tags."""

    tokens: str = "tokens"
    tags: str = "tags"
    labels: Sequence[str] = ()
    scheme: Scheme = "plain"
    types: Collection[str] = ()
    ends: Ends | None = None  # of spans that count words, which ``with_ends`` finds out


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
) -> list[Sentence]:
    """Read a file of JSON lines; a sentence's ``line`` is that of its object, with ``one_list`` its number in the list.

    Empty lines, objects without a token and those of ``-DOCSTART-`` alone are skipped. Spans become tags of ``scheme``;
    only those of ``types``, if any are named. Raises DataError for what is no object, for keys that it lacks, for lists
    of other things or of other lengths, for spans that do not fit, and for a file without a sentence.
    """
    keys = Keys(token_key, tag_key, labels, scheme, types)
    records = ((record, line, where) for line, where, record in read_records(path, encoding, one_list=one_list))
    sentences = sentences_of_records(records, keys, str(path))
    if not sentences:
        raise DataError(f"{path}: holds no sentence; give a file with one JSON object a line")
    return sentences


def sentences_of_records(records: Iterable[tuple[Record, int, str]], keys: Keys, name: str) -> list[Sentence]:
    """The sentences of records, of which the line and the place for messages are given too."""
    sentences: list[Sentence] = []
    used: Counter[str] = Counter()
    keys, records = with_ends(keys, records, name)
    for record, line, where in records:
        document = document_in(record, keys, where)
        if document is not None:
            used.update(annotation.label for annotation in document.annotations)
            parts = tagged(document, keys.types, keys.scheme)
            sentences += [Sentence(tokens, tags, line) for _, tokens, tags in parts]
        elif not _is_left_out(record):
            sentence = sentence_of(record, keys.tokens, keys.tags, keys.labels, where, line)
            sentences += [sentence] if sentence else []
    check_types(keys.types, used, name)
    return sentences


def record_remarks(records: Iterable[tuple[Record, int, str]], keys: Keys) -> Iterator[str]:
    """Yield where tags say less, more or something else than the spans of records; nothing where there are no spans."""
    keys, records = with_ends(keys, records, "")
    for record, _, where in records:
        document = document_in(record, keys, where)
        if document is not None:
            yield from remarks_on(document, keys.types)
        elif _is_left_out(record):
            yield f"{where}: its answer is {shown(str(record['answer']))}, not accept; it is left out"
        else:
            return  # a file is of one kind


def with_ends(
    keys: Keys, records: Iterable[tuple[Record, int, str]], name: str
) -> tuple[Keys, Iterable[tuple[Record, int, str]]]:
    """The keys with ``ends``, for which all records are looked at; DataError where these are not clear."""
    if keys.scheme == "plain" or keys.ends is not None:
        return keys, records
    records = list(records)
    spans = []
    for record, _, _ in records:
        with suppress(DataError):  # it is named when its turn comes
            if are_words(_look_up(record, keys.tokens, "", "")):
                spans.append(_look_up(record, keys.tags, "", "", whole=True))
    return replace(keys, ends=ends_of(keys.tokens, spans, name)), records


def document_in(record: Record, keys: Keys, where: str) -> Document | None:
    """The text of a record and its spans; None where it holds lists of tokens and tags, or is to be left out."""
    if _is_left_out(record):
        return None
    text = _look_up(record, keys.tokens, "token_column", where)
    if keys.ends is not None and are_words(text):
        words = _strings(text, keys.tokens, where)
        spans = _look_up(record, keys.tags, "tag_column", where, whole=True)
        return document_of_words(words, spans, keys.labels, where, keys.ends)
    if not is_text(text):
        return None
    if keys.scheme == "plain":
        what = "is no list" if isinstance(text, str) else "is a list of objects"
        raise DataError(
            f"{where}: {keys.tokens!r} {what}; give a list with one string for each token, or set "
            f'scheme = "iob2" where {keys.tags!r} holds spans of a text'
        )
    if "answer" in record and keys.tags not in record:  # as Prodigy writes a text without spans
        record = {**record, keys.tags: []}
    spans = _look_up(record, keys.tags, "tag_column", where, whole=True)
    document = document_of(text, spans, keys.labels, where, record.get("text"))
    if any(_UNWRITABLE.search(word.text) for word in document.words.tokens):
        raise DataError(f"{where}: the text has a NUL or half a character; correct it")
    return document


def _is_left_out(record: Record) -> bool:
    """Whether the annotator of Prodigy has rejected or skipped the record."""
    return record.get("answer") in ("reject", "ignore")


def read_records(path: Path, encoding: str = "utf-8", *, one_list: bool = False) -> Iterator[tuple[int, str, Record]]:
    """Yield the number, the place and the object of every line that is not blank, or of every item of one list."""
    text = read_text(path, encoding).removeprefix("\ufeff")
    if one_list:
        yield from records_in(text, str(path))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, f"{path}:{number}", record_of(line, f"{path}:{number}")


def records_in(text: str, name: str) -> Iterator[tuple[int, str, Record]]:
    """Likewise of the items of a text that is one list."""
    for number, item in enumerate(_list_in(text, name), start=1):
        yield number, f"{name}: record {number}", _record(item, f"{name}: record {number}")


def record_of(line: str, where: str) -> Record:
    """The object of a line; DataError, beginning with ``where``, where it holds something else."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{where}: is not JSON ({reason}); write one object a line") from None
    return _record(record, where)


def _record(value: Any, where: str) -> Record:
    """The object itself; of the pair ``["text", {"entities": …}]``, as spaCy's examples have it, one object."""
    if is_text_pair(value):
        return {"text": value[0], **value[1]}
    if is_rows(value):
        return {str(number): list(column) for number, column in enumerate(zip(*value, strict=True), start=1)}
    if not isinstance(value, dict):
        raise DataError(
            f'{where}: is no JSON object; write one object a line, without a list around them, or set format = "json" '
            "for one list"
        )
    return value


def is_text_pair(value: Any) -> bool:
    """Whether this is a text and an object with its spans, ``["text", {"entities": …}]``, as in spaCy's examples."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)


def is_rows(value: Any) -> bool:
    """Whether this is a sentence as a list of lists of strings, of two or more each, as many in each."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, list) and all(isinstance(cell, str) for cell in row) for row in value)
        and len({len(row) for row in value}) == 1
        and len(value[0]) > 1
    )


def _list_in(text: str, name: str) -> list[Any]:
    """The items of a file of one list, or of the one list in its object, as ``{"data": [...]}``."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{name}{line}: is not JSON ({reason}); copy the file again, or is it JSON lines?") from None
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and not _plain(inner)]
        value = lists[0] if len(lists) == 1 else value
    if not isinstance(value, list):
        raise DataError(f'{name}: holds no list of JSON objects; give one, or is it JSON lines (format = "jsonl")?')
    return value


def sentence_of(
    record: Record, token_key: str, tag_key: str, labels: Sequence[str], where: str, line: int
) -> Sentence | None:
    """The sentence of a record, None where it has no word; DataError, beginning with ``where``, for a broken one."""
    tokens = _strings(_look_up(record, token_key, "token_column", where), token_key, where)
    values = _list(_look_up(record, tag_key, "tag_column", where), tag_key, where)
    if len(tokens) != len(values):
        raise DataError(
            f"{where}: {len(tokens)} in {token_key!r}, but {len(values)} in {tag_key!r}; give each token one tag"
        )
    if not _plain(values):
        values = [_named(value, labels, f"{where}: {tag_key!r}") for value in values]
    tags = _strings(values, tag_key, where, null=True)
    return None if tokens in ((), (DOCSTART,)) else Sentence(tokens, tags, line)


def words_of(record: Record, key: str, where: str) -> list[tuple[str, ...]] | list[list[Token]]:
    """The sentences of a record as words: of a list of words the one, of a text all, with the places of their words.

    Raises DataError, beginning with ``where``, where the key has something else.
    """
    value = _look_up(record, key, "--token-column", where)
    if is_text(value):
        return document_of(value, [], (), where).words.sentences()
    if not isinstance(value, list):
        raise DataError(f"{where}: {key!r} is no list of words and no text; name another key with --token-column")
    words = _strings(value, key, where)
    return [] if words in ((), (DOCSTART,)) else [words]


def leaves_of(record: Record, depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a record, with dots into its objects, and what is under them."""
    for key, value in record.items():
        if isinstance(value, Mapping) and depth:
            yield from ((f"{key}.{inner}", leaf) for inner, leaf in leaves_of(value, depth - 1))
        else:
            yield key, value


def _look_up(record: Record, key: str, setting: str, where: str, *, whole: bool = False) -> Any:
    found: Any = record
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = [name for name, _ in leaves_of(record)]
            there = first_of(known) or "its keys"
            raise DataError(f"{where}: has no {key!r}{nearest(key, known)}; set {setting} to one of {there}")
        found = found[part]
    if isinstance(found, Mapping) and found and not whole:
        inner = [f"{key}.{name}" for name, _ in leaves_of(found)]
        raise DataError(f"{where}: {key!r} is an object; set {setting} to one of {first_of(inner)}")
    return found


def _list(value: Any, key: str, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise DataError(f"{where}: {key!r} is no list; give a list with one string for each token")
    return value


def _plain(values: Sequence[Any]) -> bool:
    """Whether these are strings that any file could hold: the fast way to know it of all at once."""
    try:
        return not _UNWRITABLE.search("".join(values)) and "" not in values
    except TypeError:
        return False


def _strings(value: Any, key: str, where: str, *, null: bool = False) -> tuple[Any, ...]:
    """The list as a tuple of strings, and of None for null where that may be."""
    if isinstance(value, list) and _plain(value):
        return tuple(value)
    for number, text in enumerate(_list(value, key, where), start=1):
        if null and text is None:
            continue
        if not isinstance(text, str) or not text:
            what = "is empty" if text == "" else f"is {_json(text)}, not a string"
            raise DataError(f"{where}: number {number} in {key!r} {what}; correct it, or name another key")
        if _UNWRITABLE.search(text):
            raise DataError(
                f"{where}: number {number} in {key!r}, {shown(text)}, has a line end, a NUL or half a character; "
                "correct it"
            )
    return tuple(value)


def _named(value: Any, labels: Sequence[str], where: str) -> Any:
    """The name of an integer label; anything else as it is."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value == NO_LABEL:
        return None
    if not labels:
        raise DataError(f'{where} has integers; say what they stand for, from 0: labels = ["O", …]')
    if not 0 <= value < len(labels):
        raise DataError(
            f"{where} has {_json(value)}, but there are {len(labels)} labels, from 0; correct it or the labels"
        )
    return labels[value]


def _json(value: Any) -> str:
    """A value as JSON, cut to what a message can hold."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:39]}…"
