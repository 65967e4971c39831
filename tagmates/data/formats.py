r"""Files of one token a line → ``Sentence``, and back: column files, CoNLL-U and CoNLL-U-Lex.

A line ends in ``\n`` or ``\r\n`` and in nothing else: ``str.splitlines`` would also break tokens at U+0085 or U+2028.
Everything wrong in a file is a ``DataError`` that starts with ``FILE:LINE``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from tagmates.data.rows import DOCSTART, split_rows
from tagmates.data.sentence import Sentence
from tagmates.errors import ConfigError, DataError

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
CONLLULEX_COLUMNS = ("smwe", "lexcat", "lexlemma", "ss", "ss2", "wmwe", "wcat", "wlemma", "lextag")

# Not `str.split()`: a no-break space inside a token ("10 000") would silently move the tag to another column.
_CELL = re.compile(r"[^ \t\v\f]+")
_NOT_A_WORD = re.compile(r"\d+-\d+|\d+\.\d+", re.ASCII)  # the ID of a multiword range, of an empty node

_RowReader = Callable[[str, str, int], tuple[str, ...]]
"""(line, "FILE:LINE", position in the sentence from 1) → (token,) or (token, tag), or () for a line to be skipped."""


def parse_columns(
    lines: Iterable[str],
    name: str,
    *,
    token_column: int = 1,
    tag_column: int | None = 2,
    separator: str | None = None,
    comment: str | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a column file's ``lines``, with or without their line ends; ``name`` is for messages.

    Columns count from 1, or from -1 for the last; ``tag_column`` None gives sentences without tags. ``separator`` None
    is any run of ASCII white space; with a separator, cells may hold other white space. Blank lines and ``-DOCSTART-``
    lines end a sentence. Lines that start with ``comment`` are skipped before a sentence's first token only, so that
    a token ``#`` is data. Raises ConfigError for columns or separators that cannot work, DataError for missing
    columns, empty cells and stray control characters.
    """
    check_layout(token_column, tag_column, separator, comment)

    def read_row(line: str, where: str, position: int) -> tuple[str, ...]:
        if comment and position == 1 and line.startswith(comment):
            return ()
        cells = _CELL.findall(line) if separator is None else line.split(separator)
        token = _cell(cells, token_column, "token", where)
        if tag_column is None:
            return (token,)
        if token_column != tag_column and _index(token_column, len(cells)) == _index(tag_column, len(cells)):
            raise DataError(f"{where}: has {_count(cells)}, so column {tag_column} is the token, not a tag; {_ADVICE}")
        return token, _cell(cells, tag_column, "tag", where)

    return _sentences(lines, name, read_row)


def read_columns(
    path: Path,
    *,
    encoding: str = "utf-8",
    token_column: int = 1,
    tag_column: int | None = 2,
    separator: str | None = None,
    comment: str | None = None,
) -> list[Sentence]:
    """Read a whole column file; see ``parse_columns``. A byte order mark and a missing last line end are accepted.

    Raises DataError also for a file that cannot be read or decoded, or that holds no sentence.
    """
    check_layout(token_column, tag_column, separator, comment)
    text = _read_text(path, encoding)
    sentences = _columns_at_once(text, token_column, tag_column, separator, comment) or parse_columns(
        text.split("\n"),
        str(path),
        token_column=token_column,
        tag_column=tag_column,
        separator=separator,
        comment=comment,
    )
    return _some(sentences, path)


def _columns_at_once(
    text: str, token_column: int, tag_column: int | None, separator: str | None, comment: str | None
) -> list[Sentence] | None:
    """What ``parse_columns`` gives; None where it is to be asked."""
    rows = split_rows(text, separator, comment)
    if rows is None:
        return None
    columns = [token_column] if tag_column is None else [token_column, tag_column]
    places = [_index(column, rows.width) for column in columns]
    if not all(0 <= place < rows.width for place in places) or len(set(places)) < len(set(columns)):
        return None
    tokens, *tags = (rows.column(place) for place in places)
    if not all(token.strip() for token in set(tokens)) or (tags and "" in set(tags[0])):
        return None
    return rows.sentences(tokens, tags[0] if tags else None)


