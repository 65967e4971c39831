"""A table before it is text: what every format shows, what a pointer reveals, and what a spreadsheet gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Literal

from tagmates.formatting import EMPTY

Role = Literal["up", "down", "own", "few", "differs"]
Section = Literal[
    "recommendations",
    "progress",
    "scores",
    "rest",
    "methods",
    "findings",
    "paper",
    "beside",
    "arrows",
    "tests",
    "parameters",
    "data",
]
Value = str | int | float | None

LONG, FEW_WORDS, WIDE = 36, 6, 17  # lines of numbers and of words, and columns, that stand together on a page

# Marks tell apart without colour; each explains itself below the tables that have it.
KEY = {
    "▲": "higher by the rule, and beyond chance by the test (q ≤ 0.05)",
    "▼": "lower by the rule, and beyond chance by the test (q ≤ 0.05)",
    "△": "higher by the rule, but the test does not confirm it",
    "▽": "lower by the rule, but the test does not confirm it",
    "↑": "higher by the rule; not tested",
    "↓": "lower by the rule; not tested",
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

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The text and what is below it, each with the marks that end it set apart."""
        return [(self.text, self.mark), *map(_part, self.below)]


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
    between: str = " "  # between the lines of an entry, where they stand in one
    words: bool = False  # entries are words, not numbers
    folded: bool = False  # long: shown on demand
    printed: bool = True  # not: longer than anybody wants it on paper

    @property
    def is_empty(self) -> bool:
        """Whether no entry says anything."""
        return all(entry.text in ("", EMPTY) for row in self.rows for entry in row.entries)

    @property
    def is_long(self) -> bool:
        """Whether paper may break it between rows; a shorter one stands on one page."""
        lines = sum(max((len(entry.lines) for entry in row.entries), default=1) for row in self.rows)
        return lines > (FEW_WORDS if self.words else LONG)

    @property
    def is_wide(self) -> bool:
        """Whether paper must be turned for its columns to be read."""
        return not self.words and len(self.heads) > WIDE

    @property
    def starts(self) -> set[int]:
        """Indices of the entries, from 0, with which a named group begins."""
        spans = list(accumulate((span for _, span in self.groups), initial=0))
        return {start for start, (name, _) in zip(spans, self.groups, strict=False) if name}

    @property
    def is_marked(self) -> bool:
        """Whether an entry has a mark, so that all need room for one."""
        return bool(self.key)

    @property
    def key(self) -> dict[str, str]:
        """What the marks in this table mean, in the order of ``KEY``."""
        used = {mark for row in self.rows for entry in row.entries for _, marks in entry.lines for mark in marks}
        return {mark: meaning for mark, meaning in KEY.items() if mark in used}


def _part(line: str) -> tuple[str, str]:
    """A line without the marks that end it, and those; the sign of a number is none."""
    text, _, last = line.rpartition(" ")
    if not set(last) <= KEY.keys():
        return line, ""
    before, marks = _part(text) if text else ("", "")
    return before, marks + last


def words(*texts: str) -> tuple[Entry, ...]:
    """Plain entries."""
    return tuple(Entry(text) for text in texts)


def ruled(rows: Sequence[tuple[str, Row]]) -> tuple[Row, ...]:
    """Rows with their group, as rows with a rule above each that begins another group."""
    before = ["", *(group for group, _ in rows)]
    return tuple(replace(row, apart=group != last) for (group, row), last in zip(rows, before, strict=False))
