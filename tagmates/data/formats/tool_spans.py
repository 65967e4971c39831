"""The spans of a record as each annotation tool writes them → ``MarkedSpan``.

A span is ``[start, end, label]``, ``[label, start, end]``, each perhaps with the covered text behind, or an object with
these values under the names that one of the tools uses. What its numbers count is told elsewhere (``span_counting``).

* doccano: ``{"text": …, "label": [[0, 4, "PER"]]}``, ``"entities": [{"start_offset": …, "end_offset": …, "label": …}]``
  (of several annotators, ``"user": 1``, those of the first name or number)
* Label Studio: ``{"data": {"text": …}, "annotations": [{"result": [{"value": {"start": …, "labels": […]}}]}]}``, of
  several annotators the first who did not cancel; JSON-MIN: ``{"text": …, "label": [{"start": …, "labels": […]}]}``
* Prodigy: ``{"text": …, "tokens": [{"text": …, "start": …}], "spans": [{"start": …, "label": …}]}``;
  records with another answer than accept are left out
* Argilla: ``{"text": …, "ner.responses": [[{"start": …, "end": …, "label": …}]], "ner.responses.status": [...]}``, of
  several responses the first that was submitted; Argilla 1: ``{"text": …, "annotation": [["PER", 0, 4]]}``
* spaCy: ``["text", {"entities": [[0, 4, "PER"]]}]``
* Dataturks: ``{"content": …, "annotation": [{"label": ["PER"], "points": [{"start": 0, "end": 3, "text": …}]}]}``
* Google: ``{"textContent": …, "textSegmentAnnotations": [{"startOffset": 0, "endOffset": 4, "displayName": "PER"}]}``,
  or ``"annotations": [{"text_extraction": {"text_segment": {"start_offset": …}}, "display_name": "PER"}]``
* Azure: ``{"text": …, "entities": [{"category": "PER", "offset": 0, "length": 4}]}``
* Presidio: ``{"full_text": …, "spans": [{"entity_type": "PER", "start_position": 0, "end_position": 4}]}``
* CLUENER: ``{"text": …, "label": {"name": {"Ada": [[0, 2]]}}}``, whose ends are inclusive
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeGuard

from tagmates.errors import DataError
from tagmates.formatting import first_of, shown

PROVISIONAL_NAMES = tuple(f"label{number}" for number in range(1000))  # provisional names for integers
_START = (
    "start",
    "start_offset",
    "startOffset",
    "start_char",
    "start_pos",
    "startPos",
    "start_idx",
    "begin",
    "offset",
    "start_position",
)
_END = ("end", "end_offset", "endOffset", "end_char", "end_pos", "endPos", "end_idx", "end_position")
_LABEL = (
    "label",
    "labels",
    "entity_type",
    "entity_group",
    "type",
    "tag",
    "class",
    "category",
    "label_type",
    "display_name",
    "displayName",
    "entity",
    "entityLabel",
)
_ANNOTATOR = ("user", "annotator")
_BARE_SPAN = {"start", "end", "startOffset", "endOffset", "globalOffsets", "text"}  # Label Studio's, without a label
_CANCELLATION_KEYS = ("was_cancelled", "skipped")


@dataclass(frozen=True, slots=True)
class MarkedSpan:
    """A span of a text as it stands in a record; ``covered`` is the text that the record says it covers, if any."""

    start: int
    end: int
    label: str
    covered: str | None


def marked_spans(value: Any, labels: Sequence[str], where: str) -> Iterator[MarkedSpan]:
    """Yield the spans of a list, whichever tool wrote it."""
    if _is_cluener(value):
        for label, texts in value.items():
            for covered, places in texts.items():
                for start, end in places:
                    yield MarkedSpan(start, end + 1, label, covered)
        return
    if value == {}:  # CLUENER, where a text has no spans
        return
    if isinstance(value, Mapping):  # a data set that keeps a list of objects as an object of lists
        columns = list(value.values())
        if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
            raise DataError(f"{where}: an object stands where a list of spans is to be; name another key")
        value = [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    if not isinstance(value, list):
        raise DataError(f'{where}: there is no list of spans, such as [[0, 4, "PER"]]; name another key')
    if is_studio(value):
        value = _studio_results(value, where)
    elif are_responses(value):
        value = next((each for each in value if each is not None), [])
    people = annotators_of(value)
    for number, item in enumerate(value, start=1):
        if people[1:] and _first(item, _ANNOTATOR) not in (None, people[0]):
            continue
        yield from _of_item(item, labels, f"{where}: span {number}")


def _studio_results(annotations: Sequence[Mapping[str, Any]], where: str) -> list[Any]:
    """The results of the first annotation of Label Studio that is not cancelled."""
    results: list[Any] = next((item["result"] for item in annotations if not is_cancelled(item)), [])
    texts = sorted({str(item["to_name"]) for item in results if _is_on_text(item)})
    if len(texts) > 1:
        raise DataError(f"{where}: its spans are on several texts (to_name {first_of(texts)}); keep those of one text")
    return results


def readable_spans(marked: Any, labels: Sequence[str] = PROVISIONAL_NAMES) -> Iterator[MarkedSpan]:
    """Yield the spans of a list up to the first broken one."""
    with suppress(DataError):
        yield from marked_spans(marked, labels, "")


def is_text(value: Any) -> bool:
    """Whether this is a text, or a list of words with their places in one; not a list of plain words or of spans."""
    first = value[0] if isinstance(value, list) and value else None
    words = (
        isinstance(first, Mapping) and isinstance(first.get("text"), str) and not any(key in first for key in _LABEL)
    )
    return isinstance(value, str) or words


def are_words(value: Any) -> bool:
    """Whether this is a list of plain words, with at least one."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def are_sentences(value: Any) -> bool:
    """Whether this is a list of sentences, each a list of plain words; some may be empty."""
    return (
        isinstance(value, list) and any(map(are_words, value)) and all(are_words(item) or item == [] for item in value)
    )


