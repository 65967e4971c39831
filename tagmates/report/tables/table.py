"""A table, before it is written as HTML, Markdown, LaTeX or CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Literal

from tagmates.formatting import EMPTY

Role = Literal["up", "down", "own", "few", "differs"]
Section = Literal[
    "recommendations",
    "forecast",
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

# lines of numbers, and lines of words, that are kept together on a page of paper
MAX_NUMBER_LINES, MAX_WORD_LINES = 36, 6
MAX_UPRIGHT_COLUMNS = 17  # of a table on upright paper

# Marks can be told apart without colour. Each is explained below the tables that have it.
LEGEND = {
    "▲": "higher by the rule, and beyond chance by the test (q ≤ 0.05)",
    "▼": "lower by the rule, and beyond chance by the test (q ≤ 0.05)",
    "△": "higher by the rule, but the test does not confirm it",
    "▽": "lower by the rule, but the test does not confirm it",
    "↑": "higher by the rule; not tested",
    "↓": "lower by the rule; not tested",
    "+": "higher beyond chance by the test; no arrow by the rule",
    "−": "lower beyond chance by the test; no arrow by the rule",
    "≠": "the arrows differ",
    "†": "at least one run reached the maximum number of epochs",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell of a table. The role ``own`` is the paper's blue; ``few`` means fewer than three runs."""

    text: str = EMPTY
    mark: str = ""  # symbols of LEGEND
    below: tuple[str, ...] = ()  # smaller lines
    roles: tuple[Role, ...] = ()
    note: str = ""  # shown on hover

    @property
    def is_empty(self) -> bool:
        """Whether it has no value, so that a list on a phone leaves it out."""
        return self.text in ("", EMPTY) and not self.below

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The text and the smaller lines, each with its final marks separated."""
        return [(self.text, self.mark), *map(_part, self.below)]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; with ``apart`` there is a line above it."""

    head: str
    entries: tuple[Entry, ...]
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a head for each column; the first head is that of the row heads."""

    name: str  # file stem
    section: Section
    title: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    groups: tuple[tuple[str, int], ...] = ()  # heads that span several columns, after the first column
    data: Sequence[Mapping[str, Value]] = field(
        default=(), repr=False
    )  # rows of the CSV file; empty: the text that is shown
    between: str = " "  # separator of the lines of an entry in formats with one line
    words: bool = False  # whether entries are words, not numbers
    folded: bool = False  # whether it is long and opened on demand
    printed: bool = True  # whether it is also shown on paper

    @property
    def is_empty(self) -> bool:
        """Whether no entry has a text."""
        return all(entry.text in ("", EMPTY) for row in self.rows for entry in row.entries)

    @property
    def is_long(self) -> bool:
        """Whether it may be split over pages of paper; a shorter one is kept on one page."""
        lines = sum(max((len(entry.lines) for entry in row.entries), default=1) for row in self.rows)
        return lines > (MAX_WORD_LINES if self.words else MAX_NUMBER_LINES)

    @property
    def is_wide(self) -> bool:
        """Whether its columns need landscape paper."""
        return not self.words and len(self.heads) > MAX_UPRIGHT_COLUMNS

    @property
    def starts(self) -> set[int]:
        """Indices of the entries, from 0, at which a named group begins."""
        spans = list(accumulate((span for _, span in self.groups), initial=0))
        return {start for start, (name, _) in zip(spans, self.groups, strict=False) if name}

    @property
    def is_marked(self) -> bool:
        """Whether any entry has a mark, so that all entries leave space for one."""
        return bool(self.key)

    @property
    def key(self) -> dict[str, str]:
        """The meanings of the marks in this table, in the order of ``LEGEND``."""
        used = {mark for row in self.rows for entry in row.entries for _, marks in entry.lines for mark in marks}
        return {mark: meaning for mark, meaning in LEGEND.items() if mark in used}


def _part(line: str) -> tuple[str, str]:
    """A line without its final marks, and these marks. The sign of a number is not a mark."""
    text, _, last = line.rpartition(" ")
    if not set(last) <= LEGEND.keys():
        return line, ""
    before, marks = _part(text) if text else ("", "")
    return before, marks + last


def words(*texts: str) -> tuple[Entry, ...]:
    """Entries that have only a text."""
    return tuple(Entry(text) for text in texts)


def ruled(rows: Sequence[tuple[str, Row]]) -> tuple[Row, ...]:
    """The rows of (group, row), with a line above each row that begins another group."""
    before = ["", *(group for group, _ in rows)]
    return tuple(replace(row, apart=group != last) for (group, row), last in zip(rows, before, strict=False))
