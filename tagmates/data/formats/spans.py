"""Records with a text and its spans → ``Document``, as doccano, Label Studio, Prodigy and others write them.

A span is ``[start, end, label]``, or an object with these values under the names that one of the tools uses. Offsets
count characters (Unicode code points) from 0; the end is exclusive. If the spans of a file begin and end with words
only if offsets count otherwise (see ``offsets``), or if their ends are inclusive, they count so. If a span repeats the
text that it covers, the two must agree.

* doccano: ``{"text": …, "label": [[0, 4, "PER"]]}``, ``"entities": [{"start_offset": …, "end_offset": …, "label": …}]``
  (of several annotators, ``"user": 1``, those of the first name or number)
* Label Studio: ``{"data": {"text": …}, "annotations": [{"result": [{"value": {"start": …, "labels": […]}}]}]}``, of
  several annotators the first who did not cancel; JSON-MIN: ``{"text": …, "label": [{"start": …, "labels": […]}]}``
* Prodigy: ``{"text": …, "tokens": [{"text": …, "start": …}], "spans": [{"start": …, "label": …}]}``;
  records with another answer than accept are left out
* Argilla: ``{"text": …, "ner.responses": [[{"start": …, "end": …, "label": …}]], "ner.responses.status": [...]}``, of
  several responses the first that was submitted; Argilla 1: ``{"text": …, "annotation": [["PER", 0, 4]]}``
* spaCy: ``["text", {"entities": [[0, 4, "PER"]]}]``
* CLUENER: ``{"text": …, "label": {"name": {"Ada": [[0, 2]]}}}``, whose ends are inclusive

Beside a list of plain words, spans count words. In GLiNER's files (``"tokenized_text": […], "ner": [[0, 1, "PER"]]``)
ends are inclusive, and so they are if some span of the task starts where it ends. In other files, spans that are
objects, such as SpERT's, have exclusive ends.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import Any, Literal, TypeGuard

from tagmates.data.formats.offsets import COUNTS, INCLUSIVE, Count, are_alike
from tagmates.data.formats.standoff import Annotation, Document, Words
from tagmates.data.tokenize import Token
from tagmates.errors import DataError
from tagmates.formatting import first_of, shown

_PROVISIONAL_NAMES = tuple(f"label{number}" for number in range(1000))  # provisional names for integers
_START = ("start", "start_offset", "startOffset", "start_char", "begin")
_END = ("end", "end_offset", "endOffset", "end_char")
_LABEL = ("label", "labels", "entity", "entity_type", "entity_group", "type", "tag", "class")
_ANNOTATOR = ("user", "annotator")
_BARE_SPAN = {"start", "end", "startOffset", "endOffset", "globalOffsets", "text"}  # Label Studio's, without a label
Ends = Literal["inclusive", "exclusive"]
_CANCELLATION_KEYS = ("was_cancelled", "skipped")


@dataclass(frozen=True, slots=True)
class _Marked:
    """A span of a text as it stands in a record; ``covered`` is the text that the record says it covers, if any."""

    start: int
    end: int
    label: str
    covered: str | None


def is_text(value: Any) -> bool:
    """Whether this is a text, or a list of words with their places in one; not a list of plain words or of spans."""
    first = value[0] if isinstance(value, list) and value else None
    words = (
        isinstance(first, Mapping) and isinstance(first.get("text"), str) and not any(key in first for key in _LABEL)
    )
    return isinstance(value, str) or words


def are_spans(value: Any) -> bool:
    """Whether this is a list of spans; it may be empty, and some may be broken."""
    if are_responses(value):
        return all(map(are_spans, filter(None, value)))
    if value == [] or _is_studio(value):
        return True
    if isinstance(value, list):
        return any(map(_is_span, value))
    return any(True for _ in _readable(value, ()))


def _is_span(item: Any) -> bool:
    with suppress(DataError):
        return any(True for _ in _of_item(item, (), ""))
    return False


def document_of(
    text: Any, marked: Any, labels: Sequence[str], where: str, whole: Any = None, count: Count = COUNTS[0]
) -> Document:
    """The words of a text and its spans. Raises DataError, beginning with ``where``, for broken spans.

    ``text`` is a string, which is split into words, or a list of objects, its words; then ``whole`` is the string that
    they come from, if it is known. ``labels`` are the names of integer labels. ``count`` says what offsets in a string
    count; spans that repeat their text may count otherwise.
    """
    notes = []
    if isinstance(text, str):
        words = Words.of(text)
    else:
        tokens = _tokens(text, where)
        words = Words.given([tokens] if tokens else [])
        text, count = whole if isinstance(whole, str) else _spaced(tokens), COUNTS[0]
    given = list(_marked(marked, labels, where))
    spans = _counted(given, text, count)
    if not all(_fits(span, text) for span in spans) and all(span.covered is not None for span in spans):
        others = (_counted(given, text, other) for other in (*COUNTS, INCLUSIVE))
        spans = next((found for found in others if all(_fits(span, text) for span in found)), spans)
    annotations = []
    for original, span in zip(given, spans, strict=True):
        name = f"{shown(span.label)} at {original.start}-{original.end}"
        if not 0 <= span.start < span.end <= len(text):
            other_unit = len(text) < span.end <= len(text.encode(errors="replace"))
            raise DataError(
                f"{where}: {name} is empty or leaves the text of {len(text)} characters; correct the span"
                + (" (offsets count characters, and not bytes or UTF-16 units)" if other_unit else "")
            )
        if not _fits(span, text):
            raise DataError(
                f"{where}: {name} covers {shown(text[span.start : span.end])}, but says that it is "
                f"{shown(span.covered or '')}; correct the span"
            )
        first, last = words.under(span.start, span.end, f"{where}: {name}")
        annotations.append(Annotation(name, span.label, ((span.start, span.end),), first, last, where))
    if _is_studio(marked) and sum(not _is_cancelled(item) for item in marked) > 1:
        notes.append(f"{where}: there are several annotations; the first that is not cancelled is read")
    people = [shown(str(name)) for name in _annotators(marked)]
    if len(people) > 1:
        notes.append(
            f"{where}: its spans are of several annotators, {first_of(people)}; those of {people[0]} are read (all, if "
            "spans name no annotators)"
        )
    return Document(text, words, annotations, notes)


def are_words(value: Any) -> bool:
    """Whether this is a list of plain words, with at least one."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def count_of(records: Iterable[tuple[str, Any]]) -> Count:
    """What the offsets of these texts count, each given with its spans: that in which most spans fit.

    A span fits that covers the text that it repeats, or else begins and ends with a word. Another count than that of
    characters must fit more than twice as many spans that one of the two fits alone. Ends are inclusive if most spans
    fit only so.
    """
    records = list(records)
    cut = [_is_cut(text, span) for text, marked in records for span in _readable(marked)]
    if 2 * sum(cut) > len(cut):
        return INCLUSIVE
    fitting = [row for text, spans in records if not are_alike(text) for row in _fitting(text, spans)]
    gains = [sum(row[at] and not row[0] for row in fitting) for at in range(len(COUNTS))]
    losses = [sum(row[0] and not row[at] for row in fitting) for at in range(len(COUNTS))]
    best = max(range(len(COUNTS)), key=lambda at: gains[at] - losses[at])  # the first of equals
    return COUNTS[best] if gains[best] > 2 * losses[best] else COUNTS[0]


