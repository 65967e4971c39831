"""Tags ⇄ spans, in all schemes that corpora use.

========  ==============================================================================
iob1      ``I`` on every token of a span; ``B`` on the first token if the span touches an earlier one of its label
iob2      ``B`` on the first token of a span, ``I`` on the others
iobes     as iob2, but ``E`` on the last token of a span, ``S`` on a single token
bilou     as iobes, but ``L`` for ``E`` and ``U`` for ``S``
bmes      as iobes, but ``M`` for ``I``; ``W`` means the same as ``S``
ioe1      iob1 reversed: ``E`` on the last token of a span that touches a later one of its label, else ``I``
ioe2      ``E`` on the last token of a span, ``I`` on the others
io        the label alone, or after ``I``; adjacent tokens with the same label are one span
plain     every tag other than ``O`` is a span of one token; adjacent tokens are never merged
========  ==============================================================================

Files may use all of them. Training, scores and taggers use iob1, iob2, iobes and plain; the others are converted to
these when they are read (``trained_as``). A label follows its letter and a hyphen, and may contain hyphens; that of
a bare ``B`` or ``I`` is "". ``Notation`` describes files with another sign, the letter after the label, lower-case
letters, or another tag than ``O``.

The tag of a token without a label is None. It breaks no scheme, since the token may begin, continue or end any span
beside it. A span ends before it, as before ``O``. If the tags of the span say that it goes on there, it is cut (see
``without_cut_spans``).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from tagmates.data.sentence import Span
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import shown, suggestion

OUTSIDE = "O"  # the tag of a token outside of all spans, unless a task names another

Scheme = Literal["iob1", "iob2", "iobes", "plain"]
"""The schemes of training, scores and taggers."""
FileScheme = Literal["iob1", "iob2", "iobes", "bilou", "bmes", "ioe1", "ioe2", "io", "plain"]
"""The schemes of files."""
OTHER_NAMES: Mapping[str, FileScheme] = {
    "bio": "iob2",
    "bio1": "iob1",
    "bio2": "iob2",
    "bioes": "iobes",
    "biolu": "bilou",
    "bmewo": "bmes",
}
"""Other common names of schemes, which ``tasks.toml`` may have in their place."""
Score = Literal["spans", "prefix", "plain"]
"""What of a layer's tags is scored (protocol section 4): spans, spans in the paper's way, or every tag by itself."""
Repair = Literal["begin", "error"]

LETTERS: Mapping[FileScheme, Mapping[str, str]] = {
    "iob1": {"B": "B", "I": "I"},
    "iob2": {"B": "B", "I": "I"},
    "iobes": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "bilou": {"B": "B", "I": "I", "L": "E", "U": "S"},
    "bmes": {"B": "B", "M": "I", "E": "E", "S": "S", "W": "S"},
    "ioe1": {"I": "I", "E": "E"},
    "ioe2": {"I": "I", "E": "E"},
    "io": {"I": "I"},
    "plain": {},
}
"""The letters of each scheme, and the corresponding letters of iobes."""
ALL_LETTERS = "".join(sorted({letter for letters in LETTERS.values() for letter in letters}))
CLOSED_SCHEMES = ("iobes", "bilou", "bmes")  # schemes that mark the last token of a span

_SPAN_TAG = re.compile(r"O|[BIES](?:-.+)?", re.DOTALL)

_Parsed = tuple[str, str]
"""The letter (as in iobes) and the label of a tag."""
_NO_SPAN: _Parsed = (OUTSIDE, "")
_UNKNOWN: _Parsed = ("?", "")


@dataclass(frozen=True, slots=True)
class Notation:
    """The notation of a layer's tags in a file: their scheme, the form of their letters, and the outside tag.

    ``mark`` shows how ``B`` is joined to a label: ``B-`` or ``B_`` before it, ``-B`` or ``_B`` after it; a small ``b``
    means that all letters are lower-case. ``outside`` is the tag of a token outside of all spans, "" if there is none.
    """

    scheme: FileScheme
    mark: str = "B-"
    outside: str = "O"

    def __str__(self) -> str:
        """The scheme, and whatever differs from the default, for messages."""
        more = [f'mark = "{self.mark}"'] if self.mark != "B-" and self.scheme != "plain" else []
        more += [f"outside = {shown(self.outside)}"] if self.outside != "O" else []
        return f"{self.scheme} ({', '.join(more)})" if more else self.scheme


def trained_as(scheme: FileScheme) -> Scheme:
    """The scheme of training, scores and taggers for tags that a file writes in ``scheme``."""
    if scheme in ("bilou", "bmes"):
        return "iobes"
    return "iob2" if scheme in ("io", "ioe1", "ioe2") else scheme  # type: ignore[return-value]  # mypy does not narrow by "in"


def split_tag(tag: str, mark: str) -> tuple[str, str] | None:
    """The letter, as a capital, and the label of a tag with this mark; None if it has no such letter.

    The label of a letter alone is "".
    """
    before, lower = mark[0] in "Bb", "b" in mark
    sign = mark[1] if before else mark[0]
    letter, rest = (tag[:1], tag[1:]) if before else (tag[-1:], tag[:-1])
    if not letter or letter.upper() not in ALL_LETTERS or letter.islower() != lower:
        return None
    if not rest:
        return letter.upper(), ""
    label = rest[1:] if before else rest[:-1]
    joined = rest[0] == sign if before else rest[-1] == sign
    return (letter.upper(), label) if joined and label else None


def are_span_tags(tags: Collection[str]) -> bool:
    """Whether these tags mark spans: all are O or have a prefix, and one has a hyphen, or both B and I occur alone."""
    if not all(_SPAN_TAG.fullmatch(tag) for tag in tags):
        return False
    return any("-" in tag for tag in tags) or {"B", "I"} <= set(tags)


def scheme_of_labels(labels: Collection[str]) -> Scheme:
    """The scheme in which to read a layer with these labels: iobes, iob2 (which also reads iob1) or plain."""
    if not are_span_tags(labels):
        return "plain"
    return "iobes" if any(label[0] in "ES" for label in labels) else "iob2"


def is_tag_of(tag: str, scheme: FileScheme | Notation) -> bool:
    """Whether the scheme has such a tag."""
    return _parse(tag, _notation(scheme)) != _UNKNOWN


def spans_of(tags: Sequence[str | None], scheme: FileScheme | Notation, repair: Repair = "begin") -> list[Span]:
    """The spans of one sentence's tags, in order.

    ``repair`` decides about ill-formed tags. With "begin", as in conlleval, an ``I`` or ``E`` that continues nothing
    (after ``O`` or after another label) begins a span, and a span that no ``E`` closes ends before the next span or
    ``O``. With "error" they raise DataError. A tag that the scheme does not have always raises DataError.
    """
    _check_choice("repair", repair, get_args(Repair))
    if repair == "error" and (violation := first_violation(tags, scheme)):
        index, wrong = violation
        raise DataError(f"token {index + 1}: {wrong}; correct the tags, or name the scheme that they follow")
    notation = _notation(scheme)
    spans = []
    start, previous = 0, _NO_SPAN
    for index, tag in enumerate([*tags, None]):
        current = _parse(tag, notation)
        if current == _UNKNOWN:
            raise DataError(_no_tag(tag or "", notation))
        if not _continues(previous, current):
            if _is_open(previous):
                spans.append(Span(start, index, previous[1]))
            start = index
        if current[0] in ("E", "S"):
            spans.append(Span(start, index + 1, current[1]))
        previous = current
    return spans


def tags_of(spans: Iterable[Span], length: int, scheme: Scheme) -> tuple[str, ...]:
    """``length`` tags that mark the spans, which may be given in any order.

    Plain tags repeat the label of a span on each of its tokens; ``spans_of`` then returns a span for each token. Raises
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
    tags: Sequence[str | None], source: FileScheme | Notation, target: Scheme, repair: Repair = "begin"
) -> tuple[str | None, ...]:
    """Convert tags from one scheme to another; None for tokens without a label and in spans that are cut.

    Raises DataError as ``spans_of`` and ``tags_of`` do.
    """
    written = tags_of(spans_of(tags, source, repair), len(tags), target)
    known = without_cut_spans(tags, source)
    return tuple(None if tag is None else new for tag, new in zip(known, written, strict=True))


