"""Words to be tagged, found in a piece of a file by the readers that training has for its format.

A ``Reading`` says how a file is written. ``recognising`` completes it from the file's first lines, before the file is
cut into pieces, so that all pieces are read in the same way.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from typing import Any, Literal

from tagmates.data.formats.brackets import is_mark
from tagmates.data.formats.conllu import conllu_reader, plus_reader
from tagmates.data.formats.jsonl import record_of, words_of
from tagmates.data.formats.lines import RowReader, cell_in, sentences_in
from tagmates.data.formats.sentence_lines import cells_of, lines_in
from tagmates.data.formats.table import Layout, rows_of
from tagmates.data.formats.webanno import rows_of as webanno_rows
from tagmates.data.tokenize import Token, sentences_of
from tagmates.errors import ConfigError

FORMATS = (
    "auto",
    "text",
    "columns",
    "csv",
    "csv-text",
    "lines",
    "conllu",
    "conll2012",
    "webanno",
    "jsonl",
    "json",
    "brat",
    "spacy",
    "huggingface",
)
TABLES = ("columns", "csv", "csv-text")
WHOLE = ("json", "spacy", "huggingface")  # read as a whole, not piece by piece
APPENDED = ("column", "misc", "feats")
_OTHER_NAMES = {"conll": "columns"}

Append = Literal["", "auto", "column", "misc", "feats"]
Offsets = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """How the words of a file are found; what is empty or None is seen from the file.

    ``kind`` is one of ``FORMATS``. ``token_column`` is a number, from 1, or from -1 for the last; a name of the header
    or of CoNLL-U's columns; in records a key. ``separator`` ``whitespace`` is any run of it. ``append`` says how tags
    are added to what is read: as columns, or as keys of MISC or FEATS. ``trained`` is how the files were written that
    the tagger learnt from, if that is known.
    """

    kind: str = "auto"
    token_column: int | str | None = None
    separator: str = ""
    comment: str | None = None
    comments_inside: bool = False
    header: bool | None = None
    sentence_column: int | str | None = None
    sentence_end: str | None = None
    encoding: str = ""
    append: Append = ""
    trained: "Reading | None" = None
    names: tuple[str, ...] = ()  # of the columns, where the file says them
    width: int = 0  # columns; of lines the tags behind a word
    quoted: bool = False  # whether every cell of CSV stands in quotes
    raw: bool = False  # of texts in a table: whether quotes are characters as all others

    @property
    def table(self) -> Layout:
        """The same for the reader of tables."""
        column: int | str = self.token_column or 1
        return Layout(
            token_column=column,
            tag_column=column,
            separator=None if self.separator == "whitespace" else self.separator or "\t",
            quoted=self.kind in ("csv", "csv-text") and not self.raw,
            comment=self.comment or None,
            comments_inside=self.comments_inside,
            header=bool(self.header),
            sentence_column=self.sentence_column,
            sentence_end=self.sentence_end,
        )


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a sentence, and where they are.

    ``lines`` has for each the number of the line that it stands on, from 0 in its piece; of a row of CSV the last.
    ``offsets`` are those of its characters in a text, None where there is no text. With ``in_text`` this is a text of
    a record or of a cell, which has no words of its own.
    """

    tokens: tuple[str, ...]
    lines: tuple[int, ...] = ()
    offsets: Offsets | None = None
    in_text: bool = False


def check_reading(reading: Reading) -> Reading:
    """The same, its column a number if it looks like one. Raises ConfigError for what does not go together."""
    kind = _OTHER_NAMES.get(reading.kind, reading.kind)
    if kind not in FORMATS:
        raise ConfigError(f"--input {reading.kind}: choose one of {', '.join(FORMATS)}")
    column = reading.token_column
    if column is not None and kind in ("text", "brat", "spacy", "webanno"):
        what = "raw text has no columns" if kind == "text" else "the words of this format are always in the same place"
        raise ConfigError(f"--token-column: {what}; leave it out, or choose another --input, as columns")
    if isinstance(column, str) and kind not in ("jsonl", "json", "huggingface"):
        column = _number(column, "--token-column")
        if isinstance(column, str) and kind in ("lines", "conll2012"):
            raise ConfigError(f"--token-column {column}: must be a number, as columns have no names in {kind}")
        if isinstance(column, str) and kind in TABLES and reading.header is False:
            raise ConfigError(f"--token-column {column}: must be a number where no header names the columns")
    sentence = reading.sentence_column
    if kind in ("csv", "csv-text") and len(reading.separator) > 1:
        raise ConfigError(f"--separator {reading.separator}: must be one character for CSV")
    try:
        "a".encode(reading.encoding or "utf-8")
        codecs.getincrementaldecoder(reading.encoding or "utf-8")
    except (LookupError, UnicodeError):
        raise ConfigError(f"--encoding {reading.encoding}: is no encoding of text; name one as latin-1") from None
    return replace(
        reading,
        kind=kind,
        token_column=column,
        sentence_column=_number(sentence, "--sentence-column") if isinstance(sentence, str) else sentence,
    )


def _number(text: str, option: str) -> int | str:
    try:
        number = int(text)
    except ValueError:
        return text
    if number == 0:
        raise ConfigError(f"{option} 0: columns count from 1, or from -1 for the last")
    return number