def _fitting(text: str, marked: Any) -> Iterator[tuple[bool, ...]]:
    """Yield for each span whether it fits, in each way of counting."""
    words = Words.of(text)
    starts, ends = {*words.starts}, {*words.ends}
    spans = list(_readable(marked))
    for ways in zip(*(_counted(spans, text, count) for count in COUNTS), strict=True):
        yield tuple(
            _fits(span, text) and (span.covered is not None or (span.start in starts and span.end in ends))
            for span in ways
        )


def _is_cut(text: str, span: _Marked) -> bool:
    """Whether a span lacks its last character, so that its end seems to be inclusive."""
    whole = replace(span, end=span.end + 1)
    if span.covered is not None:
        return _fits(whole, text) and not _fits(span, text)
    ends_inside = text[whole.end - 2 : whole.end].isalnum() and whole.end - span.start > 1
    return (
        _fits(whole, text) and (ends_inside or span.end == span.start) and not text[span.end : whole.end + 1].isalnum()
    )


def _counted(spans: Sequence[_Marked], text: str, count: Count) -> list[_Marked]:
    """The spans with the places of their characters in the text, -1 where there is none."""
    if count == COUNTS[0]:
        return list(spans)
    place = count.places(text)
    return [
        replace(span, start=place.get(span.start, -1), end=place.get(span.end + count.inclusive, -1)) for span in spans
    ]


def _readable(marked: Any, labels: Sequence[str] = _PROVISIONAL_NAMES) -> Iterator[_Marked]:
    """Yield the spans of a list up to the first broken one."""
    with suppress(DataError):
        yield from _marked(marked, labels, "")


