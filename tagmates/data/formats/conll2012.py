"""CoNLL-2012 (OntoNotes) files → ``Sentence``. Spans are brackets over several lines: ``(PERSON*``, ``*``, ``*)``.

Columns are separated by white space. ``#begin document`` and ``#end document`` lines are skipped; a blank line ends a
sentence. In a scheme of spans the brackets of the tag column become tags; of nested spans the outermost is kept. In
``plain`` the cells stay as they are, as for parts of speech. The brackets of CoNLL-2003 and CoNLL-2005 are read the
same way.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tagmates.data.formats.columns import parse_columns
from tagmates.data.formats.token_lines import read_text, require_sentences
from tagmates.data.schemes import Scheme, tags_of
from tagmates.data.sentence import Sentence, Span
from tagmates.errors import DataError
from tagmates.formatting import shown

_OPENING = re.compile(r"\(([^()*\s]+)")
_CELL = re.compile(r"(?:\([^()*\s]+)*\*?\)*")


def read_conll2012(
    path: Path,
    *,
    token_column: int = 4,
    tag_column: int = 11,
    separator: str | None = None,
    scheme: Scheme = "iob2",
    encoding: str = "utf-8",
) -> list[Sentence]:
    """The sentences of a file, with brackets as tags of ``scheme``. Raises DataError for brackets that do not match."""
    lines = (
        "" if is_document_mark(line) else line for line in read_text(path, encoding).removeprefix("\ufeff").split("\n")
    )
    sentences = parse_columns(lines, str(path), token_column=token_column, tag_column=tag_column, separator=separator)
    if scheme == "plain":
        return require_sentences(sentences, path)
    found = []
    for sentence in sentences:
        spans = spans_of_brackets([tag or "" for tag in sentence.labels], str(path), sentence.line)
        found.append(Sentence(sentence.tokens, tags_of(spans, len(sentence), scheme), sentence.line))
    return require_sentences(found, path)


def is_document_mark(line: str) -> bool:
    """Whether a line begins or ends a document."""
    return line.startswith(("#begin document", "#end document")) or line.strip() == "#end"


def are_brackets(cells: Iterable[str]) -> bool:
    """Whether these cells of a column are brackets of spans, of one word and of several."""
    found = set(cells)
    opening = any(cell.startswith("(") and cell.endswith("*") for cell in found)
    return opening and "*" in found and all(cell and _CELL.fullmatch(cell) for cell in found)


def spans_of_brackets(cells: Sequence[str], name: str, line: int) -> list[Span]:
    """The outermost spans of a sentence. Raises DataError, with FILE:LINE, for brackets that do not match."""
    spans: list[Span] = []
    opened: list[tuple[int, str]] = []
    for at, cell in enumerate(cells):
        where = f"{name}:{line + at}"
        if not _CELL.fullmatch(cell) or not cell:
            raise DataError(
                f"{where}: {shown(cell)} has no brackets of spans, such as (PERSON* or *); name another tag_column, or "
                'set scheme = "plain" to read the cells as they stand'
            )
        opened += [(at, label) for label in _OPENING.findall(cell)]
        for _ in range(cell.count(")")):
            if not opened:
                raise DataError(f"{where}: {shown(cell)} closes a span that is not open; correct the brackets")
            start, label = opened.pop()
            if not opened:
                spans.append(Span(start, at + 1, label))
    if opened:
        start, label = opened[0]
        raise DataError(f"{name}:{line + start}: the span {shown(label)} is not closed in its sentence; close it")
    return spans
