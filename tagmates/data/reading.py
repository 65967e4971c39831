"""Words that stand in rows, whatever the form of a row: in columns, in CoNLL-U, a sentence a line, in JSON lines.

A piece is read on its own, and what was not said about its form is seen from its first rows.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from tagmates.data.formats.jsonl import leaves_of, record_of
from tagmates.data.formats.lines import cell_in, check_characters, index_of, is_data, sentences_in
from tagmates.errors import ConfigError, DataError
from tagmates.wording import first_of

KINDS = ("text", "conll", "conllu", "lines", "jsonl")
SEEN = 200  # rows that show the form of all

_CELL = re.compile(r"[^ \t\v\f]+")
_ID = re.compile(r"\d+(?:[-.]\d+)?", re.ASCII)
_CONLLU_WIDTH = 10
_MISC = 9


@dataclass(frozen=True, slots=True)
class Reading:
    """How the words of the input are found; what is empty or None is seen from the input.

    ``kind`` is one of ``KINDS``. ``token_column`` counts from 1, or from the end as -1; in JSON lines it is a key.
    ``separator`` ``whitespace`` is any run of it. ``trained`` is where the words were in training, if it is known: the
    column, the separator, and how many columns there were at least; it counts where the rows of the input have as many.
    """

    kind: str = "text"
    token_column: int | str | None = None
    separator: str = ""
    comment: str = "# "
    trained: tuple[int, str, int] | None = None

    @property
    def column(self) -> int:
        """The column of the words as a number."""
        return self.token_column if isinstance(self.token_column, int) else 1


@dataclass(slots=True)
class Rows:
    """The lines of a piece, and the place among them of every word that has been read so far."""

    reading: Reading
    lines: list[str]
    places: list[int] = field(default_factory=list)


def check_reading(reading: Reading) -> Reading:
    """The same, its column a number where it must be one. Raises ConfigError for what does not go together."""
    if reading.kind not in KINDS:
        raise ConfigError(f"--input {reading.kind}: choose one of {', '.join(KINDS)}")
    column = reading.token_column
    if column is None or reading.kind == "jsonl":
        return reading
    if reading.kind == "text":
        raise ConfigError("--token-column: raw text has no columns; choose another --input, as conll")
    try:
        number = int(column)
    except ValueError:
        raise ConfigError(f"--token-column {column}: must be a number, as columns have no names here") from None
    if number == 0:
        raise ConfigError("--token-column 0: columns count from 1, or from -1 for the last")
    return replace(reading, token_column=number)


def words_in(lines: Iterable[str], rows: Rows, name: str, first_line: int) -> Iterator[tuple[str, ...]]:
    """Yield the words of each sentence; ``rows.places`` grows with them. Raises DataError with ``name`` and line."""
    if rows.reading.kind == "jsonl":
        yield from _of_records(lines, rows, name, first_line)
    elif rows.reading.kind == "lines":
        yield from _of_sentences(lines, rows, name, first_line)
    else:
        yield from _of_words(lines, rows, name, first_line)


def seen(lines: Sequence[str], reading: Reading, name: str) -> Reading:
    """The reading with what the first rows show. Raises DataError where the first column only counts the words."""
    if reading.kind != "conll":
        return reading
    head = list(islice((line for line in lines if is_data(line) and not line.startswith("#")), SEEN))
    rows = [line.rstrip("\r\n").split("\t") for line in head]
    if reading.token_column is None and not reading.separator and rows and all(map(_is_conllu, rows)):
        return replace(reading, kind="conllu")
    if reading.token_column is None and not reading.separator and reading.trained is not None and head:
        column, separator, width = reading.trained
        as_trained = replace(reading, token_column=column, separator=separator)
        if all(len(_cells(line.rstrip("\r\n"), as_trained)) >= width for line in head):
            return as_trained
    if not reading.separator:
        widths = {len(_CELL.findall(line)) for line in head}
        spaced = bool(head) and not any("\t" in line for line in head) and len(widths) == 1 and widths != {1}
        reading = replace(reading, separator="whitespace" if spaced else "\t")
    if reading.token_column is None and _counts(lines, reading):
        raise DataError(
            f"{name}: column 1 counts the words of each sentence (1, 2, 3, …); say where the words are, "
            "as --token-column 2"
        )
    return reading


def append_tags(rows: Rows, tags: Sequence[Sequence[str]], tasks: Sequence[str]) -> str:
    """The lines as they stand, and after each word its tags: as columns, in CoNLL-U as keys of the column MISC.

    ``tags`` has a row for each of ``rows.places``. Raises DataError for a tag that MISC cannot hold.
    """
    lines = list(rows.lines)
    whitespace = rows.reading.separator == "whitespace"
    for place, own in zip(rows.places, tags, strict=True):
        line = lines[place].rstrip("\r\n")
        end = lines[place][len(line) :] or "\n"
        if rows.reading.kind == "conllu":
            lines[place] = _with_misc(line, dict(zip(tasks, own, strict=True))) + end
        else:
            between = " " if whitespace and "\t" not in line else "\t" if whitespace else rows.reading.separator
            lines[place] = between.join([line, *own]) + end
    return "".join(lines)


def _is_conllu(cells: Sequence[str]) -> bool:
    return len(cells) >= _CONLLU_WIDTH and _ID.fullmatch(cells[0]) is not None


def _counts(lines: Sequence[str], reading: Reading) -> bool:
    """Whether the first of several columns is 1, 2, 3 … in every sentence."""
    runs: list[list[str]] = [[]]
    for line in lines[:SEEN]:
        if not is_data(line):
            runs.append([])
        elif not (line.startswith("#") and not runs[-1]):
            cells = _cells(line.rstrip("\r\n"), reading)
            if len(cells) == 1:
                return False
            runs[-1].append(cells[0])
    full = [run for run in runs if run]
    return max(map(len, full), default=0) > 2 and all(run == [str(n + 1) for n in range(len(run))] for run in full)


def _cells(line: str, reading: Reading) -> list[str]:
    return _CELL.findall(line) if reading.separator == "whitespace" else line.split(reading.separator or "\t")


def _of_words(lines: Iterable[str], rows: Rows, name: str, first_line: int) -> Iterator[tuple[str, ...]]:
    reading = rows.reading
    numbers: list[int] = []

    def read_row(line: str, where: str, position: int) -> tuple[str, ...]:
        if reading.comment and position == 1 and line.startswith(reading.comment):
            return ()
        if reading.kind == "conllu":
            cells = line.split("\t")
            if line.startswith("#") or re.search("[-.]", cells[0]):
                return ()
            if len(cells) < _CONLLU_WIDTH:
                raise DataError(f"{where}: has {len(cells)} columns, CoNLL-U has ten; separate them with tabs")
            word = cell_in(cells, reading.column if reading.token_column else 2, "word", where)
        else:
            word = cell_in(_cells(line, reading), reading.column, "word", where)
        numbers.append(int(where.rpartition(":")[2]) - first_line)
        return (word,)

    for sentence in sentences_in(lines, name, read_row, first_line=first_line):
        done = len(rows.places)
        rows.places.extend(numbers[done : done + len(sentence.tokens)])
        yield sentence.tokens


def _of_sentences(lines: Iterable[str], rows: Rows, name: str, first_line: int) -> Iterator[tuple[str, ...]]:
    """Words between white space; with a separator the cell of each that is its column, as ``word/TAG``."""
    separator, column = rows.reading.separator, rows.reading.column
    for number, line in enumerate(lines, start=first_line):
        where = f"{name}:{number}"
        words = _CELL.findall(line.rstrip("\r\n"))
        check_characters(line.rstrip("\r\n"), where)
        if separator and separator != "whitespace":
            words = [cell_in(word.split(separator), column, "word", where) for word in words]
        if words:
            yield tuple(words)


def _of_records(lines: Iterable[str], rows: Rows, name: str, first_line: int) -> Iterator[tuple[str, ...]]:
    key = str(rows.reading.token_column or "tokens")
    for number, line in enumerate(lines, start=first_line):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        leaves = dict(leaves_of(record_of(line, where)))
        words = leaves.get(key)
        if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
            raise DataError(
                f"{where}: {key!r} is no list of words; name the key with --token-column: {first_of(leaves)}"
            )
        if words:
            yield tuple(words)


def _with_misc(line: str, values: dict[str, str]) -> str:
    cells = line.split("\t")
    for task, tag in values.items():
        if re.search(r"[|\s]", tag):
            raise DataError(f"the tag {tag!r} of {task} cannot stand in MISC; choose --output conll without --append")
    kept = [part for part in cells[_MISC].split("|") if part != "_" and part.partition("=")[0] not in values]
    cells[index_of(_MISC + 1, len(cells))] = "|".join([*kept, *(f"{task}={tag}" for task, tag in values.items())])
    return "\t".join(cells)
