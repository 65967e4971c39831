"""Records → ``Sentence``: objects with lists of tokens and of tags, or with a text and its spans.

JSON files and Hugging Face data sets hold such records; the task names the keys. A dot goes into an object, if no key
has this dot in it: ``tags.upos`` is the list ``upos`` in the object ``tags``, as ``tagmates tag --output json`` writes
it. Integer tags are named by ``labels``, counted from 0. The tags null and -100 (which training code with subwords
writes) mark tokens without a label. If the tokens' key holds a text, or tokens with their positions in one, the tags'
key holds spans (see ``spans``); it may also hold spans beside a list of tokens. A text without spans may lack the tags'
key.

Records that were rejected or skipped in Prodigy, or are not annotated in Label Studio or Argilla, are left out. Of a
record that answers Prodigy's question about one span (``"_is_binary": true``), the other words have no label.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tagmates.data.formats.offsets import COUNTS, Count
from tagmates.data.formats.rows import is_document_start
from tagmates.data.formats.span_counting import Ends, count_of, ends_of
from tagmates.data.formats.spans import document_of, document_of_sentences, document_of_words
from tagmates.data.formats.standoff import Document, check_types, remarks_on, tag_words
from tagmates.data.formats.tool_spans import are_responses, are_sentences, are_words, is_text, why_not_annotated
from tagmates.data.schemes import Scheme
from tagmates.data.sentence import Sentence
from tagmates.data.tokenize import Token, with_marks
from tagmates.errors import DataError
from tagmates.formatting import first_of, shortened, shown, suggestion

Record = Mapping[str, Any]
NO_LABEL = -100  # an integer tag that torch's loss functions ignore
ANSWER_KEYS = frozenset({"answer", "_is_binary"})  # of Prodigy, beside those that a task names
MAX_DEPTH = 8  # depth of objects inside objects up to which keys are looked for
_FORBIDDEN_CHARACTERS = re.compile(
    r"[\x00\r\n\ud800-\udfff]"
)  # characters that no column file, or no file at all, can hold


class LocatedRecord(NamedTuple):
    """A record, its line or number in the file (from 1), and its place for messages."""

    record: Record
    line: int
    where: str


@dataclass(frozen=True, slots=True)
class RecordKeys:
    """How a task reads records: the keys of tokens and tags, the names of integer tags, and how spans become tags."""

    tokens: str = "tokens"
    tags: str = "tags"
    labels: Sequence[str] = ()
    scheme: Scheme = "plain"
    types: Collection[str] = ()
    ends: Ends | None = None  # of spans, and what their offsets count; set by ``with_counting``
    count: Count = COUNTS[0]


def sentences_of_records(
    records: Iterable[LocatedRecord], keys: RecordKeys, name: str, elsewhere: Iterable[bool] = ()
) -> list[Sentence]:
    """The sentences of records; ``name`` is that of their file, and ``elsewhere`` tells of others: see ``ends_of``.

    Records without a token and those of ``-DOCSTART-`` alone are skipped. Spans become tags of the scheme of ``keys``;
    of the types of ``keys`` only, if any are named. Raises DataError for missing keys, lists of other values or of
    unequal lengths, and spans that do not fit their text.
    """
    sentences: list[Sentence] = []
    used: Counter[str] = Counter()
    keys, records = with_counting(keys, records, name, elsewhere)
    for record, line, where in records:
        document = document_of_record(record, keys, where)
        if document is not None:
            used.update(annotation.label for annotation in document.annotations)
            parts = tag_words(document, keys.types, keys.scheme)
            found = [Sentence(tokens, tags, line) for _, tokens, tags in parts]
            sentences += map(_without_outside, found) if _is_binary(record) else found
        elif not _left_out(record, keys):
            sentence = sentence_of_record(record, keys.tokens, keys.tags, keys.labels, where, line)
            sentences += [sentence] if sentence else []
    check_types(keys.types, used, name)
    return sentences


def record_remarks(
    records: Iterable[LocatedRecord], keys: RecordKeys, name: str, elsewhere: Iterable[bool] = ()
) -> Iterator[str]:
    """Yield a remark, with its place, for each span that tags cannot express exactly; none for lists of tags."""
    keys, records = with_counting(keys, records, name, elsewhere)
    if keys.count != COUNTS[0]:
        yield f"{name}: its offsets {keys.count}, and are read so"
    for record, _, where in records:
        document = document_of_record(record, keys, where)
        if document is not None:
            yield from remarks_on(document, keys.types)
        elif why := _left_out(record, keys):
            yield f"{where}: {why}; it is left out"
        else:
            return  # all records of a file have the same form


def with_counting(
    keys: RecordKeys, records: Iterable[LocatedRecord], name: str, elsewhere: Iterable[bool] = ()
) -> tuple[RecordKeys, Iterable[LocatedRecord]]:
    """The keys with ``ends`` and ``count`` set, and the records again, all of which were looked at for this.

    Raises DataError if neither the records nor ``elsewhere`` (see ``ends_of``) tell whether ends of spans are
    inclusive, or if no text has spans.
    """
    if keys.scheme == "plain" or keys.ends is not None:
        return keys, records
    records = list(records)
    texts = [(text, each) for each in records if is_text(text := _peek(each.record, keys.tokens))]
    unanswered = [each for _, each in texts if "answer" not in each.record]
    if unanswered and all(_lacks_spans(each.record, keys) for each in unanswered):
        record, _, where = unanswered[0]
        document_of("", _look_up(record, keys.tags, "tag_column", where, whole=True), (), where)
    spans = [] if len(texts) == len(records) else list(spans_of_words(records, keys))
    ends = ends_of(keys.tokens, spans, name, elsewhere)
    count = count_of((text, _peek(each.record, keys.tags)) for text, each in texts if isinstance(text, str))
    return replace(keys, ends=ends or ("exclusive" if texts else None), count=count), records


def spans_of_words(records: Iterable[LocatedRecord], keys: RecordKeys) -> Iterator[Any]:
    """Yield what records with a list of words have in the place of spans."""
    for each in records:
        spans = _peek(each.record, keys.tags)
        if spans is not None and are_words(_peek(each.record, keys.tokens)):
            yield spans


def _peek(record: Record, key: str) -> Any:
    """The value of a key, None if the record lacks it; reading the record will report that."""
    with suppress(DataError):
        return _look_up(record, key, "", "", whole=True)
    return None


def document_of_record(record: Record, keys: RecordKeys, where: str) -> Document | None:
    """The text of a record and its spans; None if it holds lists of tokens and tags, or is left out."""
    if _left_out(record, keys):
        return None
    text = _look_up(record, keys.tokens, "token_column", where)
    if keys.scheme != "plain" and are_sentences(text):
        sentences = [_strings(own, keys.tokens, where) for own in text]
        spans = _look_up(record, keys.tags, "tag_column", where, whole=True)
        return document_of_sentences(sentences, spans, keys.labels, where)
    if keys.ends is not None and are_words(text):
        words = _strings(text, keys.tokens, where)
        spans = _look_up(record, keys.tags, "tag_column", where, whole=True)
        return document_of_words(words, spans, keys.labels, where, keys.ends)
    if not is_text(text):
        return None
    if keys.scheme == "plain":
        what = "is not a list" if isinstance(text, str) else "is a list of objects"
        raise DataError(
            f"{where}: {keys.tokens!r} {what}; give a list with one string for each token, or set "
            f'scheme = "iob2" where {keys.tags!r} holds spans of a text'
        )
    lacking = _lacks_spans(record, keys)  # Prodigy and Label Studio write a text without spans like this
    spans = [] if lacking else _look_up(record, keys.tags, "tag_column", where, whole=True)
    responses = _submitted(record, keys) if are_responses(spans) else []
    spans = responses[0] if responses else spans
    document = document_of(text, spans, keys.labels, where, record.get("text"), keys.count)
    if lacking and "answer" not in record:
        document.notes.append(f"{where}: has no {keys.tags!r}; it is read as a text without spans")
    if len(responses) > 1:
        document.notes.append(f"{where}: there are several responses; the first that was submitted is read")
    if _is_binary(record):
        document.notes.append(f"{where}: answers a question about one span (_is_binary); other words have no label")
    _check_words(document, where)
    return document


def _check_words(document: Document, where: str) -> None:
    if any(_FORBIDDEN_CHARACTERS.search(word.text) for word in document.words.tokens):
        raise DataError(f"{where}: the text has a NUL or half a character; correct it")


def _is_binary(record: Record) -> bool:
    """Whether a record of Prodigy answers a question about the spans in it, and says nothing about other words."""
    return record.get("_is_binary") is True


def _without_outside(sentence: Sentence) -> Sentence:
    """The sentence, with None for words outside of all spans."""
    return replace(sentence, tags=tuple(None if tag == "O" else tag for tag in sentence.labels))


def _left_out(record: Record, keys: RecordKeys) -> str:
    """Why a record is left out: rejected in Prodigy, or not annotated in Label Studio or Argilla; else ""."""
    if record.get("answer") in ("reject", "ignore"):
        return f"its answer is {shown(str(record['answer']))}, not accept"
    if keys.scheme == "plain":
        return ""
    value = _peek(record, keys.tags)
    if keys.tags.endswith(".responses") and not value and _under(record, keys.tags):
        return "it is not annotated"
    if are_responses(value) and not _submitted(record, keys):
        return "its responses are discarded or drafts"
    status = record.get("status") if keys.tags == "annotation" else None  # of Argilla 1
    if status == "Discarded" or (status == "Default" and value is None):
        return f"its status is {status}"
    return why_not_annotated(record, value)


def _submitted(record: Record, keys: RecordKeys) -> list[Any]:
    """Argilla's responses that were submitted; all of them if nothing tells this."""
    responses, states = _peek(record, keys.tags), _peek(record, f"{keys.tags}.status")
    if not isinstance(states, list) or len(states) != len(responses):
        states = ["submitted"] * len(responses)
    return [given for given, state in zip(responses, states, strict=True) if given is not None and state == "submitted"]


