"""CoNLL-U and CoNLL-U-Lex files → ``Sentence``: one word per line, 10 or 19 columns, comments before a sentence.

CoNLL-U Plus (PARSEME's .cupt) names its columns in the first line, or in another comment before the first sentence:
``# global.columns = ID FORM PARSEME:MWE``.
A column name with capitals, or with a colon as in ``frsemcor:noun``, refers to these names, in which case does not
matter; such a file may have no ID column. In ``PARSEME:MWE``, expressions
are numbered (``1:VID``, then ``1`` on the other words, ``*`` elsewhere). In a scheme of spans they become spans; see
``standoff`` for expressions with gaps and expressions that share a word.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from tagmates.data.formats.rows import split_rows
from tagmates.data.formats.standoff import Annotation, Document, Words, remarks_on, tag_words
from tagmates.data.formats.token_lines import (
    RowReader,
    cell_in,
    is_token_line,
    read_text,
    require_sentences,
    sentences_in,
)
from tagmates.data.schemes import Scheme
from tagmates.data.sentence import Sentence
from tagmates.data.tokenize import Token
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import first_of, plural, shown

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
CONLLULEX_COLUMNS = ("smwe", "lexcat", "lexlemma", "ss", "ss2", "wmwe", "wcat", "wlemma", "lextag")

SPACES_ADVICE = "is CoNLL-U, but its columns are separated by spaces; separate them by tabs"
CONLLU_ID = re.compile(r"\d+(?:[-.]\d+)?", re.ASCII)  # of a word, a multiword range or an empty node
_NOT_A_WORD = re.compile(r"\d+-\d+|\d+\.\d+", re.ASCII)  # the ID of a multiword range, of an empty node
_PLUS = re.compile(r"#\s*global\.columns\s*=(.*)")
_SAMPLE_ROWS = 200  # rows by which CoNLL-U is recognised
_SENT_ID = re.compile(r"#\s*sent_id\s*=(.*)")


def read_conllu(
    path: Path, *, column: str = "upos", encoding: str = "utf-8", scheme: Scheme = "plain"
) -> list[Sentence]:
    """Read a CoNLL-U file: the tokens are the forms, the tags are ``column``.

    ``column`` is the lower-case name of a column after the form, such as upos, xpos, deprel or lemma; in CoNLL-U-Lex
    also of its nine other columns, such as lextag. A column behind these is called by its number. ``feats:NAME`` and
    ``misc:NAME`` are a single feature; the tag of a word without it is ``_``. A name with capitals is one of
    ``# global.columns``. Multiword ranges and empty nodes are skipped. ``scheme`` is the scheme of PARSEME:MWE's
    spans. Raises ConfigError for an unknown column, DataError for a file that is missing, empty or broken.
    """
    text = read_text(path, encoding).removeprefix("\ufeff")
    if is_plus_column(column):
        found = require_sentences(sentences_in(text.split("\n"), str(path), plus_reader(text, column, str(path))), path)
        return [expressions_of(s, scheme, str(path))[0] for s in found] if has_expressions(column, scheme) else found
    index, feature = conllu_column(column)
    read_row = conllu_reader(index, feature)
    sentences = _conllu_at_once(text, index, feature) or sentences_in(text.split("\n"), str(path), read_row)
    return require_sentences(sentences, path)


def conllu_reader(index: int, feature: str = "") -> RowReader:
    """A reader that takes the form of a row, and the cell with this index (from 0) or one feature in it as the tag."""
    names = CONLLU_COLUMNS + CONLLULEX_COLUMNS
    what = names[index] if index < len(names) else "tag"

    def read_row(line: str, where: str, position: int) -> tuple[str, ...]:
        cells = line.split("\t")
        if line.startswith("#") or _NOT_A_WORD.fullmatch(cells[0]):
            return ()
        if len(cells) < len(CONLLU_COLUMNS):
            spaced = len(line.split()) == len(CONLLU_COLUMNS)
            advice = "write a tab in place of each space between two of them" if spaced else "is it a column file?"
            raise DataError(
                f"{where}: has {plural(len(cells), 'column')}, but CoNLL-U has 10, separated by tabs; {advice}"
            )
        if cells[0] != str(position):
            raise DataError(
                f"{where}: the ID is {shown(cells[0])}, but {position} comes next; number the words of a sentence "
                "from 1 and put an empty line between sentences"
            )
        cell = cell_in(cells, index + 1, what, where)
        return cell_in(cells, 2, "form", where), feature_in(cell, feature) if feature else cell

    return read_row


def _conllu_at_once(text: str, index: int, feature: str) -> list[Sentence] | None:
    """The sentences that ``conllu_reader`` would find, row by row; None if the text needs to be read line by line."""
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
        values = {cell: feature_in(cell, feature) for cell in set(tags)}
        tags = [values[cell] for cell in tags]
    sentences = rows.sentences(tokens, tags)
    numbers = [str(number) for number in range(1, max(map(len, sentences), default=0) + 1)]
    return sentences if ids == [n for s in sentences for n in numbers[: len(s)]] else None


def is_plus_column(column: str) -> bool:
    """Whether this is a name in ``# global.columns``, and not a name that every CoNLL-U file has."""
    name, colon, _ = column.partition(":")
    if name in ("feats", "misc"):
        return False
    return column != column.lower() or (bool(colon) and name not in CONLLU_COLUMNS + CONLLULEX_COLUMNS)


