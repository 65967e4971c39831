"""Records with a text and its spans → ``Document``, as doccano, Label Studio, Prodigy and others write them.

``tool_spans`` shows how each tool writes spans, ``span_counting`` what their numbers count. If a span repeats the text
that it covers, the two must agree.

DyGIE++ and SciERC have the sentences of a document as lists of words,
``{"sentences": [["Ada", "sleeps"], …], "ner": [[[0, 0, "PER"]], …]}``: spans count the words of the document.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, chain, islice
from typing import Any

from tagmates.data.formats.offsets import COUNTS, INCLUSIVE, Count
from tagmates.data.formats.span_counting import Ends, counted, fits
from tagmates.data.formats.standoff import Annotation, Document, Words
from tagmates.data.formats.tool_spans import (
    annotators_of,
    are_spans_of_sentences,
    is_cancelled,
    is_number,
    is_on_hypertext,
    is_studio,
    marked_spans,
)
from tagmates.data.tokenize import Token
from tagmates.errors import DataError
from tagmates.formatting import first_of, shown

_HTML = re.compile(r"</?[a-z]\w*[^<>]*>|<!--|&(?:#\d+|[a-z]\w*);", re.IGNORECASE)


def document_of(
    text: Any, marked: Any, labels: Sequence[str], where: str, whole: Any = None, count: Count = COUNTS[0]
) -> Document:
    """The words of a text and its spans. Raises DataError, beginning with ``where``, for broken spans.

    ``text`` is a string, which is split into words, or a list of objects, its words; then ``whole`` is the string that
    they come from, if it is known. ``labels`` are the names of integer labels. ``count`` says what offsets in a string
    count; spans that repeat their text may count otherwise.
    """
    notes = []
    if isinstance(text, str) and _HTML.search(text) and is_on_hypertext(marked):
        raise DataError(f"{where}: its spans are on HTML, which is not read; annotate the text without mark-up")
    if isinstance(text, str):
        words = Words.of(text)
    else:
        tokens = _tokens(text, where)
        words = Words.given([tokens] if tokens else [])
        text, count = whole if isinstance(whole, str) else _spaced(tokens), COUNTS[0]
    given = list(marked_spans(marked, labels, where))
    spans = counted(given, text, count)
    if not all(fits(span, text) for span in spans) and all(span.covered is not None for span in spans):
        others = (counted(given, text, other) for other in (*COUNTS, INCLUSIVE))
        spans = next((found for found in others if all(fits(span, text) for span in found)), spans)
    annotations = []
    for original, span in zip(given, spans, strict=True):
        name = f"{shown(span.label)} at {original.start}-{original.end}"
        if not 0 <= span.start < span.end <= len(text):
            other_unit = len(text) < span.end <= len(text.encode(errors="replace"))
            raise DataError(
                f"{where}: {name} is empty or leaves the text of {len(text)} characters; correct the span"
                + (" (offsets count characters, and not bytes or UTF-16 units)" if other_unit else "")
            )
        if not fits(span, text):
            raise DataError(
                f"{where}: {name} covers {shown(text[span.start : span.end])}, but says that it is "
                f"{shown(span.covered or '')}; correct the span"
            )
        first, last = words.under(span.start, span.end, f"{where}: {name}")
        annotations.append(Annotation(name, span.label, ((span.start, span.end),), first, last, where))
    if is_studio(marked) and sum(not is_cancelled(item) for item in marked) > 1:
        notes.append(f"{where}: there are several annotations; the first that is not cancelled is read")
    people = [shown(str(name)) for name in annotators_of(marked)]
    if len(people) > 1:
        notes.append(
            f"{where}: its spans are of several annotators, {first_of(people)}; those of {people[0]} are read (all, if "
            "spans name no annotators)"
        )
    return Document(text, words, annotations, notes)


def document_of_sentences(
    sentences: Sequence[Sequence[str]], marked: Any, labels: Sequence[str], where: str
) -> Document:
    """As ``document_of``, for sentences of words and the spans of each, which count the words of all, inclusively."""
    if not are_spans_of_sentences(marked) or len(marked) != len(sentences):
        raise DataError(f"{where}: gives no list of spans for each of the {len(sentences)} sentences; correct it")
    document = document_of_words([*chain(*sentences)], [*chain(*marked)], labels, where, "inclusive")
    words = iter(document.words.tokens)
    return replace(document, words=Words.given([[*islice(words, len(own))] for own in sentences if own]))


def document_of_words(tokens: Sequence[str], marked: Any, labels: Sequence[str], where: str, ends: Ends) -> Document:
    """As ``document_of``, for a list of words and spans that count these words."""
    starts = list(accumulate((len(token) + 1 for token in tokens), initial=0))
    words = [{"text": token, "start": at, "end": at + len(token)} for token, at in zip(tokens, starts, strict=False)]
    spans = []
    for number, span in enumerate(marked_spans(marked, labels, where), start=1):
        last = span.end - (ends == "exclusive")
        if not 0 <= span.start <= last < len(words):
            raise DataError(
                f"{where}: span {number}, {span.start}-{span.end}, is empty or leaves the {len(words)} words (ends are "
                f"{ends}); correct it"
            )
        spans.append([starts[span.start], starts[last] + len(tokens[last]), span.label])
    return document_of(words, spans, (), where)


def _tokens(items: Sequence[Any], where: str) -> list[Token]:
    """The words listed in a record, except those of white space."""
    tokens = []
    last = 0
    for number, item in enumerate(items, start=1):
        text, start, end = (
            (item.get(key) for key in ("text", "start", "end")) if isinstance(item, Mapping) else (0, 0, 0)
        )
        if not isinstance(text, str) or not is_number(start) or not is_number(end) or not last <= start < end:
            raise DataError(f"{where}: token {number} has no text, start and end, in ascending order; correct it")
        last = end
        if text.strip():
            tokens.append(Token(text, start, end))
    return tokens


def _spaced(tokens: Sequence[Token]) -> str:
    """A text in which the words stand at their positions."""
    parts: list[str] = []
    length = 0
    for token in tokens:
        if token.start - length > 2**20:  # no real text has so much space between words
            break
        parts += [" " * (token.start - length), token.text]
        length = max(token.start, length) + len(token.text)
    return "".join(parts)