def ends_of(key: str, spans: Sequence[Any], where: str, elsewhere: Iterable[bool] = ()) -> Ends | None:
    """Whether the ends of spans that count words are inclusive or exclusive; None if most ``spans`` are not spans.

    ``key`` is the key of the words; ``spans`` are the lists of spans of all records of a file, ``elsewhere`` tells of
    spans in other files whether they start and end alike, and is asked only if need be. Raises DataError if it is not
    clear.
    """
    if spans and all(value == [] for value in spans):  # of spans without any end, if other files have spans
        return "exclusive" if any(True for _ in elsewhere) else None
    marked = [value for value in spans if not are_words(value)]
    if not starts_and_ends(marked) or 2 * sum(map(are_spans, spans)) <= len(spans):
        return None
    if key.rpartition(".")[2] == "tokenized_text" or any(chain(starts_and_ends(marked), elsewhere)):
        return "inclusive"
    if all(isinstance(item, Mapping) for value in spans if isinstance(value, list) for item in value):
        return "exclusive"
    raise DataError(
        f"{where}: the spans count words, but nothing tells whether their ends are inclusive; write objects with "
        'start, end (exclusive) and type, or call the words "tokenized_text" as GLiNER does, with inclusive ends'
    )


def starts_and_ends(spans: Iterable[Any]) -> frozenset[bool]:
    """Whether the spans in these lists start and end alike, as one word does with inclusive ends: all that occurs."""
    return frozenset(span.start == span.end for value in spans for span in _readable(value))


def document_of_words(tokens: Sequence[str], marked: Any, labels: Sequence[str], where: str, ends: Ends) -> Document:
    """As ``document_of``, for a list of words and spans that count these words."""
    starts = list(accumulate((len(token) + 1 for token in tokens), initial=0))
    words = [{"text": token, "start": at, "end": at + len(token)} for token, at in zip(tokens, starts, strict=False)]
    spans = []
    for number, span in enumerate(_marked(marked, labels, where), start=1):
        last = span.end - (ends == "exclusive")
        if not 0 <= span.start <= last < len(words):
            raise DataError(
                f"{where}: span {number}, {span.start}-{span.end}, is empty or leaves the {len(words)} words (ends are "
                f"{ends}); correct it"
            )
        spans.append([starts[span.start], starts[last] + len(tokens[last]), span.label])
    return document_of(words, spans, (), where)