def plus_columns(text: str) -> tuple[str, ...]:
    """The column names of CoNLL-U Plus, from ``# global.columns`` in the first comments; () if these name none."""
    return _named_columns(text)[1]


def _named_columns(text: str) -> tuple[int, tuple[str, ...]]:
    """The line number of ``# global.columns`` in the comments that a text begins with, and its names; 1 and () if none.

    The text may be long, so it is not split into lines.
    """
    number, start = 1, 0
    while start < len(text):
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else None]
        if match := _PLUS.match(line):
            return number, tuple(match[1].split())
        if end < 0 or (line.strip() and not line.startswith("#")):
            break
        number, start = number + 1, end + 1
    return 1, ()


def separated_by_spaces(lines: Sequence[str]) -> bool:
    """Whether these lines are the rows and comments of CoNLL-U, but with spaces in place of the tabs."""
    return not any("\t" in line for line in lines) and has_conllu_rows([re.sub(" +", "\t", line) for line in lines])


def has_conllu_rows(lines: Sequence[str]) -> bool:
    """Whether the first lines that are no comments have ten columns or more, the first of them an ID."""
    rows = [line.split("\t") for line in lines if is_token_line(line) and not line.startswith("#")][:_SAMPLE_ROWS]
    return bool(rows) and all(len(row) >= len(CONLLU_COLUMNS) and CONLLU_ID.fullmatch(row[0]) for row in rows)


def plus_reader(text: str, column: str, name: str) -> RowReader:
    """A reader that takes the form and ``column`` of a row. Raises DataError if the file names no such column."""
    line, given = _named_columns(text)
    given = given or tuple(map(str.upper, CONLLU_COLUMNS))
    names = [each.upper() for each in given]
    for each in ("FORM", column):
        if names.count(each.upper()) != 1:
            raise DataError(f"{name}:{line}: no column is called {each!r}; # global.columns names {first_of(given)}")
    form, index = names.index("FORM") + 1, names.index(column.upper()) + 1
    number = names.index("ID") if "ID" in names else None

    def read_row(line: str, where: str, position: int) -> tuple[str, ...]:
        cells = line.split("\t")
        if line.startswith("#") or (number is not None and _NOT_A_WORD.fullmatch("".join(cells[number : number + 1]))):
            return ()
        if len(cells) != len(names):
            raise DataError(
                f"{where}: has {plural(len(cells), 'column')}, but # global.columns names {len(names)}; correct the "
                "line"
            )
        return cell_in(cells, form, "form", where), cell_in(cells, index, column, where)

    return read_row


def has_expressions(column: str, scheme: Scheme) -> bool:
    """Whether the column holds PARSEME's numbered expressions and the scheme makes them spans."""
    return column == "PARSEME:MWE" and scheme != "plain"