def without_cut_spans(tags: Sequence[str | None], scheme: FileScheme | Notation) -> tuple[str | None, ...]:
    """The tags, with None in every span that is cut: a span that continues, by its tags, in a token without a label.

    These are spans with ``I`` or ``E`` right after such a token (in iob2 and iobes), and with ``B`` or ``I`` right
    before one (in iobes and ioe2).
    """
    known = list(tags)
    notation = _notation(scheme)
    closed, opened = notation.scheme in (*CLOSED_SCHEMES, "ioe2"), notation.scheme in (*CLOSED_SCHEMES, "iob2")
    if None in known and (closed or opened):
        for span in spans_of(tags, notation):
            first, last = _parse(tags[span.start], notation)[0], _parse(tags[span.end - 1], notation)[0]
            before = span.start > 0 and tags[span.start - 1] is None and first in ("I", "E") and opened
            after = span.end < len(tags) and tags[span.end] is None and last in ("B", "I") and closed
            if before or after:
                known[span.start : span.end] = [None] * (span.end - span.start)
    return tuple(known)


def first_violation(tags: Sequence[str | None], scheme: FileScheme | Notation) -> tuple[int, str] | None:
    """The index of the first tag that breaks the scheme, and what is wrong with it; None if all tags are right."""
    return next(violations_in(tags, scheme), None)