def read_conllu(path: Path, *, column: str = "upos", encoding: str = "utf-8") -> list[Sentence]:
    """Read a CoNLL-U file: the tokens are the forms, the tags are ``column``.

    ``column`` is the lower-case name of any column after the form, such as upos, xpos, deprel or lemma, or of one of
    the nine more of a CoNLL-U-Lex file, such as lextag; ``feats:NAME`` and ``misc:NAME`` take one feature, ``_`` where
    a word has none. Multiword ranges and empty nodes are skipped. Raises ConfigError for an unknown column, DataError
    for a file that is missing, empty or broken.
    """
    index, feature = conllu_column(column)
    text = _read_text(path, encoding)

    def read_row(line: str, where: str, position: int) -> tuple[str, ...]:
        cells = line.split("\t")
        if line.startswith("#") or _NOT_A_WORD.fullmatch(cells[0]):
            return ()
        if len(cells) < len(CONLLU_COLUMNS):
            raise DataError(
                f"{where}: has {_count(cells)}, but CoNLL-U has 10, separated by tabs; is it a column file?"
            )
        if cells[0] != str(position):
            raise DataError(
                f"{where}: the ID is {cells[0]!r}, but {position} comes next; number the words of a sentence from 1 "
                "and put an empty line between sentences"
            )
        cell = _cell(cells, index + 1, column, where)
        return _cell(cells, 2, "form", where), _feature(cell, feature) if feature else cell

    sentences = _conllu_at_once(text, index, feature) or _sentences(text.split("\n"), str(path), read_row)
    return _some(sentences, path)


def _conllu_at_once(text: str, index: int, feature: str) -> list[Sentence] | None:
    """What ``read_row`` gives, row by row; None where it is to be asked."""
    rows = split_rows(text, "\t", "#")
    if rows is None or rows.width < max(len(CONLLU_COLUMNS), index + 1):
        return None
    ids, tokens, tags = (rows.column(place) for place in (0, 1, index))
    if skipped := {number for number in set(ids) if _NOT_A_WORD.fullmatch(number)}:
        kept = [at for at, number in enumerate(ids) if number not in skipped]
        ids, tokens, tags = ([column[at] for at in kept] for column in (ids, tokens, tags))
        rows = replace(rows, line=rows.line[kept], block=rows.block[kept])
    if not ids or "" in tokens or "" in tags:
        return None
    if feature:
        values = {cell: _feature(cell, feature) for cell in set(tags)}
        tags = [values[cell] for cell in tags]
    sentences = rows.sentences(tokens, tags)
    numbers = [str(number) for number in range(1, max(map(len, sentences), default=0) + 1)]
    return sentences if ids == [n for s in sentences for n in numbers[: len(s)]] else None


def format_columns(sentences: Iterable[Iterable[Sequence[str]]], separator: str = "\t") -> Iterator[str]:
    """Yield the text of each sentence, given as rows of cells: a line for a row, then an empty line.

    ``parse_columns`` with the same separator reads the same cells again. Raises DataError for what it could not:
    a sentence without rows, an empty cell, a cell with a separator, line end or NUL in it, a ``-DOCSTART-`` row.
    """
    check_layout(1, None, separator, None)
    for number, rows in enumerate(sentences, start=1):
        lines = [_format_row(row, separator, f"sentence {number}, row {at}") for at, row in enumerate(rows, start=1)]
        if not lines:
            raise DataError(f"sentence {number}: has no tokens, and a column file cannot say so; leave it out")
        yield "\n".join([*lines, "", ""])


def _sentences(lines: Iterable[str], name: str, read_row: _RowReader) -> Iterator[Sentence]:
    rows: list[tuple[str, ...]] = []
    first = 0
    for number, raw in enumerate(chain(lines, [""]), start=1):  # the "" ends a last sentence that nothing else ends
        line = raw.removesuffix("\n").removesuffix("\r")
        if _is_data(line):
            where = f"{name}:{number}"
            _check_characters(line, where)
            row = read_row(line, where, len(rows) + 1)
            if row:
                first = first if rows else number
                rows.append(row)
        elif rows:
            tokens, *tags = zip(*rows, strict=True)
            yield Sentence(tokens, tags[0] if tags else None, first)
            rows = []


