"""Tags added to what was read: as columns, keys of MISC or FEATS, keys of records, parts of words.

All else stays as it stands. A text, in a record or a cell of CSV, gets spans ``[start, end, label]`` of its characters,
as doccano has them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from tagmates.data.formats.conllu import CONLLU_COLUMNS
from tagmates.data.formats.jsonl import record_of
from tagmates.data.formats.lines import index_of
from tagmates.data.formats.table import header_of, rows_of
from tagmates.data.sentence import Span
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import shown
from tagmates.tagging.reading import APPENDED, WHOLE, Append, Reading, Words, table_of

NAMESPACE = "TAGMATES:"  # of the columns that CoNLL-U Plus gets
SLASH = "/"  # between a word and its tags, where the words of a line have none yet

_NONE = ("text", "brat", "webanno", *WHOLE)
_WORD = re.compile(r"[^ \t\v\f\r\n]+")
_NOT_IN_KEY = re.compile(r"[|=\s]")

Tags = Mapping[str, Sequence[str]]  # task → a tag for each word
Spans = Mapping[str, Sequence[Span]]  # task → its spans, in words


def append_of(value: str | bool) -> Append:
    """What ``--append`` asks for. Raises ConfigError for what is not known."""
    if isinstance(value, bool):
        return "auto" if value else ""
    found: Mapping[str, Append] = {"column": "column", "misc": "misc", "feats": "feats"}
    if value in found:
        return found[value]
    raise ConfigError(f"--append {value}: choose one of {', '.join(APPENDED)}, or nothing")


def check_append(reading: Reading, name: str, *, more: bool = False) -> None:
    """Raise ConfigError where nothing can be added to a file of this kind, or only to one of them at a time."""
    if not reading.append:
        return
    if reading.kind in _NONE:
        raise ConfigError(
            f"--append: {name} is read as {reading.kind}, which takes no column; leave --append out and choose "
            "--output conll, json or table"
        )
    if reading.append in ("misc", "feats") and not _has_column(reading, reading.append.upper()):
        raise ConfigError(f"--append {reading.append}: {name} has no column {reading.append.upper()}; choose column")
    if more and (reading.header or reading.names):
        raise ConfigError(f"--append: {name} names its columns in a line of its own; append to one such file a call")


def _has_column(reading: Reading, column: str) -> bool:
    return reading.kind == "conllu" and (not reading.names or column in reading.names)


def appended(
    lines: Sequence[str],
    reading: Reading,
    first_line: int,
    sentences: Sequence[tuple[Words, Tags, Spans]],
    tasks: Sequence[str],
) -> str:
    """The lines of a piece as they stand, with the tags of the tasks. Raises DataError for one that has no place there.

    CoNLL-U gets keys of MISC, if nothing else is asked for, so that it stays CoNLL-U.
    """
    if not tasks:
        return "".join(lines)
    kind = reading.kind
    if kind == "jsonl":
        found = _to_records(lines, sentences, tasks)
    elif kind == "lines":
        found = _to_words(lines, reading, sentences, tasks)
    elif kind == "csv-text":
        found = _to_texts(lines, reading, first_line, sentences, tasks)
    elif kind == "conllu" and (reading.append in ("misc", "feats") or (reading.append == "auto" and not reading.names)):
        found = _to_keys(lines, reading, sentences, tasks)
    elif kind == "conllu":
        found = _to_conllu(lines, reading, first_line, sentences, tasks)
    else:
        found = _to_rows(lines, reading, first_line, sentences, tasks)
    return "".join(found)


def _to_rows(
    lines: Sequence[str],
    reading: Reading,
    first_line: int,
    sentences: Sequence[tuple[Words, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """A column for each task."""
    cells = {
        line: [tags[task][at] for task in tasks] for words, tags, _ in sentences for at, line in enumerate(words.lines)
    }
    return _with_columns(lines, reading, first_line, cells, tasks)


def _to_texts(
    lines: Sequence[str],
    reading: Reading,
    first_line: int,
    sentences: Sequence[tuple[Words, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """A column of spans for each task."""
    spans = _spans_by_line(sentences, tasks)
    rows = rows_of("".join(lines), table_of(reading, first_line), "", first_line=first_line, line_ends=True)
    ends = [row.line - first_line + sum(cell.count("\n") for cell in row.cells) for row in rows]
    cells = {line: [_json(spans[line][task] if line in spans else []) for task in tasks] for line in ends}
    return _with_columns(lines, reading, first_line, cells, tasks)


def _with_columns(
    lines: Sequence[str], reading: Reading, first_line: int, cells: Mapping[int, Sequence[str]], tasks: Sequence[str]
) -> list[str]:
    found = list(lines)
    layout = table_of(reading, first_line)
    header = header_of("".join(lines), layout, "") if layout.header else None
    for at, own in cells.items():
        body, end = _ended(lines[at])
        found[at] = _row(body, own, reading) + end
    if header is not None:
        at = header[0] - 1
        body, end = _ended(lines[at])
        found[at] = _row(body, [_free(task, reading.names) for task in tasks], reading) + end
    return found


def _row(body: str, cells: Sequence[str], reading: Reading) -> str:
    if reading.table.quoted:
        return reading.separator.join([body, *(_quoted(cell, reading) for cell in cells)])
    separator = reading.separator or "\t"
    if reading.kind == "conll2012" or separator == "whitespace":
        separator = "\t" if "\t" in body else " "
    wrong = next((cell for cell in cells if separator in cell or (separator == " " and re.search(r"\s", cell))), None)
    if wrong is not None:
        raise DataError(f"the tag {shown(wrong)} has {shown(separator)} in it, which stands between columns")
    return separator.join([body, *cells])


def _quoted(cell: str, reading: Reading) -> str:
    if reading.quoted or any(sign in cell for sign in (reading.separator, '"', "\n", "\r")):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _free(task: str, names: Sequence[str]) -> str:
    """A name for a new column that no other has."""
    number, name = 1, task
    while name in names:
        number, name = number + 1, f"{task}_{number + 1}"
    return name


def _to_conllu(
    lines: Sequence[str],
    reading: Reading,
    first_line: int,
    sentences: Sequence[tuple[Words, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """A column for each task, named in ``# global.columns``; ranges and empty nodes have ``_`` there."""
    cells = {
        line: [tags[task][at] for task in tasks] for words, tags, _ in sentences for at, line in enumerate(words.lines)
    }
    found = []
    names = " ".join(NAMESPACE + task for task in tasks)
    head = reading.names == () or None
    for at, line in enumerate(lines):
        body, end = _ended(line)
        if first_line == 1 and reading.names and body.startswith("#") and "global.columns" in body and head is None:
            found.append(f"{body} {names}{end}")
            head = True
        elif not body.strip() or body.startswith("#"):
            found.append(line)
        else:
            found.append(_row(body, cells.get(at, ["_"] * len(tasks)), replace(reading, separator="\t")) + end)
    if first_line == 1 and not reading.names:
        end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        found.insert(0, f"# global.columns = {' '.join(map(str.upper, CONLLU_COLUMNS))} {names}{end}")
    return found