def _lacks_spans(record: Record, keys: RecordKeys) -> bool:
    """Whether a record lacks the key of tags, or has null there."""
    return _peek(record, keys.tags) is None


def sentence_of_record(
    record: Record, token_key: str, tag_key: str, labels: Sequence[str], where: str, line: int
) -> Sentence | None:
    """The sentence of a record; None if it has no word. Raises DataError, beginning with ``where``."""
    tokens = _strings(_look_up(record, token_key, "token_column", where), token_key, where)
    values = _list(_look_up(record, tag_key, "tag_column", where), tag_key, where)
    if len(tokens) != len(values):
        raise DataError(
            f"{where}: {len(tokens)} in {token_key!r}, but {len(values)} in {tag_key!r}; give each token one tag"
        )
    if not plain_strings(values):
        values = [_named(value, labels, f"{where}: {tag_key!r}") for value in values]
    tags = _strings(values, tag_key, where, null=True)
    return None if _is_blank(tokens) else Sentence(tokens, tags, line)


def words_in_record(
    record: Record, key: str, where: str, marks: Container[str] = ()
) -> list[tuple[str, ...]] | list[list[Token]]:
    """The words of each sentence of a record: of its list of words, or of its text, with the places of the words.

    The list may also hold a list of words for each of several sentences. The words of a text have these ``marks``
    (``tagmates.data.tokenize.with_marks``).

    Raises DataError, beginning with ``where``, if the key holds neither.
    """
    value = _look_up(record, key, "--token-column", where)
    if value is None:  # as pandas writes a missing text
        return []
    if is_text(value):
        document = document_of(value, [], (), where)
        _check_words(document, where)
        sentences = document.words.sentences()
        return [list(with_marks(own, value, marks)) for own in sentences] if isinstance(value, str) else sentences
    if not isinstance(value, list):
        raise DataError(f"{where}: {key!r} is neither a list of words nor a text; name another key with --token-column")
    if are_sentences(value):
        return [_strings(own, key, where) for own in value if own]
    words = _strings(value, key, where)
    return [] if _is_blank(words) else [words]