def violations_in(tags: Sequence[str | None], scheme: FileScheme | Notation) -> Iterator[tuple[int, str]]:
    """Yield the index of every tag that breaks the scheme, and what is wrong with it, in order.

    The neighbours of a tag that the scheme does not have are not reported, nor are those of a token without a label.
    """
    notation = _notation(scheme)
    if notation.scheme == "plain":  # no tag breaks it
        return
    previous = _NO_SPAN
    for index, tag in enumerate([*tags, notation.outside or "O"]):
        current = _UNKNOWN if tag is None else _parse(tag, notation) if index < len(tags) else _NO_SPAN
        if current == _UNKNOWN:
            if tag is not None:
                yield index, _no_tag(tag, notation)
            previous = _UNKNOWN
            continue
        continues = previous == _UNKNOWN or _continues(previous, current)
        if notation.scheme in (*CLOSED_SCHEMES, "ioe2") and _is_open(previous) and not continues:
            last = "L" if notation.scheme == "bilou" else "E"
            yield index - 1, f"no {last} tag closes the span of {shown(tags[index - 1] or '')}"
        if notation.scheme == "iob1":
            touches = previous == _UNKNOWN or (_is_open(previous) and previous[1] == current[1])
            if current[0] == "B" and not touches:
                text = "touches no earlier span of its label, and only then does IOB1 write B"
                yield index, f"{shown(tag or '')} {text}"
        elif notation.scheme == "ioe1":
            if previous[0] == "E" and (current[0] not in ("I", "E") or current[1] != previous[1]):
                text = "touches no later span of its label, and only then does IOE1 write E"
                yield index - 1, f"{shown(tags[index - 1] or '')} {text}"
        elif notation.scheme not in ("io", "ioe2") and current[0] in ("I", "E") and not continues:
            lacks = _is_open(previous) and not current[1]
            more = f", since it lacks the label of {shown(tags[index - 1] or '')}" if lacks else ""
            yield index, f"{shown(tag or '')} continues no span{more}"
        previous = current


@lru_cache
def _notation(scheme: FileScheme | Notation) -> Notation:
    if isinstance(scheme, Notation):
        return scheme
    _check_choice("scheme", scheme, get_args(FileScheme))
    return Notation(scheme)


@lru_cache(maxsize=4096)  # a corpus has few distinct tags
def _parse(tag: str | None, notation: Notation) -> _Parsed:
    """The letter and label of a tag. A plain tag counts as ``S``; one that the scheme does not have is ``_UNKNOWN``."""
    if tag is None or tag == notation.outside:
        return _NO_SPAN
    if notation.scheme == "plain":
        return "S", tag
    found = split_tag(tag, notation.mark)
    if notation.scheme == "io" and (found is None or found[0] not in "BI" or found == ("B", "")):
        return ("I", tag) if tag else _UNKNOWN
    letter = LETTERS[notation.scheme].get(found[0]) if found else None
    return (letter, found[1]) if letter and found else _UNKNOWN


def _no_tag(tag: str, notation: Notation) -> str:
    return f"{shown(tag)} is not a tag of {notation.scheme}" + str(notation).removeprefix(notation.scheme)


def _is_open(tag: _Parsed) -> bool:
    """Whether the span of this tag may continue in the next tag."""
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
        raise DataError(f"{span} has a label that plain tags cannot express; choose another label or scheme")


def _check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"no {what} is called {value!r}; choose one of {', '.join(known)}{suggestion(value, known)}")