def words_in(lines: Sequence[str], reading: Reading, name: str, first_line: int) -> Iterator[Words]:
    """Yield the sentences of a piece that begins with this line. Raises DataError with ``name`` and line.

    Only in a piece that begins with line 1 is a header looked for.
    """
    kind = reading.kind
    if kind in TABLES:
        found = _of_table(lines, reading, name, first_line)
    elif kind == "lines":
        found = _of_lines(lines, reading, name, first_line)
    elif kind == "jsonl":
        found = _of_records(lines, reading, name, first_line)
    elif kind == "webanno":
        found = _of_webanno(lines, reading, name, first_line)
    elif kind == "conll2012":
        marked = ["\n" if is_mark(line) else line for line in lines]
        found = _of_table(marked, replace(reading, separator="whitespace"), name, first_line)
    else:
        found = _of_conllu(lines, reading, name, first_line)
    return found


def table_of(reading: Reading, first_line: int) -> Layout:
    """The layout of a piece of a table: only the first has the header."""
    return replace(reading, header=bool(reading.header) and first_line == 1).table


def _of_table(lines: Sequence[str], reading: Reading, name: str, first_line: int) -> Iterator[Words]:
    layout = table_of(reading, first_line)
    texts = reading.kind == "csv-text"
    rows = rows_of("".join(lines), layout, name, first_line=first_line, line_ends=texts)
    column = int(layout.token_column)
    if texts:
        for row in rows:
            last = row.line - first_line + sum(cell.count("\n") for cell in row.cells)
            cell = cell_in([cell or " " for cell in row.cells], column, "text", f"{name}:{row.line}")
            yield from map(_of_tokens, sentences_of(cell), repeat(last))
        return
    for _, block in groupby(rows, key=lambda row: row.sentence):
        found = [(cell_in(row.cells, column, "word", f"{name}:{row.line}"), row.line - first_line) for row in block]
        tokens, places = zip(*found, strict=True)
        yield Words(tokens, places)


def _of_lines(lines: Sequence[str], reading: Reading, name: str, first_line: int) -> Iterator[Words]:
    """Words between white space; with a separator the part of each that is its column, as ``word/TAG``."""
    separator, column = reading.separator, int(reading.token_column or 1)
    for number, found in lines_in("".join(lines), name, first_line):
        words = found
        if separator:
            at = f"{name}:{number}"
            words = [cell_in(cells_of(word, separator, reading.width, at), column, "word", at) for word in found]
        yield Words(tuple(words), (number - first_line,) * len(words))


def _of_records(lines: Sequence[str], reading: Reading, name: str, first_line: int) -> Iterator[Words]:
    for number, line in enumerate(lines):
        if line.strip():
            where = f"{name}:{first_line + number}"
            record = record_of(line, where)
            for sentence in words_of(record, str(reading.token_column or "tokens"), where):
                yield _of_sentence(sentence, number, record.get("offsets"))


def _of_webanno(lines: Sequence[str], reading: Reading, name: str, first_line: int) -> Iterator[Words]:
    rows = webanno_rows("".join(lines), name, reading.width, first_line=first_line)
    for _, block in groupby((row for row in rows if not row.is_part), key=lambda row: row.sentence):
        own = list(block)
        yield Words(
            tuple(row.text for row in own),
            tuple(row.line - first_line for row in own),
            tuple((row.start, row.end) for row in own),
        )


def _of_conllu(lines: Iterable[str], reading: Reading, name: str, first_line: int) -> Iterator[Words]:
    if reading.names:
        head = f"# global.columns = {' '.join(reading.names)}"
        read_row = plus_reader(head, reading.names[int(reading.token_column or 1) - 1], name)
    else:
        read_row = conllu_reader(int(reading.token_column or 2) - 1)
    for sentence in sentences_in(lines, name, _with_line(read_row), first_line=first_line):
        yield Words(sentence.tokens, tuple(int(line or 0) - first_line for line in sentence.labels))


def _with_line(read_row: RowReader) -> RowReader:
    """What a reader takes for the tag, as the word; and in the place of the tag the number of the line."""

    def read(line: str, where: str, position: int) -> tuple[str, ...]:
        row = read_row(line, where, position)
        return (row[-1], where.rpartition(":")[2]) if row else ()

    return read


def _of_sentence(sentence: Sequence[str] | Sequence[Token], line: int, offsets: Any) -> Words:
    """The words of a sentence, with offsets where it is from a text, or where the record has them beside the words."""
    tokens = [token for token in sentence if isinstance(token, Token)]
    if tokens:
        return _of_tokens(tokens, line)
    words, lines = tuple(map(str, sentence)), (line,) * len(sentence)
    pairs = [tuple(pair) for pair in offsets if isinstance(pair, list)] if isinstance(offsets, list) else []
    if len(pairs) == len(words) and all(len(pair) == 2 and {type(at) for at in pair} == {int} for pair in pairs):
        return Words(words, lines, tuple((start, end) for start, end in pairs))
    return Words(words, lines)


def _of_tokens(tokens: Sequence[Token], line: int) -> Words:
    places = tuple((token.start, token.end) for token in tokens)
    return Words(tuple(token.text for token in tokens), (line,) * len(tokens), places, in_text=True)
