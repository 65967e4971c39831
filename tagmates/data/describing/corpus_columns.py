"""Compare the columns of the files of a corpus: which hold tags, which are missing, which are not used."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.formatting import plural, shown

MAX_NUMBERED_TAGS = 50  # different numbers of a column that may be those of tags
MIN_OUTSIDE_SHARE = 0.4  # the share of the words that have the number of the outside tag, in a layer of numbers
MIN_ROWS = 50  # of a file in which the column of words is looked for


def columns_of_tags(layout: FileLayout) -> list[int]:
    """The numbers of the columns that look like tags; 0 for other formats than tables."""
    columns = layout.columns_of_sample
    return tokens_and_tags(columns)[1] if len(columns) > 1 else [0]


def lacking_columns(own: FileLayout, other: FileLayout) -> str:
    """The last columns of another table that a table lacks, in words; "" if it has the last one."""
    more = other.columns - own.columns
    if more <= 0 or not {own.format, other.format} <= {"columns", "csv"}:
        return ""
    last = [cells[-1] for sentence in own.sample for cells in sentence]
    here, there = ({cells[at] for sentence in other.sample for cells in sentence} for at in (own.columns - 1, -1))
    if own.heading and other.heading:
        same = other.heading[-1] in own.heading or 2 * sum(value in there for value in last) > len(last)
        return "" if same else f"the column {shown(other.heading[-1])}"
    if sum(value in here for value in last) <= sum(value in there for value in last):
        return ""
    return f"the last {plural(more, 'column')}" if more > 1 else "the last column"


def unused_columns(layout: FileLayout, name: str) -> Iterator[str]:
    """A note for each column that may be a layer, but is none here: O on all lines, or numbers, most of them the same.

    Other files may have spans where this one has only O. Numbers are tags only if there are no others.
    """
    rows = [cells for sentence in layout.sample for cells in sentence if len(cells) == layout.columns]
    used = columns_of_tags(layout) if layout.format in ("columns", "csv") else []
    for at, cells in enumerate(zip(*rows, strict=True), start=1):
        counts = Counter(cells)
        ((most, count),) = counts.most_common(1)
        numbers = all(map(str.isdecimal, counts)) and 1 < len(counts) <= MAX_NUMBERED_TAGS
        why = ""
        if at not in used and {*counts} == {"O"}:
            why = "it is 'O' throughout"
        elif used and at not in used and numbers and count >= MIN_OUTSIDE_SHARE * len(rows):
            why = f"it has only numbers, most of them {most}"
        if why:
            yield f"column {at} of {name} is left out, since {why}: if it is a layer, add a task for it"


def other_places(found: Mapping[str, FileLayout], files: Sequence[str]) -> Iterator[str]:
    """A note for each file that seems to have the words in another column than the first file has."""
    places: dict[str, int] = {}
    for name in files:
        layout = found[name]
        rows = [cells for sentence in layout.sample for cells in sentence]
        if layout.format in ("columns", "csv") and not layout.heading and len(rows) >= MIN_ROWS:
            places[name], _ = tokens_and_tags(layout.columns_of_sample)
    for name, place in places.items():
        if place != (first := places[next(iter(places))]):
            yield (
                f"{name}: the words seem to be in column {place}, but in column {first} of {next(iter(places))}; all "
                "files of a task must have the same columns"
            )
