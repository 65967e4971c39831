"""What the numbers of spans count: characters or something else, with exclusive or inclusive ends.

Offsets count characters (Unicode code points) from 0, and the end is exclusive. If the spans of a file begin and end
with words only if offsets count otherwise (see ``offsets``), or if their ends are inclusive, they count so.

Beside a list of plain words, spans count words. In GLiNER's files (``"tokenized_text": […], "ner": [[0, 1, "PER"]]``)
ends are inclusive, and so they are if a tenth of the spans of the task start where they end; fewer are mistakes. In
other files, spans that are objects, such as SpERT's, have exclusive ends.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from tagmates.data.formats.offsets import COUNTS, INCLUSIVE, Count, are_alike
from tagmates.data.formats.standoff import Words
from tagmates.data.formats.tool_spans import MarkedSpan, are_spans, are_words, readable_spans
from tagmates.errors import DataError

Ends = Literal["inclusive", "exclusive"]
MIN_ALIKE_SHARE = 0.1  # the share of spans that start where they end from which on ends are inclusive


def count_of(records: Iterable[tuple[str, Any]]) -> Count:
    """What the offsets of these texts count, each given with its spans: that in which most spans fit.

    A span fits that covers the text that it repeats, or else begins and ends with a word. Another count than that of
    characters must fit more than twice as many spans that one of the two fits alone. Ends are inclusive if most spans
    fit only so.
    """
    records = list(records)
    cut = [_is_cut(text, span) for text, marked in records for span in readable_spans(marked)]
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
    spans = list(readable_spans(marked))
    for ways in zip(*(counted(spans, text, count) for count in COUNTS), strict=True):
        yield tuple(
            fits(span, text) and (span.covered is not None or (span.start in starts and span.end in ends))
            for span in ways
        )


def _is_cut(text: str, span: MarkedSpan) -> bool:
    """Whether a span lacks its last character, so that its end seems to be inclusive.

    A span that begins with white space is rather shifted.
    """
    if text[span.start : span.start + 1].isspace():
        return False
    whole = replace(span, end=span.end + 1)
    if span.covered is not None:
        return fits(whole, text) and not fits(span, text)
    starts, ends = _is_inside(text, span.start), _is_inside(text, whole.end)
    return fits(whole, text) and not starts and not ends and (span.end == span.start or _is_inside(text, span.end))


def _is_inside(text: str, at: int) -> bool:
    """Whether this place is between two letters or digits."""
    return at > 0 and len(around := text[at - 1 : at + 1]) == 2 and around.isalnum()


def counted(spans: Sequence[MarkedSpan], text: str, count: Count) -> list[MarkedSpan]:
    """The spans with the places of their characters in the text, -1 where there is none."""
    if count == COUNTS[0]:
        return list(spans)
    place = count.places(text)
    return [
        replace(span, start=place.get(span.start, -1), end=place.get(span.end + count.inclusive, -1)) for span in spans
    ]


def fits(span: MarkedSpan, text: str) -> bool:
    """Whether a span lies in the text and covers what it says that it covers, apart from white space."""
    return 0 <= span.start < span.end <= len(text) and (
        span.covered is None or span.covered.split() == text[span.start : span.end].split()
    )


def ends_of(key: str, spans: Sequence[Any], where: str, elsewhere: Iterable[bool] = ()) -> Ends | None:
    """Whether the ends of spans that count words are inclusive or exclusive; None if most ``spans`` are not spans.

    ``key`` is the key of the words; ``spans`` are the lists of spans of all records of a file, ``elsewhere`` tells of
    each span in all files of the task whether it starts and ends alike, and is asked only if need be. Raises DataError
    if it is not clear.
    """
    if spans and all(value == [] for value in spans):  # of spans without any end, if other files have spans
        return "exclusive" if any(True for _ in elsewhere) else None
    marked = [value for value in spans if not are_words(value)]
    own = starts_and_ends(marked)
    if not own or 2 * sum(map(are_spans, spans)) <= len(spans):
        return None
    if key.rpartition(".")[2] == "tokenized_text":
        return "inclusive"
    alike = Counter(elsewhere) or own
    if alike[True] and alike[True] >= MIN_ALIKE_SHARE * alike.total():
        return "inclusive"
    if all(isinstance(item, Mapping) for value in spans if isinstance(value, list) for item in value):
        return "exclusive"
    raise DataError(
        f"{where}: the spans count words, but nothing tells whether their ends are inclusive; write objects with "
        'start, end (exclusive) and type, or call the words "tokenized_text" as GLiNER does, with inclusive ends'
    )


def starts_and_ends(spans: Iterable[Any]) -> Counter[bool]:
    """How many spans in these lists start and end alike, as one word does with inclusive ends, and how many do not."""
    return Counter(span.start == span.end for value in spans for span in readable_spans(value))
