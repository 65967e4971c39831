"""Lines divided into cells: how many columns most have, which lines are comments, and where sentences end."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from os.path import commonprefix

from tagmates.data.formats.rows import is_document_line
from tagmates.data.formats.table import MARKUP, SENTENCE_MARK

MARK_CHARACTERS = "#%<=*@;"  # the first characters of comments and document marks


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, or a row of CSV: its number, from 1, its text and its cells."""

    number: int
    text: str
    cells: list[str]


@dataclass(frozen=True)
class Grid:
    """Lines that are divided by a separator into cells, ``width`` in most of them; ``counts`` has all numbers of cells.

    ``filled`` are all lines that are not blank and mark no document. The comments are before or inside ``sentences``.
    """

    separator: str
    width: int
    counts: Counter[int]
    filled: list[Line]
    sentences: list[list[Line]]
    comments: list[str]
    inside: list[str]
    markup: bool  # whether <s> divides the sentences

    @cached_property
    def words(self) -> list[Line]:
        """The lines of all sentences."""
        return [row for sentence in self.sentences for row in sentence]

    @cached_property
    def fitting(self) -> list[Line]:
        """The lines of words that have as many cells as most."""
        return [row for row in self.words if len(row.cells) == self.width]

    @cached_property
    def odd(self) -> list[Line]:
        """The other lines of words."""
        return [row for row in self.words if len(row.cells) != self.width]


def grid_of(rows: Sequence[Line], separator: str) -> Grid | None:
    """The rows as a grid of as many columns as most have; None if these are fewer than two or more than a hundred."""
    rows, markup = _without_markup(rows)
    filled = [row for row in rows if row.text.strip() and any(map(str.strip, row.cells))]
    filled = [row for row in filled if not is_document_line(row.text)]
    counts = Counter(len(row.cells) for row in filled if row.text[0] != "#" and not MARKUP.fullmatch(row.text.strip()))
    width = max(counts, key=lambda size: counts[size], default=0)
    if not 2 <= width <= 100:
        return None
    last = {row.cells[-1] for row in filled if len(row.cells) == width and not row.text.startswith("#")}
    numbered = _are_numbered(filled)
    comments, inside, sentences = _divided(
        rows,
        lambda row: _is_comment(row, width, separator, last, numbered=numbered),
        width,
        _sign_of_first(rows, width),
    )
    return Grid(separator, width, counts, filled, sentences, comments, inside, markup)


def _without_markup(rows: Sequence[Line]) -> tuple[Sequence[Line], bool]:
    """The rows with blank rows instead of the tag <s> and without other tags; and whether <s> occurs at all."""
    if not any(SENTENCE_MARK.fullmatch(row.text.strip()) for row in rows):
        return rows, False
    kept = [row for row in rows if not MARKUP.fullmatch(row.text.strip()) or SENTENCE_MARK.fullmatch(row.text.strip())]
    return [Line(row.number, "", []) if MARKUP.fullmatch(row.text.strip()) else row for row in kept], True


def _divided(
    rows: Sequence[Line], is_comment: Callable[[Line], bool], width: int, sign: str
) -> tuple[list[str], list[str], list[list[Line]]]:
    """The comments before sentences, the comments inside, and the sentences.

    Lines of another width before sentences are comments, too, if they begin with ``sign``.
    """
    comments: list[str] = []
    inside: list[str] = []
    sentences: list[list[Line]] = [[]]
    for row in rows:
        if not any(map(str.strip, row.cells)) or is_document_line(row.text):
            sentences.append([])
        elif is_comment(row) or (sign and not sentences[-1] and len(row.cells) != width and row.text.startswith(sign)):
            (inside if sentences[-1] else comments).append(row.text)
        else:
            sentences[-1].append(row)
    return comments, inside, [sentence for sentence in sentences if sentence]


def _sign_of_first(rows: Sequence[Line], width: int) -> str:
    """The sign that begins the first lines of most sentences, if these have another number of cells; else ""."""
    first = [
        row
        for before, row in pairwise([Line(0, "", []), *rows])
        if any(map(str.strip, row.cells)) and not any(map(str.strip, before.cells))
    ]
    odd = [row.text for row in first if len(row.cells) != width]
    sign = re.match(r"([^\w\s])\1*", commonprefix(odd))  # noqa: RUF071  (of lines, not of paths)
    return sign[0] if sign and 2 * len(odd) > len(first) else ""


def _is_comment(row: Line, width: int, separator: str, last: set[str], *, numbered: bool) -> bool:
    """Whether a line is a comment. ``last`` are the last cells of others; ``numbered``: all words have numbers."""
    other = len(row.cells) != width or row.cells[-1] not in last
    if row.text.startswith("#"):
        spaced = re.match("#+ ", row.text) is not None
        # GermEval's "#", address, date
        alone = not row.cells[0].strip("#") and (numbered or (len(row.cells) > 2 and not row.cells[-1]))
        return len(row.cells) != width or (spaced and (separator == "\t" or other)) or alone
    marked = MARKUP.fullmatch(row.text.strip()) is not None or (row.text[0] in MARK_CHARACTERS and len(row.cells) == 1)
    return marked and other


def _are_numbered(rows: Sequence[Line]) -> bool:
    """Whether all rows begin with a number, except several that begin with # alone: a header would be only one."""
    first = [row.cells[0] for row in rows]
    signs = sum(not cell.strip("#") for cell in first)
    return signs > 1 and all(cell.isdecimal() for cell in first if cell.strip("#"))


def comment_sign(comments: Sequence[str], signed: Sequence[str]) -> str:
    """The common beginning of all comments, if possible one that no line of words has; "" if there is none."""
    shared = commonprefix(list(comments))  # noqa: RUF071  (of lines, not of paths)
    longest = re.match(r"(?:.*[^\w\s])?\s*", shared, re.DOTALL)
    sign = re.match(r"([^\w\s])\1*\s?", shared)  # for example "# " or ";; "
    start = sign[0] if sign else shared[:1]
    longer = longest[0] if longest else ""
    words = re.match(r"[^\w\s]+\s*\w+\s", shared)
    candidates = [start, longer, words[0] if words else ""]
    free = [sign for sign in candidates if sign and not begins_with(sign, signed)]
    return (free or [start])[0] if re.match(r"[^\w\s]", shared) else ""


def begins_with(sign: str, lines: Sequence[str]) -> bool:
    """Whether a word would be skipped if lines with this sign were comments."""
    return any(line.startswith(sign) for line in lines)
