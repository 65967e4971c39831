"""CoNLL-U and CoNLL-U-Lex files → ``Sentence``: a word a line, ten columns (nineteen), comments before a sentence."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from tagmates.data.formats.lines import cell_in, count_of, read_text, sentences_in, some
from tagmates.data.formats.rows import split_rows
from tagmates.data.sentence import Sentence
from tagmates.errors import ConfigError, DataError
from tagmates.wording import shown

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
CONLLULEX_COLUMNS = ("smwe", "lexcat", "lexlemma", "ss", "ss2", "wmwe", "wcat", "wlemma", "lextag")

_NOT_A_WORD = re.compile(r"\d+-\d+|\d+\.\d+", re.ASCII)  # the ID of a multiword range, of an empty node
_SENT_ID = re.compile(r"#\s*sent_id\s*=(.*)")


def read_conllu(path: Path, *, column: str = "upos", encoding: str = "utf-8") -> list[Sentence]:
    """Read a CoNLL-U file: the tokens are the forms, the tags are ``column``.

    ``column`` is the lower-case name of any column after the form, such as upos, xpos, deprel or lemma, or of one of
    the nine more of a CoNLL-U-Lex file, such as lextag; ``feats:NAME`` and ``misc:NAME`` take one feature, ``_`` where
    a word has none. Multiword ranges and empty nodes are skipped. Raises ConfigError for an unknown column, DataError
    for a file that is missing, empty or broken.
    """
    index, feature = conllu_column(column)
    text = read_text(path, encoding).removeprefix("\ufeff")

    def read_row(line: str, where: str, position: int) -> tuple[str, ...]:
        cells = line.split("\t")
        if line.startswith("#") or _NOT_A_WORD.fullmatch(cells[0]):
            return ()
        if len(cells) < len(CONLLU_COLUMNS):
            raise DataError(
                f"{where}: has {count_of(cells)}, but CoNLL-U has 10, separated by tabs; is it a column file?"
            )
        if cells[0] != str(position):
            raise DataError(
                f"{where}: the ID is {shown(cells[0])}, but {position} comes next; number the words of a sentence "
                "from 1 and put an empty line between sentences"
            )
        cell = cell_in(cells, index + 1, column, where)
        return cell_in(cells, 2, "form", where), _feature(cell, feature) if feature else cell

    sentences = _conllu_at_once(text, index, feature) or sentences_in(text.split("\n"), str(path), read_row)
    return some(sentences, path)


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


def sentence_ids(path: Path, sentences: Sequence[Sentence], encoding: str = "utf-8") -> list[str]:
    """Return the ``sent_id`` of each of a file's sentences, in its order, "" for one without."""
    lines = read_text(path, encoding).removeprefix("\ufeff").split("\n")
    found = [(number, match[1].strip()) for number, match in enumerate(map(_SENT_ID.match, lines), start=1) if match]
    numbers = [number for number, _ in found]
    ids = []
    before = 0  # the line of the first word of the sentence before
    for sentence in sentences:
        last = bisect_left(numbers, sentence.line) - 1
        ids.append(found[last][1] if last >= 0 and numbers[last] > before else "")
        before = sentence.line
    return ids
