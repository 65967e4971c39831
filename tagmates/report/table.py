"""A table before it is text: what every format shows, what a pointer reveals, and what a spreadsheet gets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tagmates.study.settings import Method

Role = Literal["up", "down", "own", "few", "differs"]
Section = Literal["progress", "scores", "rest", "methods", "paper", "beside", "arrows", "tests", "parameters", "data"]
Value = str | int | float | None

METHOD_NAMES: dict[Method, str] = {"multi_dec": "MULTI-DEC", "te_dec": "TE⊕DEC", "te_enc": "TE⊕ENC"}
EMPTY = "–"

# Marks tell apart without colour; each explains itself below the tables that have it.
KEY = {
    "▲": "higher by the paper's rule, and beyond chance by the test (q ≤ 0.05)",
    "▼": "lower by the paper's rule, and beyond chance by the test (q ≤ 0.05)",
    "△": "higher by the paper's rule, but the test does not confirm it",
    "▽": "lower by the paper's rule, but the test does not confirm it",
    "↑": "higher by the paper's rule; not tested",
    "↓": "lower by the paper's rule; not tested",
    "+": "higher beyond chance by the test, though the rule draws no arrow",
    "−": "lower beyond chance by the test, though the rule draws no arrow",
    "≠": "arrows differ",
    "†": "the cap of epochs ended at least one run",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell of a table. The paper's ``blue`` is the role ``own``; ``few`` stands for fewer than three runs."""

    text: str = EMPTY
    mark: str = ""  # symbols of KEY
    below: tuple[str, ...] = ()  # smaller lines
    roles: tuple[Role, ...] = ()
    note: str = ""  # the long story


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table; one that stands ``apart`` has a rule above it."""

    head: str
    entries: tuple[Entry, ...]
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a head for every column; the first is that of the row heads."""

    name: str  # file stem
    section: Section
    title: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    groups: tuple[tuple[str, int], ...] = ()  # heads that span several columns, after the first column
    data: Sequence[Mapping[str, Value]] = field(default=(), repr=False)  # a CSV in full; empty: what is shown
    words: bool = False  # entries are words, not numbers
    folded: bool = False  # long: shown on demand, not printed

    @property
    def key(self) -> dict[str, str]:
        """What the marks in this table mean."""
        return key_of([self])


def key_of(tables: Iterable[Table]) -> dict[str, str]:
    """What the marks in these tables mean, in the order of ``KEY``."""
    entries = [entry for table in tables for row in table.rows for entry in row.entries]
    used = {mark for entry in entries for text in (entry.mark, *entry.below) for mark in marks(text)}
    return {mark: meaning for mark, meaning in KEY.items() if mark in used}


def marks(text: str) -> set[str]:
    """The marks in a text: words of nothing but symbols of KEY, so that the sign of a number is none."""
    return {mark for word in text.split() if set(word) <= KEY.keys() for mark in word}


def words(*texts: str) -> tuple[Entry, ...]:
    """Plain entries."""
    return tuple(Entry(text) for text in texts)


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


def listing(names: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])
