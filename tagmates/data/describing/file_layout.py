"""What the first lines of a file show: its layout, or why it holds no tagged sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tagmates.data.formats.table import column_name, columns_in

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class FileLayout:
    """The layout of a file, as far as its first lines show it, and the cells of these lines, sentence by sentence."""

    format: str
    separator: str = ""  # as in tasks.toml
    columns: int = 0
    heading: tuple[str, ...] = ()  # the names of the columns, from a header or a comment line
    encoding: str = "utf-8"
    notes: tuple[str, ...] = ()
    sample: Sequence[Rows] = ()
    comments: tuple[str, ...] = ()  # lines that look like comments
    signed: tuple[str, ...] = ()  # lines of words that could be mistaken for comments
    keys: Mapping[str, Any] = field(default_factory=dict)  # further keys for tasks.toml
    tags: tuple[str, ...] = ()  # for parallel files, the files of tags
    uneven: bool = False  # whether rows have different numbers of cells, and all end with tags

    @property
    def columns_of_sample(self) -> dict[int, list[list[str]]]:
        """The cells of every column but those that number sentences, by its number from 1, sentence by sentence."""
        numbering = columns_in(self.keys.get("sentence_column"))
        return {
            number: [[cells[number - 1] for cells in rows] for rows in self.sample]
            for number in range(1, self.columns + 1)
            if column_name(number, self.heading) not in numbering and number not in numbering
        }


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """What was seen in a file without tagged sentences, with advice.

    ``kind`` is "format" for a known format that is not read, "text" for what may be raw text or a list of words, and
    "other" for all else, such as a broken table.
    """

    seen: str
    kind: Literal["format", "text", "other"] = "other"