def _to_keys(
    lines: Sequence[str], reading: Reading, sentences: Sequence[tuple[Words, Tags, Spans]], tasks: Sequence[str]
) -> list[str]:
    """A key for each task in MISC or FEATS, in the place of one of that name; none where the tag is ``_``."""
    column = "FEATS" if reading.append == "feats" else "MISC"
    names = reading.names or tuple(map(str.upper, CONLLU_COLUMNS))
    at = index_of(names.index(column) + 1, len(names))
    found = list(lines)
    for words, tags, _ in sentences:
        for number, line in enumerate(words.lines):
            body, end = _ended(lines[line])
            cells = body.split("\t")
            cells[at] = _with_keys(cells[at], {task: tags[task][number] for task in tasks}, ordered=column == "FEATS")
            found[line] = "\t".join(cells) + end
    return found


def _with_keys(cell: str, values: Mapping[str, str], *, ordered: bool) -> str:
    kept = [part for part in cell.split("|") if part.strip() not in ("_", "") and part.partition("=")[0] not in values]
    added = []
    for task, tag in values.items():
        if re.search(r"\s", tag) or _NOT_IN_KEY.search(task):
            raise DataError(f"{shown(f'{task}={tag}')} cannot stand in MISC or FEATS; choose --append column")
        if tag != "_":
            added.append(f"{task}={tag.replace('|', chr(92) + 'p')}")
    parts = [*kept, *added]
    if ordered:  # by name, without regard to case, as Universal Dependencies ask
        parts.sort(key=lambda part: part.partition("=")[0].lower())
    return "|".join(parts) or "_"


