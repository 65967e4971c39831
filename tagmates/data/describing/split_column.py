"""Find the column or key of a file that says which rows or records are train, dev and test."""

import csv
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.grouping import SPLIT_NAMES
from tagmates.data.formats.columns import split_cells
from tagmates.data.formats.json_list import list_items, list_start
from tagmates.errors import DataError

_NAME = re.compile(r"(?:data[-_ ]?)?(?:split|partition|subset|set)", re.IGNORECASE)


def split_column(text: str, layout: FileLayout) -> str:
    """The name of the column or key whose values are the names of several splits; "" if there is none.

    A column that names one split throughout the file says nothing that the file's name may not say.
    """
    for name in _candidates(text, layout):
        found: set[str] = set()
        with suppress(csv.Error):
            found = {str(SPLIT_NAMES.get(value.strip().lower(), "")) for value in _values(text, layout, name)}
        if len(found) > 1 and "" not in found:
            return name
    return ""


def _candidates(text: str, layout: FileLayout) -> list[str]:
    """The names of columns or keys that may say which split a row or record belongs to."""
    names = layout.heading if layout.keys.get("header") else next(iter(_records(text, layout)), {})
    return [name for name in names if _NAME.fullmatch(name)]


def _values(text: str, layout: FileLayout, name: str) -> Iterator[str]:
    """The values of a column or key in the whole file."""
    if layout.format not in ("columns", "csv"):
        yield from (str(record.get(name, "")) for record in _records(text, layout))
        return
    lines = [line for line in text.splitlines() if line.strip()]
    split = (split_cells(line, layout.separator) for line in lines)
    rows = csv.reader(lines, delimiter=layout.separator) if layout.format == "csv" else split
    at = layout.heading.index(name)
    yield from (row[at] for row in islice(rows, 1, None) if at < len(row) and row[at].strip())


def _records(text: str, layout: FileLayout) -> Iterator[dict[str, object]]:
    """The objects of JSON lines, or of a JSON list."""
    with suppress(ValueError, RecursionError, DataError):
        if layout.format == "jsonl":
            values = (json.loads(line) for line in text.splitlines() if line.strip())
        elif layout.format == "json":
            values = (item.value for item in list_items(text, list_start(text, "")))
        else:
            return
        yield from (value for value in values if isinstance(value, dict))
