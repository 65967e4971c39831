"""Which columns of a table say where its sentences begin: by their names, else by their values."""

import re
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

from tagmates.data.formats.table import column_name

MAX_SENTENCE_WORDS = 200  # if the only sentence of a file has more words, its sentence ends are probably missing
MIN_ROWS = 20  # with as few rows, sentences are told by values only if these are numbers that rise
SENTENCE_NAME = re.compile(
    r"(?:sent(?:ence)?s?|satz|phrase|frase|oraci[oó]n|oraç[aã]o|zin)(?:[-_ #:]*(?:#|idx|id|no|nr|num|number|index))?",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+")
_SENTENCE_ENDS = ("EndOfSentence", "PySBDSegment")  # in the files of HIPE


def by_sentence_keys(
    sample: list[list[list[str]]], heading: Sequence[str]
) -> tuple[dict[str, Any], list[list[list[str]]]]:
    """The key that marks sentence ends other than blank lines, if there is one, and the sentences it makes."""
    keys = _sentence_keys(sample, heading)
    numbers = keys.get("sentence_column")
    if not numbers:
        return keys, sample
    names = [column_name(number, heading) for number in numbers]
    found = {"sentence_column": names if len(names) > 1 else names[0]}
    return found, _by_columns(sample, [number - 1 for number in numbers])


def _sentence_keys(sample: Sequence[Sequence[list[str]]], heading: Sequence[str]) -> dict[str, Any]:
    """The key for sentence ends not marked by blank lines: ``sentence_column`` (numbers) or ``sentence_end``."""
    rows = [cells for sentence in sample for cells in sentence]
    for word in _SENTENCE_ENDS:
        if any(word in cell.split("|") for cells in rows for cell in cells[1:]):
            return {"sentence_end": word}
    named = [at for at, name in enumerate(heading, start=1) if SENTENCE_NAME.fullmatch(name)]
    # else it holds words, or the tags of phrases
    named = [at for at in named if len(_by_columns([rows], [at - 1])) <= 0.8 * len(rows) and not _are_tags(rows, at)]
    if named:
        documents = _document_column(rows, named[0])
        return {"sentence_column": [documents, named[0]] if documents else [named[0]]}
    if len(sample) > 1:
        return {}
    if len(rows) > MIN_ROWS and (both := _sentences_in_documents(rows)):
        return {"sentence_column": both}
    for at, column in enumerate(zip(*rows, strict=True), start=1):
        if _marks_sentences(column, named=bool(heading)):
            return {"sentence_column": [at]}
    return {}


def _marks_sentences(column: Sequence[str], *, named: bool) -> bool:
    """Whether each value of a column fills some rows in succession, and none returns, as the numbers of sentences do.

    In a column that is filled in the first row of each sentence only, and in a table of few rows, which must have a
    header (``named``), the numbers must also rise from row to row.
    """
    filled = _repeated(column)
    runs = [value for value, _ in groupby(filled)]
    if not filled[0].strip() or len(runs) != len(set(runs)):
        return False
    if filled != list(column) or (named and len(column) <= MIN_ROWS):
        numbers = [[int(digits) for digits in _DIGITS.findall(value)] for value in runs]
        if not all(numbers) or any(after <= before for before, after in pairwise(numbers)):
            return False
    elif len(column) <= MIN_ROWS:
        return False
    return len(column) / MAX_SENTENCE_WORDS < len(runs) <= len(column) / 3 and len(runs) > 1


def _repeated(column: Sequence[str]) -> list[str]:
    """The values of a column, with the value above in place of an empty one or of pandas' NaN."""
    values: list[str] = []
    for value in column:
        values.append(values[-1] if values and value.strip() in ("", "NaN") else value)
    return values


def _are_tags(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether the values of a column return, and none has a digit or a blank, as numbers of sentences or texts have."""
    values = [value for value, _ in groupby(cells[column - 1] for cells in rows) if value.strip() not in ("", "NaN")]
    return len(set(values)) < len(values) and not any(re.search(r"[\d ]", value.strip()) for value in values)


def _document_column(rows: Sequence[Sequence[str]], of_sentence: int) -> int | None:
    """The column of documents, each in one run of rows, in which sentence numbers start again; None if none is."""
    given = _repeated([cells[of_sentence - 1] for cells in rows])
    numbers = [int(digits[-1]) if (digits := _DIGITS.findall(value)) else 0 for value in given]
    for at, column in enumerate(zip(*rows, strict=True), start=1):
        runs = [value for value, _ in groupby(column)]
        if at == of_sentence or not 1 < len(runs) == len(set(runs)) <= len(rows) / 2 or not all(runs):
            continue
        if all(
            after <= before if value != former else after >= before
            for (former, before), (value, after) in pairwise(zip(column, numbers, strict=True))
        ):
            return at
    return None


def _sentences_in_documents(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns of documents and of sentence numbers that start again in each; empty if no columns are these."""
    for at, column in enumerate(zip(*rows, strict=True), start=1):
        sentences = sum(1 for _ in groupby(column))
        documents = _document_column(rows, at) if all(map(str.isdecimal, column)) else None
        if documents and len(set(column)) > 1 and sentences <= len(rows) / 3:
            return [documents, at]
    return []


def _by_columns(sample: Sequence[Sequence[list[str]]], indices: Sequence[int]) -> list[list[list[str]]]:
    """The rows of the sample, with a new sentence where a value in one of these columns changes."""
    sentences: list[list[list[str]]] = []
    before = [""] * len(indices)
    for block in sample:
        for at, cells in enumerate(block):
            values = [cells[index].strip().replace("NaN", "") for index in indices]
            if at == 0 or any(value and value != old for value, old in zip(values, before, strict=True)):
                sentences.append([])
            before = [value or old for value, old in zip(values, before, strict=True)]
            sentences[-1].append(cells)
    return sentences