def sentence_lengths(record: Record, key: str) -> tuple[int, ...]:
    """The numbers of words of a record's sentences; empty unless it has a list of words for each sentence."""
    value = _peek(record, key)
    return tuple(map(len, value)) if are_sentences(value) else ()


def _is_blank(words: Sequence[str]) -> bool:
    """Whether these words are none, or only the mark between documents."""
    return not words or (len(words) == 1 and is_document_start(words[0]))


def leaves_of(record: Record, depth: int = MAX_DEPTH) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a record, with dots for keys inside its objects, and their values."""
    for key, value in record.items():
        if isinstance(value, Mapping) and depth:
            yield from ((f"{key}.{inner}", leaf) for inner, leaf in leaves_of(value, depth - 1))
        else:
            yield key, value


def _look_up(record: Record, key: str, setting: str, where: str, *, whole: bool = False) -> Any:
    there = _under(record, key)
    if not there:
        known = [name for name, _ in leaves_of(record)]
        named = first_of(known) or "its keys"
        raise DataError(
            f"{where}: has no {key!r}{suggestion(key, known)}; set {setting} to one of {named}, or add the key"
        )
    found = there[0]
    if isinstance(found, Mapping) and found and not whole:
        inner = [f"{key}.{name}" for name, _ in leaves_of(found)]
        raise DataError(f"{where}: {key!r} is an object; set {setting} to one of {first_of(inner)}")
    return found


def _under(record: Record, key: str) -> list[Any]:
    """The value of a key, alone in a list; an empty list if there is no such key."""
    if key in record:
        return [record[key]]
    for at, sign in enumerate(key):
        inner = record.get(key[:at]) if sign == "." else None
        if isinstance(inner, Mapping) and (found := _under(inner, key[at + 1 :])):
            return found
    return []


def _list(value: Any, key: str, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise DataError(f"{where}: {key!r} is not a list; give a list with one string for each token")
    return value


def plain_strings(values: Sequence[Any]) -> bool:
    """Whether all values are strings that a column file could hold; fast, since they are checked together."""
    try:
        return not _FORBIDDEN_CHARACTERS.search("".join(values)) and "" not in values
    except TypeError:
        return False


def _strings(value: Any, key: str, where: str, *, null: bool = False) -> tuple[Any, ...]:
    """The list as a tuple of strings; with ``null`` also of None."""
    if isinstance(value, list) and plain_strings(value):
        return tuple(value)
    for number, text in enumerate(_list(value, key, where), start=1):
        if null and text is None:
            continue
        if not isinstance(text, str) or not text:
            what = "is empty" if text == "" else f"is {_json(text)}, not a string"
            raise DataError(f"{where}: number {number} in {key!r} {what}; correct it, or name another key")
        if _FORBIDDEN_CHARACTERS.search(text):
            advice = "leave it out with its tag, or write a visible sign instead" if text.isspace() else "correct it"
            fault = "has a line end, a NUL or half a character"
            raise DataError(f"{where}: number {number} in {key!r}, {shown(text)}, {fault}; {advice}")
    return tuple(value)


def _named(value: Any, labels: Sequence[str], where: str) -> Any:
    """The name of an integer tag; any other value unchanged."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value == NO_LABEL:
        return None
    if not labels:
        raise DataError(f'{where} has integers; say what they stand for, from 0: labels = ["O", …]')
    if not 0 <= value < len(labels):
        raise DataError(
            f"{where} has {_json(value)}, but there are {len(labels)} labels, from 0; correct it or the labels, or "
            "write null if it means that a token has no label"
        )
    return labels[value]


def _json(value: Any) -> str:
    """A value as JSON, shortened for a message."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return shortened(json.dumps(value, default=str))