def expressions_of(sentence: Sentence, scheme: Scheme, name: str) -> tuple[Sentence, list[str]]:
    """The sentence with its PARSEME expressions as tags of ``scheme``; remarks on those that tags cannot express."""
    words: dict[str, list[int]] = {}
    labels: dict[str, str] = {}
    for at, cell in enumerate(sentence.labels):
        for part in (cell or "*").split(";"):
            number, colon, label = part.partition(":")
            if part in ("*", "_"):
                continue
            if not number.isdecimal() or bool(colon) != bool(label) or (not label and number not in labels):
                where = f"{name}:{sentence.line}: word {at + 1}"
                raise DataError(
                    f"{where}: {shown(part)} is not a PARSEME expression; write 1:VID, then 1, and * elsewhere"
                )
            labels.setdefault(number, label)
            words.setdefault(number, []).append(at)
    tokens = [Token(token, at, at + 1) for at, token in enumerate(sentence.tokens)]
    where = f"{name}:{sentence.line}"
    annotations = [
        Annotation(number, labels[number], tuple((at, at + 1) for at in places), places[0], places[-1] + 1, where)
        for number, places in words.items()
    ]
    document = Document("x" * len(tokens), Words.given([tokens]), annotations, [])
    if set(sentence.labels) == {"_"}:  # a test set without annotation
        return sentence, []
    ((_, _, tags),) = tag_words(document, (), scheme)
    return replace(sentence, tags=tags), list(remarks_on(document, ()))


def expression_remarks(path: Path, column: str, scheme: Scheme, encoding: str = "utf-8") -> Iterator[str]:
    """Yield a remark, with the FILE:LINE of its sentence, for each expression that tags cannot express exactly."""
    if has_expressions(column, scheme):
        for sentence in read_conllu(path, column=column, encoding=encoding):
            yield from expressions_of(sentence, scheme, str(path))[1]


def conllu_column(column: str) -> tuple[int, str]:
    """The index of a column, and the feature in it ("" for the whole column). Raises ConfigError for unknown names.

    A column without a name, behind the ten of CoNLL-U, is called by its number, from 1.
    """
    name, colon, feature = column.partition(":")
    if column.isdecimal() and int(column) > len(CONLLU_COLUMNS):
        return int(column) - 1, ""
    names = CONLLU_COLUMNS + CONLLULEX_COLUMNS
    if name in names[2:] and (bool(feature) if name in ("feats", "misc") and colon else not colon):
        return names.index(name), feature
    known = [*names[2:], "feats:NAME", "misc:NAME"]
    nearest = get_close_matches(column.lower(), known, n=1, cutoff=0)[0]
    raise ConfigError(f"no CoNLL-U column is called {column!r}; the nearest is {nearest!r} of {', '.join(known)}")


def feature_in(cell: str, name: str) -> str:
    """The value of a feature in a cell of FEATS or MISC; ``_`` if the cell has no such feature."""
    values = dict(part.partition("=")[::2] for part in cell.split("|"))
    return values.get(name, "").replace("\\p", "|") or "_"  # `tagmates tag` writes a bar as \\p


def lines_of_words(text: str) -> list[int]:
    """The numbers of the lines with a word: no comment, no multiword range and no empty node.

    CoNLL-U Plus without a column ID has no ranges and no empty nodes.
    """
    names = plus_columns(text)
    place = (names.index("ID") if "ID" in names else len(names)) if names else 0
    lines = enumerate(text.split("\n"), start=1)
    rows = ((number, line.split("\t")) for number, line in lines if is_token_line(line) and not line.startswith("#"))
    return [number for number, cells in rows if not any(map(_NOT_A_WORD.fullmatch, cells[place : place + 1]))]


def sentence_ids(path: Path, sentences: Sequence[Sentence], encoding: str = "utf-8") -> list[str]:
    """The ``sent_id`` of each sentence of a file, in order; "" for a sentence without one."""
    lines = read_text(path, encoding).removeprefix("\ufeff").split("\n")
    found = [(number, match[1].strip()) for number, match in enumerate(map(_SENT_ID.match, lines), start=1) if match]
    numbers = [number for number, _ in found]
    ids = []
    before = 0  # the line of the first word of the previous sentence
    for sentence in sentences:
        last = bisect_left(numbers, sentence.line) - 1
        ids.append(found[last][1] if last >= 0 and numbers[last] > before else "")
        before = sentence.line
    return ids
