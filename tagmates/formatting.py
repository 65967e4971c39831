"""Numbers, durations, texts and lists, formatted for readers."""

import difflib
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

EMPTY = "–"


def points(value: float | None, *, signed: bool = False) -> str:
    """Points of F1 with two decimals and a true minus sign, or EMPTY for None."""
    if value is None:
        return EMPTY
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def interval_text(low: float, high: float) -> str:
    """An interval in points of F1: ``−0.80 to +15.88``."""
    return f"{points(low, signed=True)} to {points(high, signed=True)}"


def probability(value: float | None) -> str:
    """A p value with three decimals, or a bound if it is smaller; EMPTY for None."""
    if value is None:
        return EMPTY
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def equals(name: str, value: float | None) -> str:
    """``p = 0.040`` or ``p < 0.001``."""
    text = probability(value)
    return f"{name} {text}" if text.startswith("<") else f"{name} = {text}"


def correlation(value: float | None) -> str:
    """A correlation with two decimals, or EMPTY for None."""
    return points(value, signed=True)


def percent(value: float | None) -> str:
    """A share in per cent, in at most four characters; only a share of 0 is shown as 0, and only one of 1 as 100."""
    if value is None:
        return EMPTY
    if value in (0, 1):
        return f"{100 * value:.0f}"
    number = 100 * value
    if number < 0.05:
        return "<0.1"
    return f"{number:.1f}" if number < 9.95 else f"{min(number, 99):.0f}"


def listing(names: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])


def plural(n: int, noun: str) -> str:
    """1 run, 2 runs."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def shown(text: str) -> str:
    """The text in quotes, with invisible characters escaped, shortened to fit a message."""
    return repr(shortened(text))


def shortened(text: str) -> str:
    """The text, cut off after 40 characters to fit a message."""
    return text if len(text) <= 40 else f"{text[:39]}…"


# characters that Python calls printable, but that are invisible: fillers, variation selectors, blanks of other scripts
_INVISIBLE_CHARACTERS = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u2800\u3164\ufe00-\ufe0f\uffa0]")


def visible(text: str) -> str:
    """The text, with escapes for characters that are invisible or change how the rest is shown."""
    return "".join(
        each if each.isprintable() and not _INVISIBLE_CHARACTERS.match(each) else each.encode("unicode_escape").decode()
        for each in text
    )


def name_advice() -> str:
    """What to do about a file name that Python cannot decode: it is not UTF-8, or the locale is not."""
    encoding = sys.getfilesystemencoding()
    return "rename it" if encoding == "utf-8" else f"file names of this locale are in {encoding}; set PYTHONUTF8=1"


def in_order(names: Collection[str]) -> list[str]:
    """The names, sorted with numbers in them by value: part2 before part10."""
    return sorted(
        names,
        key=lambda name: [
            (part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)
        ],
    )


def first_of(names: Collection[str]) -> str:
    """a, b, c; long names and long lists are shortened to fit a message."""
    named = ", ".join(map(shortened, islice(names, 20)))
    return named if len(names) <= 20 else f"{named}, … ({len(names):,})"


def duration(seconds: float) -> str:
    """A duration in words: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def suggestion(name: str, names: Iterable[str]) -> str:
    """A hint to append to an error, which gives the closest of the known names; empty if none is close."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
