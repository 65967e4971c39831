"""The notation of a layer, estimated from its tags, for ``data init``, ``data check`` and messages.

A few wrong tags must not hide what most tags show, so the estimates count words.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Literal

from tagmates.data.schemes import ALL_LETTERS, LETTERS, FileScheme, Notation, is_tag_of, split_tag, violations_in
from tagmates.data.sentence import Sentence
from tagmates.formatting import shown

OUTSIDE_NAMES = frozenset(("o", "_", "0", "-", "*", "other", "none", "nil", "null", "na", "n/a", "outside", "nothing"))
"""Names that outside tags usually have, in lower case."""

_BEGINNINGS = ("b", "beg", "begin", "beginning", "start", "first", "s", "single")
_POSITIONS = (*_BEGINNINGS, "i", "in", "inside", "int", "m", "mid", "middle", "e", "end", "l", "last", "u", "unit", "w")
_PLACEHOLDER_TAG = re.compile(r"(?:label|class|tag)?[-_ ]?\d+", re.IGNORECASE)
_MIN_MARKED_SHARES = {"-": 0.5, "_": 0.8}  # by sign: the smallest share of the words in spans with this mark
_HIGH_SHARE = 0.95  # the same for any other sign
_MIN_BARE_SHARE = 0.9  # the same for letters alone, without a label
_FREQUENT_SHARE = 0.1  # the share of the words in spans from which on a letter is no slip
_SLIP_RATIO = 50  # how many times as often as a slip the tag occurs that is meant


@dataclass(frozen=True, slots=True)
class NotationEstimate:
    """The notation of a layer, with counts of its words: all with a tag, and those whose tag is not ``outside``."""

    notation: Notation
    words: int
    tagged: int
    repeated: int  # words with the same tag as the word before
    distinct: int  # number of distinct tags, without ``outside``
    lenient: Literal["", "prefix", "spans"]  # the score that reads spans from these tags, as they are; "" for none
    marked: int  # words whose tag is B- or I- and a label
    joined: str = ""  # the sign between several tags of a word, as in O^B-PER

    @property
    def is_plain(self) -> bool:
        """Whether the tags mark no spans."""
        return self.notation.scheme == "plain"

    @property
    def looks_like_io(self) -> bool:
        """Whether a plain layer seems to mark spans: many tags repeat the tag before, or most if few are outside."""
        enough = 4 if 2 * self.tagged <= self.words else 2
        spans = enough * self.repeated >= self.tagged > 0 and 4 * self.tagged <= 3 * self.words
        return self.is_plain and spans and not self.marked and not self.joined

    @property
    def advice_on_plain(self) -> str:
        """Advice on a plain layer in which only some tags mark spans, or in which words have several tags; else ""."""
        if self.is_plain and self.joined:
            return (
                f"words have several tags, joined by {self.joined!r}, and each such combination counts as a tag of its "
                "own; if they are those of parts of a word, write these one by one"
            )
        if not self.is_plain or not self.marked or 10 * self.marked < self.tagged:
            return ""
        return (
            f"{self.marked:,} of {self.tagged:,} tags begin with B- or I-, and the others do not, so that every word "
            "counts by itself; if the others mark no spans, write O in their place"
        )


def estimate_notation(sentences: Sequence[Sentence]) -> NotationEstimate:
    """The notation of most tags in these sentences; missing labels (None) are ignored."""
    counts = Counter(tag for sentence in sentences for tag in sentence.labels if tag is not None)
    mark = find_mark(counts)
    if mark is None:
        notation = Notation("plain", outside=_outside_of_plain(sentences, counts))
    else:
        outside = _outside_of_spans(counts, mark)
        letters = _letters_in(counts, mark)
        schemes: list[FileScheme] = ["iob2", "iob1"]
        if not letters.keys() <= {"B", "I"}:
            schemes += ["iobes", "bilou", "bmes", "ioe2", "ioe1"]
        distinct = Counter(sentence.labels for sentence in sentences)
        wrong = {scheme: _wrong(distinct, Notation(scheme, mark, outside)) for scheme in schemes}
        best = min(schemes, key=lambda scheme: wrong[scheme])
        # a scheme that lacks a letter of many tags may be wrong nearly as often as one that has all
        frequent = {letter for letter, count in letters.items() if count >= _FREQUENT_SHARE * letters.total()}
        having = [each for each in schemes if frequent <= LETTERS[each].keys() and wrong[each] <= 2 * wrong[best]]
        notation = Notation(min(having or [best], key=lambda scheme: wrong[scheme]), mark, outside)
    repeated = sum(
        tag == before != notation.outside and tag is not None
        for sentence in sentences
        for before, tag in zip(sentence.labels, sentence.labels[1:], strict=False)
    )
    named = mark == "B-" and any("-" in tag for tag in counts)
    tagged = Counter({tag: count for tag, count in counts.items() if tag != notation.outside})
    marked = sum(count for tag, count in tagged.items() if tag[:2] in ("B-", "I-") and len(tag) > 2)
    joined = _sign_between_tags(counts)
    lenient = lenient_score(notation) if named else ""
    return NotationEstimate(notation, counts.total(), tagged.total(), repeated, len(tagged), lenient, marked, joined)


def lenient_score(notation: Notation) -> Literal["", "prefix", "spans"]:
    """The score that reads spans from tags in this notation even if they break it, as conlleval does; "" for none."""
    if notation.mark == "B-" and notation.scheme in ("iob1", "iob2"):
        return "prefix"
    return "spans" if notation.mark == "B-" and notation.scheme == "iobes" else ""


def _letters_in(counts: Counter[str], mark: str) -> Counter[str]:
    """How many tags with this mark have each letter."""
    letters: Counter[str] = Counter()
    for tag, count in counts.items():
        if found := split_tag(tag, mark):
            letters[found[0]] += count
    return letters


def _sign_between_tags(counts: Mapping[str, int]) -> str:
    """The sign that joins several tags of one word, each of them O or with B-, I-, E- or S-; "" if there is none."""
    for sign in "^|+":
        joined = {tag: count for tag, count in counts.items() if sign in tag}
        if joined and all(re.fullmatch(r"O|[BIES]-.+", part) for tag in joined for part in tag.split(sign)):
            return sign if any("-" in tag for tag in joined) else ""
    return ""


def find_mark(counts: Counter[str]) -> str | None:
    """The mark (see ``Notation``) with which most tags join a letter to a label; None if they do not mark spans."""
    fitting: Counter[str] = Counter()
    letters: dict[str, set[str]] = {}
    bare: Counter[str] = Counter()  # letters
    unmarked: Counter[str] = Counter()
    for tag, count in counts.items():
        marks = marks_of(tag)
        for mark in marks:
            fitting[mark] += count
            letters.setdefault(mark, set()).add((tag[0] if mark[0] in "Bb" else tag[-1]).upper())
        # B- without a label is wrong, but a sign of spans
        if tag and tag[0].upper() in ALL_LETTERS and (len(tag) == 1 or (len(tag) == 2 and not tag[1].isalnum())):
            bare[tag[0]] += count
        elif not marks:
            unmarked[tag] = count
    nothing = sum(n for tag, n in unmarked.items() if tag.lower() in OUTSIDE_NAMES)
    if unmarked and not nothing and max(unmarked.values()) >= 0.4 * counts.total():
        nothing = max(unmarked.values())  # whatever its name is
    meaning = counts.total() - nothing
    if fitting:
        mark = max(fitting, key=lambda mark: (fitting[mark], mark == "B-"))
        sign = mark.strip("Bb")
        least = _MIN_MARKED_SHARES.get(sign, _HIGH_SHARE) if mark == "B-" or sign != "-" else _MIN_MARKED_SHARES["_"]
        alone = {letter.upper() for letter in bare if letter.islower() == ("b" in mark)}  # I may have no label
        inner = letters[mark] - {"B"} or alone & set("IM")
        several = mark == "B-" or letters[mark] == {"I"} or ("B" in letters[mark] and bool(inner))
        if several and fitting[mark] + bare.total() > least * meaning and fitting[mark] >= bare.total() / 10:
            return mark
    capital = {letter for letter in bare if letter.isupper()}
    for mark, own in (("B-", capital), ("b-", bare.keys() - capital)):
        upper = {letter.upper() for letter in own}
        if sum(bare[letter] for letter in own) >= _MIN_BARE_SHARE * meaning and (
            ("B" in upper and upper & set("IEML")) or upper in ({"I"}, {"I", "E"})
        ):
            return mark
    return None


def marks_of(tag: str) -> list[str]:
    """The marks with which a tag can be read as a letter, a sign and a label, in this or the reverse order."""
    if len(tag) < 3:
        return []
    ends = ((tag[0], tag[1], False), (tag[-1], tag[-2], True))
    return [
        (f"{sign}{b}" if behind else f"{b}{sign}")
        for letter, sign, behind in ends
        if letter.upper() in ALL_LETTERS and not sign.isalnum() and not sign.isspace()
        for b in ("b" if letter.islower() else "B")
    ]


def placeholders_in(counts: Mapping[str, int], outside: str) -> str:
    """A message if the tags are numbers or names with numbers that a tool made up; else ""."""
    tags = [tag for tag in counts if tag != outside and tag.lower() not in OUTSIDE_NAMES]
    if not tags or not all(map(_PLACEHOLDER_TAG.fullmatch, tags)):
        return ""
    named = ", ".join(shown(tag) for tag in tags[:3])
    what = "numbers" if all(map(str.isdecimal, tags)) else "only numbered"
    return f"the tags are {what} ({named}{', …' if len(tags) > 3 else ''}), and nothing says what they stand for"


def unread_spans_in(counts: Mapping[str, int], outside: str) -> str:
    """A message if nearly all tags join a word for a position in a span, such as BEGIN, to a label; else ""."""
    tags = {tag: count for tag, count in counts.items() if tag != outside and tag.lower() not in OUTSIDE_NAMES}
    found: dict[str, set[str]] = {}
    marked = 0
    for tag, count in tags.items():
        parts = [part.lower() for part in re.split(r"[\W_]+", tag) if part]
        place = next((part for part in (parts[:1] + parts[-1:]) if part in _POSITIONS), None)
        if place and len(parts) > 1:
            marked += count
            found.setdefault(place, set()).add(tag)
    if marked < _HIGH_SHARE * sum(tags.values()) or len(found) < 2 or not any(map(found.__contains__, _BEGINNINGS)):
        return ""
    named = ", ".join(shown(min(own)) for own in list(found.values())[:2])
    return f"the tags look like spans ({named}), but in a notation that is not read: write B-PER and I-PER"


def slips_in(counts: Mapping[str, int], notation: Notation) -> dict[str, str]:
    """Rare labels that are probably slips, each with the frequent label that may be meant.

    The two differ only in capitals, hyphens, underscores or blanks; or, if tags mark spans, in one letter.
    """
    labels: Counter[str] = Counter()
    spans = notation.scheme != "plain"
    for tag, count in counts.items():
        found = split_tag(tag, notation.mark) if spans else None
        if tag != notation.outside and (found or not spans):
            labels[found[1] if found else tag] += count
    slips = {}
    for rare, count in labels.items():
        likely = [
            other
            for other, most in labels.most_common()
            if most >= _SLIP_RATIO * count
            and (_letters(rare) == _letters(other) != "" or (spans and _one_edit(rare, other)))
        ]
        if likely:
            slips[rare] = likely[0]
    return slips


def _letters(label: str) -> str:
    return re.sub(r"[-_\s]+", "", label).casefold()


def _one_edit(label: str, other: str) -> bool:
    """Whether two labels of three letters or more differ in one letter, or in the order of two neighbours."""
    begin = len(commonprefix([label, other]))  # noqa: RUF071  (of labels, not of paths)
    end = len(commonprefix([label[begin:][::-1], other[begin:][::-1]]))  # noqa: RUF071
    rest, others = label[begin : len(label) - end], other[begin : len(other) - end]
    swapped = len(rest) == 2 and rest == others[::-1]
    return min(len(label), len(other)) >= 3 and (max(len(rest), len(others)) == 1 or swapped)


def advice_on_tag(tag: str, notation: Notation, task: str) -> str:
    """Advice on a tag that breaks the scheme of a task."""
    advice = f"correct the tag or the scheme of {task}"
    if is_tag_of(tag, notation):
        if (lenient := lenient_score(notation)) and len(tag) > 1:
            advice += f', or leave scheme out and set score = "{lenient}", which reads such tags as conlleval does'
        return advice
    if tag != tag.strip() and is_tag_of(tag.strip(), notation):
        return f"take the white space out of it, or correct the scheme of {task}"
    if not tag[:1].isascii():
        return f"its first letter is {unicodedata.name(tag[0], 'not ASCII')}; {advice}"
    if len(tag) == 2 and {tag[0], tag[1]} & set(ALL_LETTERS + ALL_LETTERS.lower()):
        return f"name its label, or take the sign away; or correct the scheme of {task}"
    others = [
        f'scheme = "{scheme}"'
        for scheme in LETTERS
        if scheme not in ("io", "plain") and is_tag_of(tag, Notation(scheme, notation.mark, notation.outside))
    ]
    others += [f'mark = "{mark}"' for mark in marks_of(tag) if is_tag_of(tag, Notation(notation.scheme, mark))]
    others += [f'outside = "{tag}"'] if tag.lower() in OUTSIDE_NAMES else []
    return f"{advice} ({' or '.join(others)} has it)" if others else advice


def _wrong(distinct: Counter[tuple[str | None, ...]], notation: Notation) -> int:
    return sum(count * sum(1 for _ in violations_in(labels, notation)) for labels, count in distinct.items())


def _outside_of_spans(counts: Counter[str], mark: str) -> str:
    """The outside tag of a layer of spans, among its tags without a letter."""
    others = Counter({tag: n for tag, n in counts.items() if tag and split_tag(tag, mark) is None})
    if not others or others["O"] >= 0.02 * others.total():
        return "O"
    named = [tag for tag, _ in others.most_common() if tag.lower() in OUTSIDE_NAMES]
    most, count = others.most_common(1)[0]
    return named[0] if named else most if count >= 0.4 * counts.total() else "O"


def _outside_of_plain(sentences: Sequence[Sentence], counts: Counter[str]) -> str:
    """The outside tag of a plain layer; "" if ``O`` is a label, ``O`` if no tag looks like an outside tag."""
    if not counts:
        return "O"
    total = counts.total()
    tag, most = counts.most_common(1)[0]
    if counts["O"] >= 0.02 * total or (counts["O"] and tag.lower() not in OUTSIDE_NAMES):
        return "" if 2 * counts["O"] <= total and _is_label(sentences, counts) else "O"
    if tag.lower() in OUTSIDE_NAMES and (tag not in ("_", "-") or 2 * most > total):
        return tag
    return "O"


def _is_label(sentences: Sequence[Sentence], counts: Counter[str]) -> bool:
    """Whether a rare ``O`` is a label: punctuation does not have it, or most other tags are single letters too."""
    punctuation = Counter(
        tag == "O"
        for sentence in sentences
        for token, tag in zip(sentence.tokens, sentence.labels, strict=True)
        if tag is not None and not any(map(str.isalnum, token))
    )
    if punctuation.total() >= 5:
        return punctuation[True] <= 0.1 * punctuation.total()
    others = counts.total() - counts["O"]
    return (
        counts["O"] < max(counts.values())
        and sum(n for tag, n in counts.items() if len(tag) == 1 and tag != "O") >= 0.8 * others
    )
