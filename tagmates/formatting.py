"""Numbers, texts and lists as a reader sees them."""

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

EMPTY = "–"


def points(value: float | None, *, signed: bool = False) -> str:
    """Points of F1 with two decimals and a true minus, or the sign of nothing."""
    if value is None:
        return EMPTY
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def probability(value: float | None) -> str:
    """A p value: three decimals, or a bound where these say nothing."""
    if value is None:
        return EMPTY
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def equals(name: str, value: float | None) -> str:
    """``p = 0.040`` or ``p < 0.001``."""
    text = probability(value)
    return f"{name} {text}" if text.startswith("<") else f"{name} = {text}"


def correlation(value: float | None) -> str:
    """A correlation with two decimals, or the sign of nothing."""
    return points(value, signed=True)


def percent(value: float | None) -> str:
    """A share as per cent in at most four characters: a little is never said to be nothing, nor most of it all."""
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
    """The text in quotes, what cannot be seen escaped, cut to what a message can hold."""
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


# printable for Python, but nothing is to be seen: fillers, selectors of variants, blanks of other scripts
_UNSEEN = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u2800\u3164\ufe00-\ufe0f\uffa0]")


def visible(text: str) -> str:
    """The text, with escapes in the place of what cannot be seen or changes how the rest is shown."""
    return "".join(
        each if each.isprintable() and not _UNSEEN.match(each) else each.encode("unicode_escape").decode()
        for each in text
    )


def in_order(names: Collection[str]) -> list[str]:
    """Sorted, numbers in them by their value: part2 before part10."""
    return sorted(
        names,
        key=lambda name: [
            (part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)
        ],
    )


def first_of(names: Collection[str]) -> str:
    """a, b, c; of many or long ones what a message can hold."""
    named = ", ".join(name if len(name) <= 40 else f"{name[:39]}…" for name in islice(names, 20))
    return named if len(names) <= 20 else f"{named}, … ({len(names):,})"


def suggestion(name: str, names: Iterable[str]) -> str:
    """A hint to append to an error, which gives the closest of the known names; empty if none is close."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