def are_spans(value: Any) -> bool:
    """Whether this is a list of spans; it may be empty, and some may be broken."""
    if are_responses(value):
        return all(map(are_spans, filter(None, value)))
    if value in ([], {}) or is_studio(value):
        return True
    if isinstance(value, list):
        return any(map(_is_span, value))
    return any(True for _ in readable_spans(value, ()))


def _is_span(item: Any) -> bool:
    labels = PROVISIONAL_NAMES if isinstance(item, Mapping) else ()  # a list of three numbers may be anything
    with suppress(DataError):
        return any(True for _ in _of_item(item, labels, ""))
    return False


def are_spans_of_sentences(value: Any) -> bool:
    """Whether this is a list with the spans of each sentence; all may be empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(own, list) and are_spans(own) for own in value)


def _of_item(item: Any, labels: Sequence[str], where: str) -> Iterator[MarkedSpan]:
    """Yield the span of an item of a list, once for each of its labels, if it is one."""
    if isinstance(item, Mapping):
        for own in _objects_of(item):
            start, end, label = (_first(own, keys) for keys in (_START, _END, _LABEL))
            covered = own.get("text", own.get("entity") if "type" in own else None)  # CBLUE has entity and type
            yield from _with_labels(start, end, label, covered, labels, where)
    elif isinstance(item, list) and (len(item) == 3 or _has_covered_text(item)):
        label, start, end = item[:3] if isinstance(item[0], str) else (item[2], item[0], item[1])
        yield from _with_labels(start, end, label, item[3] if item[3:] else None, labels, where)
    else:
        yield from _with_labels(None, None, None, None, labels, where)


def _has_covered_text(item: Sequence[Any]) -> bool:
    """Whether a list is start, end and label in any of their orders, and the text that the span covers."""
    return len(item) == 4 and isinstance(item[3], str) and (isinstance(item[0], str) or isinstance(item[2], str))


def _objects_of(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objects with start, end and label in an item of a list; none if it is no span."""
    value, points, extraction = (item.get(key) for key in ("value", "points", "text_extraction"))
    if isinstance(value, Mapping):  # of Label Studio
        kind = next((name for name in value if name.lower().endswith("labels")), None)
        if kind is None and not _is_bare_span(value):  # a choice, a rating, a text
            return []
        return [{**value, **_object_in(value, "globalOffsets"), "labels": value.get(kind)}]
    if "from_id" in item or item.get("type") == "relation":
        return []
    if isinstance(points, list):  # of Dataturks, which leaves an empty label where one was deleted
        label = item.get("label")
        return [{**point, "label": label} for point in points if isinstance(point, Mapping)] if label else []
    if isinstance(extraction, Mapping):  # of AutoML
        return [{"start_offset": 0, **item, **_object_in(extraction, "text_segment")}]
    missing: dict[str, Any] = {"startOffset": 0} if "displayName" in item else {}  # Google's JSON leaves zeros out
    if is_number(item.get("offset")) and is_number(item.get("length")):  # of Azure
        missing = {"end": item["offset"] + item["length"]}
    place = item.get("span")  # {"name": "Ada", "span": [0, 3], "type": "PER"}
    if isinstance(place, list) and len(place) == 2 and not any(key in item for key in (*_START, *_END)):
        missing = {"start": place[0], "end": place[1]}
    return [{**missing, **item}]