def _to_words(
    lines: Sequence[str], reading: Reading, sentences: Sequence[tuple[Words, Tags, Spans]], tasks: Sequence[str]
) -> list[str]:
    """One more part behind each word for each task."""
    separator = reading.separator or SLASH
    found = list(lines)
    for words, tags, _ in sentences:
        more = [[tags[task][at] for task in tasks] for at in range(len(words.tokens))]
        wrong = next((tag for own in more for tag in own if separator in tag or re.search(r"\s", tag)), None)
        if wrong is not None:
            raise DataError(f"the tag {shown(wrong)} has {shown(separator)} or white space in it, which divides lines")
        added = iter(more)
        line = words.lines[0]
        parts = _WORD.split(lines[line])  # what stands between the words
        tagged = (separator.join([word, *next(added)]) for word in _WORD.findall(lines[line]))
        found[line] = "".join(chain.from_iterable(zip_longest(parts, tagged, fillvalue="")))
    return found


def _to_records(
    lines: Sequence[str], sentences: Sequence[tuple[Words, Tags, Spans]], tasks: Sequence[str]
) -> list[str]:
    """A key for each task: of a list of words the list of their tags, of a text its spans."""
    values: dict[int, dict[str, object]] = {}
    for words, tags, _ in sentences:
        if not words.in_text:
            values[words.lines[0]] = {task: list(tags[task]) for task in tasks}
    texts = [sentence for sentence in sentences if sentence[0].in_text]
    values |= {line: dict(own) for line, own in _spans_by_line(texts, tasks).items()}
    found = list(lines)
    for at, line in enumerate(lines):
        if line.strip():
            found[at] = _with_values(line, values.get(at) or {task: [] for task in tasks})
    return found


def _with_values(line: str, values: Mapping[str, object]) -> str:
    """The line with these keys; all others stay as they are written, unless one of these is there already."""
    body, end = _ended(line)
    record = record_of(body, "")
    text = body.rstrip()
    if text.endswith("}") and not values.keys() & record.keys():
        more = json.dumps(values, ensure_ascii=False)[1:]
        inner = text[:-1].rstrip()
        gap = text[len(inner) : -1]
        return f"{inner}{', ' if record else ''}{more[:-1]}{gap}}}{body[len(text) :]}{end}"
    return json.dumps({**record, **values}, ensure_ascii=False) + end


def _spans_by_line(
    sentences: Sequence[tuple[Words, Tags, Spans]], tasks: Sequence[str]
) -> dict[int, dict[str, list[tuple[int, int, str]]]]:
    """The spans of the characters of the text on each line."""
    found: dict[int, dict[str, list[tuple[int, int, str]]]] = {}
    for words, _, spans in sentences:
        own = found.setdefault(words.lines[0], {task: [] for task in tasks})
        places = words.offsets or ()
        for task in tasks:  # what has no label, as a multiword expression, is called by its layer
            own[task] += [(places[span.start][0], places[span.end - 1][1], span.label or task) for span in spans[task]]
    return found


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _ended(line: str) -> tuple[str, str]:
    r"""A line, and its end: \\n, \\r\\n, or nothing at the end of a file."""
    body = line.removesuffix("\n")
    body = body.removesuffix("\r")
    return body, line[len(body) :]
