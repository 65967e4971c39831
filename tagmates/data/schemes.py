"""Tags ⇄ spans, in the four ways in which corpora write spans.

========  ==============================================================================
iob1      ``I`` on every token of a span; ``B`` on the first of one that touches another of its label
iob2      ``B`` on the first token of a span, ``I`` on the others
iobes     as iob2, but ``E`` on the last token of a span, ``S`` on the only one
plain     every tag other than ``O`` is a span of one token; neighbours never merge
========  ==============================================================================

A label follows its prefix after a hyphen and may hold hyphens itself; a bare ``B`` or ``I`` has the label "".

The tag of a token without a label is None. It breaks no scheme, for it may begin, continue or end whatever stands
beside it. A span ends before it as before ``O``; where its tags say that it goes on there it is cut, see
``without_cut_spans``.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Literal, get_args

from tagmates.data.sentence import Span
from tagmates.errors import ConfigError, DataError
from tagmates.wording import shown

Scheme = Literal["iob1", "iob2", "iobes", "plain"]
Repair = Literal["begin", "error"]

_TAGS = {
    "iob1": re.compile(r"([BI])(?:-(.+))?", re.DOTALL),
    "iob2": re.compile(r"([BI])(?:-(.+))?", re.DOTALL),
    "iobes": re.compile(r"([BIES])(?:-(.+))?", re.DOTALL),
    "plain": re.compile(r"()(.*)", re.DOTALL),
}

_SPAN_TAG = re.compile(r"O|[BIES](?:-.+)?", re.DOTALL)

_Parsed = tuple[str, str]
"""The prefix and the label of a tag."""
_OUTSIDE: _Parsed = ("O", "")
_UNKNOWN: _Parsed = ("?", "")


def are_span_tags(tags: Collection[str]) -> bool:
    """Whether these distinct tags are those of spans: a hyphen behind a prefix somewhere, or both B and I alone."""
    if not all(_SPAN_TAG.fullmatch(tag) for tag in tags):
        return False
    return any("-" in tag for tag in tags) or {"B", "I"} <= set(tags)


def scheme_of_labels(labels: Collection[str]) -> Scheme:
    """The scheme in which a layer of these labels is to be read: iobes, iob2 (which reads iob1 as well) or plain."""
    if not are_span_tags(labels):
        return "plain"
    return "iobes" if any(label[0] in "ES" for label in labels) else "iob2"


def is_tag_of(tag: str, scheme: Scheme) -> bool:
    """Whether the scheme has such a tag."""
    return tag == "O" or _TAGS[scheme].fullmatch(tag) is not None


def spans_of(tags: Sequence[str | None], scheme: Scheme, repair: Repair = "begin") -> list[Span]:
    """Return the spans of one sentence's tags, in order.

    ``repair`` says what becomes of ill-formed tags: with "begin" a continuation that continues nothing (``I`` or ``E``
    after ``O`` or after another label) begins a span, and a span that no ``E`` closes ends before the next one or
    ``O``, as in conlleval; with "error" they raise DataError. A tag that the scheme lacks raises DataError with both.
    """
    _check_choice("repair", repair, get_args(Repair))
    if repair == "error" and (violation := first_violation(tags, scheme)):
        index, wrong = violation
        raise DataError(f"token {index + 1}: {wrong}; correct the tags, or name the scheme that they follow")
    spans = []
    start, previous = 0, _OUTSIDE
    for index, tag in enumerate([*tags, "O"]):
        current = _parse(tag, scheme)
        if not _continues(previous, current):
            if _is_open(previous):
                spans.append(Span(start, index, previous[1]))
            start = index
        if current[0] in ("E", "S"):
            spans.append(Span(start, index + 1, current[1]))
        previous = current
    return spans


def tags_of(spans: Iterable[Span], length: int, scheme: Scheme) -> tuple[str, ...]:
    """Return ``length`` tags that mark the spans, which may come in any order.

    Plain tags repeat a span's label on each of its tokens, so only spans of one token come back from them. Raises
    DataError for spans that are empty, overlap or leave the sentence, and for the labels "" and "O" in plain tags.
    """
    _check_choice("scheme", scheme, get_args(Scheme))
    tags = ["O"] * length
    before = Span(0, 0, "")
    for span in sorted(spans):
        _check_span(span, before, length, scheme)
        touches = span.start > 0 and (span.start, span.label) == (before.end, before.label)
        tags[span.start : span.end] = _written(span, touches, scheme)
        before = span
    return tuple(tags)


def convert(
    tags: Sequence[str | None], source: Scheme, target: Scheme, repair: Repair = "begin"
) -> tuple[str | None, ...]:
    """Return the tags of one scheme in another, None where there is no label and in spans that are cut.

    Raises what ``spans_of`` and ``tags_of`` raise.
    """
    written = tags_of(spans_of(tags, source, repair), len(tags), target)
    known = without_cut_spans(tags, source)
    return tuple(None if tag is None else new for tag, new in zip(known, written, strict=True))


def without_cut_spans(tags: Sequence[str | None], scheme: Scheme) -> tuple[str | None, ...]:
    """Return the tags, but None in every span that is cut: that goes on, as its tags say, in a token without a label.

    So do ``I`` and ``E`` right after such a token (in iob2 and iobes), ``B`` and ``I`` right before one (in iobes).
    """
    known = list(tags)
    if None in known and scheme in ("iob2", "iobes"):
        for span in spans_of(tags, scheme):
            first, last = _parse(tags[span.start], scheme)[0], _parse(tags[span.end - 1], scheme)[0]
            before = span.start > 0 and tags[span.start - 1] is None and first in ("I", "E")
            after = span.end < len(tags) and tags[span.end] is None and last in ("B", "I") and scheme == "iobes"
            if before or after:
                known[span.start : span.end] = [None] * (span.end - span.start)
    return tuple(known)


def first_violation(tags: Sequence[str | None], scheme: Scheme) -> tuple[int, str] | None:
    """Return the index of the first tag that breaks the scheme and what is wrong with it, or None."""
    if scheme == "plain":  # no tag breaks it
        return None
    previous = _OUTSIDE
    for index, tag in enumerate([*tags, "O"]):
        if tag is None:
            previous = _UNKNOWN
            continue
        try:
            current = _parse(tag, scheme)
        except DataError as error:
            return index, str(error)
        continues = previous == _UNKNOWN or _continues(previous, current)
        if scheme == "iobes" and _is_open(previous) and not continues:
            return index - 1, f"no E tag closes the span of {shown(tags[index - 1] or '')}"
        if scheme == "iob1":
            touches = previous == _UNKNOWN or (_is_open(previous) and previous[1] == current[1])
            if current[0] == "B" and not touches:
                return index, f"{shown(tag)} touches no earlier span of its label, and only then does IOB1 write B"
        elif current[0] in ("I", "E") and not continues:
            return index, f"{shown(tag)} continues no span"
        previous = current
    return None


@lru_cache(maxsize=4096)  # a corpus has few distinct tags
def _parse(tag: str | None, scheme: Scheme) -> _Parsed:
    """Split a tag; a plain one is an ``S`` of its own."""
    _check_choice("scheme", scheme, get_args(Scheme))
    if tag is None or tag == "O":
        return _OUTSIDE
    match = _TAGS[scheme].fullmatch(tag)
    if match is None:
        raise DataError(f"{shown(tag)} is no {scheme} tag")
    return match[1] or "S", match[2] or ""


def _is_open(tag: _Parsed) -> bool:
    """Whether the span of this tag may go on in the next one."""
    return tag[0] in ("B", "I")


def _continues(previous: _Parsed, current: _Parsed) -> bool:
    return current[0] in ("I", "E") and _is_open(previous) and previous[1] == current[1]


def _written(span: Span, touches: bool, scheme: Scheme) -> list[str]:
    size = span.end - span.start
    if scheme == "plain":
        return [span.label] * size
    prefixes = ["I"] * size
    if scheme != "iob1" or touches:
        prefixes[0] = "B"
    if scheme == "iobes":
        prefixes[-1] = "E" if size > 1 else "S"
    return [f"{prefix}-{span.label}" if span.label else prefix for prefix in prefixes]


def _check_span(span: Span, before: Span, length: int, scheme: Scheme) -> None:
    if not 0 <= span.start < span.end <= length:
        raise DataError(f"{span} does not lie in a sentence of {length} tokens; give start < end, counted from 0")
    if span.start < before.end:
        raise DataError(f"{before} and {span} overlap; one layer of tags marks each token once")
    if scheme == "plain" and span.label in ("", "O"):
        raise DataError(f"{span} has a label that plain tags cannot say; choose another label or scheme")


def _check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"no {what} is called {value!r}; choose one of {', '.join(known)}")
