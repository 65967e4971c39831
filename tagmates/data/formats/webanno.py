r"""WebAnno TSV 3, exported by WebAnno and INCEpTION → ``Sentence``.

The head of a file names layers of spans (``#T_SP=custom.Food|kind|colour``), of chains (``#T_CH``) and of relations
(``#T_RL``), each with its features. Every feature is a column after number, offsets and word. A cell is ``_`` if there
is no span, ``*`` for a span without a value, ``FOOD`` for a span of one word, ``FOOD[3]`` on every word of span 3; bars
separate spans that share the word. Rows such as ``2-5.1`` are parts of words. Spans become tags as described in
``standoff``; in ``plain`` every word has the value of its first span.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagmates.data.formats.standoff import Annotation, Document, Words, check_types, remarks_on, tag_words
from tagmates.data.formats.token_lines import check_characters, read_text, require_sentences
from tagmates.data.schemes import Scheme
from tagmates.data.sentence import Sentence
from tagmates.data.tokenize import Token
from tagmates.errors import DataError
from tagmates.formatting import first_of, shown, suggestion

WEBANNO_FIRST_LINE = "#FORMAT=WebAnno TSV 3"

_ROW = re.compile(r"(\d{1,9})-(\d{1,9})(\.\d{1,9})?\t(\d{1,12})-(\d{1,12})\t([^\t]+)(?:\t(.*))?", re.ASCII)
_VALUE = re.compile(r"((?:[^\\\[\]]|\\.)*)(?:\[(\d{1,9})\])?", re.ASCII)
_BAR = re.compile(r"((?:[^\\|]|\\.)*)(?:\||$)")
_ESCAPE = re.compile(r"\\(->|.)")
_RESERVED_CHARACTERS = re.compile(r"->|[\\\[\]|_;*\t\n\r]")
_LETTERS = {"\t": "t", "\n": "n", "\r": "r"}
_NUMBER = re.compile(r"\[(\d{1,9})\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class WebAnnoRow:
    """A word or a part of one: its place in the file and in the text, its sentence, and its cells."""

    line: int
    sentence: str
    is_part: bool
    start: int
    end: int
    text: str
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers that the head of a file names, by the last part of their names.

    ``columns`` are those after the word: LAYER.FEATURE, or "" for those that link spans. One more layer of spans would
    be named behind line ``line`` (from 1), and have its columns behind the first ``spans`` ones.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    spans: int
    line: int


def read_webanno(
    path: Path, *, column: str, scheme: Scheme = "iob2", types: Collection[str] = (), encoding: str = "utf-8"
) -> list[Sentence]:
    """Read a file. ``column`` is a feature of a layer, such as ``NamedEntity.value``, or a layer with one feature.

    A sentence's ``line`` is that of its first word. Raises DataError for a file that is missing, broken or of another
    version, and if no feature, or more than one, has this name.
    """
    document, lines = webanno_document(path, column, encoding, plain=scheme == "plain")
    check_types(types, {annotation.label: 1 for annotation in document.annotations}, str(path))
    return require_sentences(
        (Sentence(tokens, tags, lines[at]) for at, tokens, tags in tag_words(document, types, scheme)), path
    )


def webanno_remarks(
    path: Path, *, column: str, scheme: Scheme = "iob2", types: Collection[str] = (), encoding: str = "utf-8"
) -> Iterator[str]:
    """Yield a remark, with FILE:LINE, for each span that tags cannot express exactly."""
    yield from remarks_on(webanno_document(path, column, encoding, plain=scheme == "plain")[0], types)


def features_in(text: str) -> list[str]:
    """The features of span and chain layers, such as ``NamedEntity.value``, in the order of their columns."""
    return [name for name in layers_in(text).columns if name]


def webanno_document(path: Path, column: str, encoding: str, *, plain: bool = False) -> tuple[Document, list[int]]:
    """The words of a file with the spans of a column, and the line of each word. ``plain``: one span per word."""
    text = read_text(path, encoding).removeprefix("\ufeff")
    if not text.startswith(WEBANNO_FIRST_LINE):
        raise DataError(f"{path}:1: does not begin with {WEBANNO_FIRST_LINE!r}; export as WebAnno TSV 3")
    names = layers_in(text).columns
    index = _index(column, names, path)
    rows = list(webanno_rows(text, str(path), len(names)))
    sentences: list[list[Token]] = []
    before = ""
    words = [row for row in rows if not row.is_part]
    for row in words:
        if row.sentence != before:
            sentences.append([])
            before = row.sentence
        sentences[-1].append(Token(row.text, row.start, row.end))
    found = Words.given(sentences)
    if any(end > start for end, start in zip(found.ends, found.starts[1:], strict=False)):
        at = next(at for at in range(1, len(words)) if words[at - 1].end > words[at].start)
        raise DataError(f"{path}:{words[at].line}: the offsets are before those of the word before; correct them")
    spans = _spans(rows, index, names[index].partition(".")[0], plain=plain)
    annotations = []
    for number, (label, held) in enumerate(spans, start=1):
        where = f"{path}:{held[0].line}"
        first, last = found.under(held[0].start, held[-1].end, where)
        name = f"{shown(label)} (span {number})"
        annotations.append(Annotation(name, label, ((held[0].start, held[-1].end),), first, last, where))
    return Document("", found, annotations, []), [row.line for row in words]


def layers_in(text: str) -> Layers:
    """The layers that the head of a file names."""
    names: list[str] = []
    columns: list[str] = []
    spans, last = 0, 1
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removesuffix("\r")
        if line and not line.startswith("#"):
            break
        kind, _, layer = line.partition("=")
        if kind in ("#T_SP", "#T_CH", "#T_RL"):
            name, *own = layer.split("|")
            features = own or ["value"]
            names.append(name.strip().rpartition(".")[2])
            links = _are_links(kind, features)
            columns += ["" if link else f"{names[-1]}.{each}" for each, link in zip(features, links, strict=True)]
        if kind == "#T_SP":
            spans, last = len(columns), number
    return Layers(tuple(names), tuple(columns), spans, last)


def _are_links(kind: str, features: Sequence[str]) -> list[bool]:
    """Whether each feature of a layer leads to other spans: all of a relation, and of a span the roles and targets."""
    roles = [each.startswith("ROLE_") for each in features]
    targets = [False, *roles[:-1]]
    relations = [kind == "#T_RL" or (kind == "#T_CH" and each == "referenceRelation") for each in features]
    return [any(each) for each in zip(roles, targets, relations, strict=True)]


def _index(column: str, names: Sequence[str], path: Path) -> int:
    fitting = [at for at, name in enumerate(names) if name and column in (name, name.partition(".")[0])]
    exact = [at for at in fitting if names[at] == column]
    if len(exact or fitting) != 1:
        known = [name for name in names if name]
        what = "several features" if fitting else "no feature"
        raise DataError(f"{path}: {what} is called {column!r}{suggestion(column, known)}; there are {first_of(known)}")
    return (exact or fitting)[0]


def webanno_rows(text: str, name: str, columns: int, *, first_line: int = 1) -> Iterator[WebAnnoRow]:
    """Yield the words and parts of words; ``first_line`` is the number of the first line of the text."""
    for number, raw in enumerate(text.split("\n"), start=first_line):
        line = raw.removesuffix("\r")
        where = f"{name}:{number}"
        check_characters(line, where)
        match = _ROW.fullmatch(line)
        if match is None:
            if not line.strip() or line.startswith("#"):
                continue
            raise DataError(f"{where}: is not a row of WebAnno TSV 3, as 1-2, tab, 4-9, tab, the word, …; correct it")
        cells = (match[7] or "").removesuffix("\t").split("\t") if columns else []
        if len(cells) != columns:
            raise DataError(f"{where}: has {len(cells)} columns of layers, but the head names {columns}; correct it")
        start, end = int(match[4]), int(match[5])
        if start >= end:
            raise DataError(f"{where}: the offsets {start}-{end} do not ascend; correct them")
        yield WebAnnoRow(number, match[1], match[3] is not None, start, end, _unescaped(match[6]), cells)


def _spans(rows: Sequence[WebAnnoRow], index: int, layer: str, *, plain: bool) -> list[tuple[str, list[WebAnnoRow]]]:
    """The spans of a column, in the order of their first words: the label and the rows of each."""
    spans: list[tuple[str, list[WebAnnoRow]]] = []
    numbered: dict[tuple[str, str], list[WebAnnoRow]] = {}
    for row in rows:
        cell = row.cells[index]
        if cell in ("_", ""):
            continue
        for part in [match[1] for match in _BAR.finditer(cell)][: 1 if plain else None]:
            match = _VALUE.fullmatch(part)
            value, number = (match[1], match[2]) if match else (part, None)
            if value == "_" or not value:
                continue
            label = layer if value == "*" else _unescaped(value)
            if number is None or plain or (label, number) not in numbered:
                spans.append((label, [row]))
                if number is not None:
                    numbered[label, number] = spans[-1][1]
            else:
                numbered[label, number].append(row)
    return spans


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: {"t": "\t", "n": "\n", "r": "\r"}.get(match[1], match[1]), text)


def escaped(text: str) -> str:
    """A value as a cell holds it."""
    return _RESERVED_CHARACTERS.sub(lambda match: "\\" + _LETTERS.get(match[0], match[0]), text)


def highest_number(text: str) -> int:
    """The highest number of a span, such as 3 in ``FOOD[3]``; 0 if no span has a number."""
    cells = (line.split("\t", 3)[3:] for line in text.split("\n") if line[:1].isdecimal())
    return max((int(found) for own in cells for cell in own for found in _NUMBER.findall(cell)), default=0)