def _is_data(line: str) -> bool:
    """Whether a line belongs to a sentence: it is neither blank nor a separator of documents."""
    words = line.split(maxsplit=1)
    return bool(words) and words[0] != DOCSTART


_ADVICE = "write one token a line with all its columns, or name other columns or another separator"


def _cell(cells: Sequence[str], column: int, what: str, where: str) -> str:
    index = _index(column, len(cells))
    if not 0 <= index < len(cells):
        raise DataError(f"{where}: has {_count(cells)}, but the {what} is in column {column}; {_ADVICE}")
    if not cells[index]:
        raise DataError(f"{where}: the {what} in column {column} is empty; fill it in, or name another separator")
    return cells[index]


def _index(column: int, width: int) -> int:
    return column - 1 if column > 0 else width + column


def _count(cells: Sequence[str]) -> str:
    return "1 column" if len(cells) == 1 else f"{len(cells)} columns"


def _format_row(row: Sequence[str], separator: str, where: str) -> str:
    line = separator.join(row)
    _check_characters(line, where)
    if not all(row) or line.split(separator) != list(row) or not _is_data(line):
        raise DataError(
            f"{where}: the cells {list(row)} could not be read back; choose another separator or other cells"
        )
    return line


def conllu_column(column: str) -> tuple[int, str]:
    """Return the index of the column and the name of the feature in it, "" for the whole column; else ConfigError."""
    name, colon, feature = column.partition(":")
    names = CONLLU_COLUMNS + CONLLULEX_COLUMNS
    if name in names[2:] and (bool(feature) if name in ("feats", "misc") and colon else not colon):
        return names.index(name), feature
    known = [*names[2:], "feats:NAME", "misc:NAME"]
    nearest = get_close_matches(column.lower(), known, n=1, cutoff=0)[0]
    raise ConfigError(f"no CoNLL-U column is called {column!r}; the nearest is {nearest!r} of {', '.join(known)}")


def _feature(cell: str, name: str) -> str:
    values = dict(part.partition("=")[::2] for part in cell.split("|"))
    return values.get(name) or "_"


def check_layout(token_column: int, tag_column: int | None, separator: str | None, comment: str | None) -> None:
    """Raise ConfigError for columns, separators or comment signs that cannot work."""
    if token_column == 0 or tag_column == 0:
        raise ConfigError("there is no column 0; columns count from 1, or from -1 for the last")
    if separator == "" or comment == "":
        raise ConfigError("an empty separator or comment sign cannot work; give None for white space or no comments")


def _check_characters(line: str, where: str) -> None:
    if "\0" in line:
        raise DataError(f"{where}: has a NUL character; give a text file, or name its encoding (is it UTF-16?)")
    if "\r" in line or "\n" in line:  # an old Macintosh file would else be read as one sentence of wrong columns
        raise DataError(f"{where}: has a line end inside a line; end lines with \\n or \\r\\n only")


def _read_text(path: Path, encoding: str) -> str:
    return read_text(path, encoding).removeprefix("\ufeff")


def read_text(path: Path, encoding: str) -> str:
    """Return the characters of a file as they stand there; DataError for one that cannot be read or decoded."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read ({reason}); check the path and its permissions") from error
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = _lines(error.object[: error.start], encoding) + 1
        bad = f"byte 0x{error.object[error.start]:02x}"
        raise DataError(f"{path}:{line}: {bad} is not {encoding}; name the file's encoding, or repair it") from error
    except (LookupError, ValueError) as error:
        raise DataError(f"{path}: {encoding!r} is no text encoding; name one such as 'utf-8' or 'latin-1'") from error


def _lines(data: bytes, encoding: str) -> int:
    try:
        return data.decode(encoding, "ignore").count("\n")
    except UnicodeError:  # idna and punycode ignore nothing
        return data.count(b"\n")


def _some(sentences: Iterable[Sentence], path: Path) -> list[Sentence]:
    found = list(sentences)
    if not found:
        raise DataError(f"{path}: holds no sentence; give a file with one token a line")
    return found
