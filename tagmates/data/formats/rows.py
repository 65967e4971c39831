"""A fast reader for files with one token per line, which splits the whole text at once with numpy.

It reads only texts in which all rows have equally many cells. All others, and whatever might be wrong, are left to the
readers in ``columns`` and ``conllu``, which go line by line, so that errors come from one place.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tagmates.data.sentence import Sentence

DOCSTART = "-DOCSTART-"
"""The first word of lines that separate documents, as in CoNLL-2003, or the second one after a number.

It is never a token.
"""

_DOCUMENT_START = r"[^\w\s]+DOCSTART[^\w\s]*"  # also --DOCSTART--, [DOCSTART] and Liner2's -DOCSTART
_DOCUMENT_LINE = (
    rf"[^\S\n]*(?:[01](?:[^\S\n]+|[,;|]))?{_DOCUMENT_START}(?![^\s,;|])"  # some files number it like a word
)
_NEWLINE = ord("\n")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a text that are not blank, all with the same number of cells, and their places."""

    text: npt.NDArray[np.uint8]  # in UTF-8, with line ends added before and after it
    marks: npt.NDArray[np.int64]  # positions of separators and line ends in the text
    before: npt.NDArray[np.int64]  # for every row, the index of the mark that ends the previous line
    separator: str
    width: int  # number of cells per row
    line: npt.NDArray[np.int64]  # for every row, its line number, from 1
    block: npt.NDArray[np.int64]  # for every row, the number of its block; blank lines separate blocks

    def column(self, index: int) -> list[str]:
        """The cells of a column, counted from 0. Equal cells are one object, which saves memory and later time."""
        edges = np.zeros(len(self.text), np.int8)
        edges[self.marks[self.before + index] + 1] = 1
        edges[self.marks[self.before + index + 1]] -= 1  # in an empty cell the two cancel out
        edges = np.cumsum(edges, dtype=np.int8)
        edges[self.marks[self.before + index + 1]] = 1  # the mark after the cell, which separates it from the next one
        column = self.text[edges.view(np.bool_)].tobytes().replace(b"\n", self.separator.encode())
        cells = column[:-1].decode("utf-8", "surrogatepass").split(self.separator)
        seen: dict[str, str] = {}
        return list(map(seen.setdefault, cells, cells))

    def sentences(self, tokens: list[str], tags: list[str]) -> list[Sentence]:
        """A sentence for each block, given the token and the tag of every row."""
        starts = np.flatnonzero(np.diff(self.block, prepend=-1))
        bounds = zip(pairwise([*starts.tolist(), len(tokens)]), self.line[starts].tolist(), strict=True)
        return [Sentence(tuple(tokens[start:stop]), tuple(tags[start:stop]), line) for (start, stop), line in bounds]


def split_rows(text: str, separator: str | None, comment: str | None) -> Rows | None:
    r"""The rows of a text without a byte order mark; None if they do not all have equally many cells, or in doubt.

    ``separator`` None is any run of ASCII white space. Lines that start with ``comment`` count as blank before the
    first row of a block, ``-DOCSTART-`` lines everywhere. The caller has to check for rows of white space only.
    """
    text = f"\n\n{text}\n".replace("\r\n", "\n")
    if "\r" in text or "\0" in text or "\n" in (comment or ""):
        return None
    if "DOCSTART" in text:
        text = re.sub(rf"\n{_DOCUMENT_LINE}.*", "\n", text)
    if comment is not None:
        sign = re.escape(comment)
        text = re.sub(rf"\n\n{sign}.*\n(?:{sign}.*\n|\n)*+", lambda found: "\n" * found[0].count("\n"), text)
        if f"\n{comment}" in text:  # inside a sentence, or after a line of white space
            return None
    if separator is None:
        text, separator = _single_spaces(text), " "
    if len(separator) != 1 or not separator.isascii() or separator == "\n":
        return None

    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    marks = np.flatnonzero((data == _NEWLINE) | (data == ord(separator)))
    ends = np.flatnonzero(data[marks] == _NEWLINE)
    line = np.flatnonzero(np.diff(marks[ends]) > 1)  # two line ends were added before the text, so these count from 1
    width = np.diff(ends)[line]
    if not len(line) or (width != width[0]).any():
        return None
    block = np.cumsum(np.diff(line, prepend=-1) > 1, dtype=np.int64)
    return Rows(data, marks, ends[line], separator, int(width[0]), line, block)


def is_document_start(word: str) -> bool:
    """Whether a word, the first of its line, separates documents; it is never a token."""
    return "DOCSTART" in word and re.fullmatch(_DOCUMENT_START, word) is not None


def is_document_line(line: str) -> bool:
    """Whether a line separates documents: its first word does, or its second one behind a number."""
    return "DOCSTART" in line and re.match(_DOCUMENT_LINE, line) is not None


def _single_spaces(text: str) -> str:
    for other in "\t\v\f":
        text = text.replace(other, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text.replace(" \n", "\n").replace("\n ", "\n")