def _marked(value: Any, labels: Sequence[str], where: str) -> Iterator[_Marked]:
    """Yield the spans of a list, whichever tool wrote it."""
    if _is_cluener(value):
        for label, texts in value.items():
            for covered, places in texts.items():
                for start, end in places:
                    yield _Marked(start, end + 1, label, covered)
        return
    if isinstance(value, Mapping):  # a data set that keeps a list of objects as an object of lists
        columns = list(value.values())
        if not columns or not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
            raise DataError(f"{where}: an object stands where a list of spans is to be; name another key")
        value = [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    if not isinstance(value, list):
        raise DataError(f'{where}: there is no list of spans, such as [[0, 4, "PER"]]; name another key')
    if _is_studio(value):
        kept = next((item for item in value if not _is_cancelled(item)), None)
        value = kept["result"] if kept else []
        texts = sorted({str(item["to_name"]) for item in value if _is_on_text(item)})
        if len(texts) > 1:
            raise DataError(
                f"{where}: its spans are on several texts (to_name {first_of(texts)}); keep those of one text"
            )
    elif are_responses(value):
        value = next((each for each in value if each is not None), [])
    people = _annotators(value)
    for number, item in enumerate(value, start=1):
        if people[1:] and _first(item, _ANNOTATOR) not in (None, people[0]):
            continue
        yield from _of_item(item, labels, f"{where}: span {number}")


def _of_item(item: Any, labels: Sequence[str], where: str) -> Iterator[_Marked]:
    if isinstance(item, Mapping) and isinstance(item.get("value"), Mapping):  # of Label Studio
        value = item["value"]
        kind = next((name for name in value if name.lower().endswith("labels")), None)
        if kind is None and not _is_bare_span(value):  # a choice, a rating, a text
            return
        item = {**value, **(value.get("globalOffsets") or {}), "labels": value.get(kind)}
    elif isinstance(item, Mapping) and ("from_id" in item or item.get("type") == "relation"):
        return
    start: Any
    end: Any
    label: Any
    if isinstance(item, Mapping):
        start, end, label = (_first(item, keys) for keys in (_START, _END, _LABEL))
        covered = item.get("text")
    elif isinstance(item, list) and len(item) == 3:
        covered = None
        label, start, end = item if isinstance(item[0], str) else (item[2], item[0], item[1])
    else:
        start = end = label = covered = None
    if not _is_number(start) or not _is_number(end):
        raise DataError(f"{where} has no numbers for start and end; write [start, end, label], or name another key")
    for each in label if isinstance(label, list) and label else [label]:
        named = labels[each] if _is_number(each) and 0 <= each < len(labels) else each
        if _is_number(named):
            raise DataError(f'{where} has the label {named}; say what integers stand for, from 0: labels = ["PER", …]')
        if not isinstance(named, str) or not named:
            raise DataError(f"{where} has no label; give it one, or delete it")
        if any(mark in named for mark in "\0\r\n") or _is_broken(named):
            raise DataError(f"{where}: the label {shown(named)} has a line end, a NUL or half a character; correct it")
        yield _Marked(start, end, named, covered if isinstance(covered, str) else None)


def _tokens(items: Sequence[Any], where: str) -> list[Token]:
    """The words listed in a record, except those of white space."""
    tokens = []
    last = 0
    for number, item in enumerate(items, start=1):
        text, start, end = (
            (item.get(key) for key in ("text", "start", "end")) if isinstance(item, Mapping) else (0, 0, 0)
        )
        if not isinstance(text, str) or not _is_number(start) or not _is_number(end) or not last <= start < end:
            raise DataError(f"{where}: token {number} has no text, start and end, in ascending order; correct it")
        last = end
        if text.strip():
            tokens.append(Token(text, start, end))
    return tokens


def _spaced(tokens: Sequence[Token]) -> str:
    """A text in which the words stand at their positions."""
    text = ""
    for token in tokens:
        if token.start - len(text) > 2**20:  # no real text has so much space between words
            break
        text = text.ljust(token.start) + token.text
    return text


def _fits(span: _Marked, text: str) -> bool:
    return 0 <= span.start < span.end <= len(text) and (
        span.covered is None or span.covered.split() == text[span.start : span.end].split()
    )


def _is_studio(value: Any) -> bool:
    """Whether these are Label Studio's annotations of a task, each with a result."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and isinstance(item.get("result"), list) for item in value)
    )


def are_responses(value: Any) -> bool:
    """Whether these are Argilla's responses to a question: for each annotator a list of objects, or null."""
    lists = [each for each in value if each is not None] if isinstance(value, list) else []
    return bool(lists) and all(
        isinstance(each, list) and all(isinstance(item, Mapping) for item in each) for each in lists
    )


def why_not_annotated(record: Mapping[str, Any], value: Any) -> str:
    """Why Label Studio's task has no annotation: there is none, or all are cancelled; "" for all others."""
    if value == [] and isinstance(record.get("data"), Mapping):
        return "it is not annotated"
    return "its annotations are cancelled" if _is_studio(value) and all(map(_is_cancelled, value)) else ""


def _annotators(value: Any) -> list[str | int]:
    """The people who marked these spans, in order, if the spans name them."""
    items = [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
    named = {name for item in items if isinstance(name := _first(item, _ANNOTATOR), str | int)}
    return sorted(named, key=lambda name: (isinstance(name, str), name))


def _is_on_text(result: Any) -> bool:
    """Whether a result of Label Studio is a span, and names the text in which it is."""
    value = result.get("value") if isinstance(result, Mapping) else None
    return isinstance(value, Mapping) and {"start", "end"} <= value.keys() and "to_name" in result


def _is_bare_span(value: Mapping[str, Any]) -> bool:
    """Whether a value of Label Studio is a span that has lost its label, and not a choice, a rating or a comment."""
    return {"start", "end"} <= value.keys() <= _BARE_SPAN and not isinstance(value.get("text"), list)


def _is_cluener(value: Any) -> bool:
    """Whether these are CLUENER's spans: pairs of first and last character, by label and covered text."""
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(texts, Mapping) for texts in value.values())
        and all(
            isinstance(places, list)
            and all(isinstance(place, list) and len(place) == 2 and all(map(_is_number, place)) for place in places)
            for texts in value.values()
            for places in texts.values()
        )
    )


def _is_cancelled(annotation: Mapping[str, Any]) -> bool:
    return any(annotation.get(key) is True for key in _CANCELLATION_KEYS)


def _first(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """The value of the first of these keys that the item has."""
    return next((item[key] for key in keys if key in item), None)


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
