"""Find the column, key or comment of a file that says which rows, records or sentences are train, dev and test."""

import csv
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.file_names import SPLIT_NAMES
from tagmates.data.formats.columns import split_cells
from tagmates.data.formats.json_list import list_items, list_start
from tagmates.data.formats.records import leaves_of
from tagmates.errors import DataError

_COMMENT = re.compile(
    r"^#\s*((?:data[-_ ]?)?(?:split|partition|subset|set))\s*[=:]\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE
)
_NAME = re.compile(r"(?:data[-_ ]?)?(?:split|partition|subset|set)", re.IGNORECASE)


def split_column(text: str, layout: FileLayout) -> str:
    """The name of the column, key or comment whose values are the names of several splits; "" if there is none.

    A column that names one split throughout the file says nothing that the file's name may not say.
    """
    for name in _candidates(text, layout):
        found: set[str] = set()
        with suppress(csv.Error):
            found = {str(SPLIT_NAMES.get(value.strip().lower(), "")) for value in _values(text, layout, name)}
        if len(found) > 1 and "" not in found:
            return name if isinstance(name, str) else f"column {name}"
    return ""


def _candidates(text: str, layout: FileLayout) -> list[str | int]:
    """The columns, keys or comments that may say which split a row, record or sentence belongs to."""
    if layout.format == "conllu":
        return list(dict.fromkeys(f"# {found[1]}" for found in _COMMENT.finditer(text)))
    if layout.format not in ("columns", "csv"):
        return [name for name in next(iter(_records(text, layout)), {}) if _NAME.fullmatch(name.rpartition(".")[2])]
    if layout.keys.get("header"):
        return [name for name in layout.heading if _NAME.fullmatch(name)]
    return [
        number
        for number, column in layout.columns_of_sample.items()
        if all(cell.lower() in SPLIT_NAMES for cells in column for cell in cells)
    ]


def _values(text: str, layout: FileLayout, name: str | int) -> Iterator[str]:
    """The values of a column, key or comment in the whole file."""
    if layout.format == "conllu":
        yield from (found[2] for found in _COMMENT.finditer(text) if f"# {found[1]}" == name)
        return
    if layout.format not in ("columns", "csv"):
        yield from (str(record.get(str(name), "")) for record in _records(text, layout))
        return
    lines = [line for line in text.splitlines() if line.strip()]
    split = (split_cells(line, layout.separator) for line in lines)
    rows = csv.reader(lines, delimiter=layout.separator) if layout.format == "csv" else split
    at = name - 1 if isinstance(name, int) else layout.heading.index(name)
    first = 0 if isinstance(name, int) else 1
    with suppress(csv.Error):  # behind it is no more of a table
        yield from (row[at] for row in islice(rows, first, None) if at < len(row) and row[at].strip())


def _records(text: str, layout: FileLayout) -> Iterator[dict[str, object]]:
    """The objects of JSON lines, or of a JSON list, with the keys of inner objects behind dots."""
    with suppress(ValueError, RecursionError, DataError):
        if layout.format == "jsonl":
            values = (json.loads(line) for line in text.splitlines() if line.strip())
        elif layout.format == "json":
            values = (item.value for item in list_items(text, list_start(text, "")))
        else:
            return
        yield from (dict(leaves_of(value)) for value in values if isinstance(value, dict))