def _object_in(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object at a key; an empty one if there is none."""
    value = item.get(key)
    return value if isinstance(value, Mapping) else {}


def _with_labels(
    start: Any, end: Any, label: Any, covered: Any, labels: Sequence[str], where: str
) -> Iterator[MarkedSpan]:
    start, end = (int(at) if isinstance(at, str) and re.fullmatch(r"\d{1,9}", at) else at for at in (start, end))
    if not is_number(start) or not is_number(end):
        raise DataError(f"{where} has no numbers for start and end; write [start, end, label], or name another key")
    for each in label if isinstance(label, list) and label else [label]:
        named = labels[each] if is_number(each) and 0 <= each < len(labels) else each
        if is_number(named):
            raise DataError(f'{where} has the label {named}; say what integers stand for, from 0: labels = ["PER", …]')
        if not isinstance(named, str) or not named:
            raise DataError(f"{where} has no label; give it one, or delete it")
        if any(mark in named for mark in "\0\r\n") or _is_broken(named):
            raise DataError(f"{where}: the label {shown(named)} has a line end, a NUL or half a character; correct it")
        yield MarkedSpan(start, end, named, covered if isinstance(covered, str) else None)


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
    return "its annotations are cancelled" if is_studio(value) and all(map(is_cancelled, value)) else ""


def annotators_of(value: Any) -> list[str | int]:
    """The people who marked these spans, in order, if the spans name them."""
    items = [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
    named = {name for item in items if isinstance(name := _first(item, _ANNOTATOR), str | int)}
    return sorted(named, key=lambda name: (isinstance(name, str), name))


def is_studio(value: Any) -> bool:
    """Whether these are Label Studio's annotations of a task, each with a result."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and isinstance(item.get("result"), list) for item in value)
    )


def is_on_hypertext(value: Any) -> bool:
    """Whether these are Label Studio's annotations of a page of HTML."""
    results = chain.from_iterable(item["result"] for item in value) if is_studio(value) else ()
    return any(isinstance(item, Mapping) and item.get("type") == "hypertextlabels" for item in results)


def is_cancelled(annotation: Mapping[str, Any]) -> bool:
    """Whether an annotator of Label Studio cancelled or skipped an annotation."""
    return any(annotation.get(key) is True for key in _CANCELLATION_KEYS)


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
            and all(isinstance(place, list) and len(place) == 2 and all(map(is_number, place)) for place in places)
            for texts in value.values()
            for places in texts.values()
        )
    )


def _first(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """The value of the first of these keys that the item has."""
    return next((item[key] for key in keys if key in item), None)


def is_number(value: Any) -> TypeGuard[int]:
    """Whether a value is an integer, and not true or false."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
