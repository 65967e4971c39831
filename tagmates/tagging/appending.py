"""Tags added to the input: as columns, keys of MISC or FEATS, keys of records, layers, or parts of words.

The rest of the input stays as it is. A text in a record or a cell of CSV gets spans ``[start, end, label]``, which
count its characters, as in doccano.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from tagmates.data.formats.conllu import CONLLU_COLUMNS
from tagmates.data.formats.jsonl import is_rows, is_text_pair
from tagmates.data.formats.table import find_header, is_list, table_rows
from tagmates.data.formats.token_lines import cell_in, index_of
from tagmates.data.formats.webanno import Layers, escaped
from tagmates.data.sentence import Span
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import shown
from tagmates.tagging.input_sentences import InputSentence
from tagmates.tagging.read_options import APPEND_PLACES, NAMED_FORMATS, Append, ReadOptions, table_layout

NAMESPACE = "TAGMATES:"  # the prefix of the columns that are added to CoNLL-U Plus
DEFAULT_WORD_SEPARATOR = "/"  # between a word and its tags, if the input has no tags yet

_NONE = ("text", "brat", *NAMED_FORMATS)
_WORD = re.compile(r"[^ \t\v\f\r\n]+")
_NOT_IN_KEY = re.compile(r"[|=\s]")

Tags = Mapping[str, Sequence[str]]  # task → a tag for each word
Spans = Mapping[str, Sequence[Span]]  # task → its spans, in words


def parse_append(value: str | bool) -> Append:
    """The value of ``--append``. Raises ConfigError for unknown ones."""
    if isinstance(value, bool):
        return "auto" if value else ""
    found: Mapping[str, Append] = {"column": "column", "misc": "misc", "feats": "feats"}
    if value in found:
        return found[value]
    raise ConfigError(f"--append {value}: choose one of {', '.join(APPEND_PLACES)}, or nothing")


def check_append(options: ReadOptions, name: str, *, more: bool = False) -> None:
    """Raise ConfigError if nothing can be added to this format; with ``more``, also if only one file can be given."""
    if not options.append:
        return
    if options.kind in _NONE:
        raise ConfigError(
            f"--append: {name} is read as {options.kind}, to which no column can be added; leave --append out and "
            "choose --output conll, json or table"
        )
    if options.append in ("misc", "feats") and not _has_column(options, options.append.upper()):
        raise ConfigError(f"--append {options.append}: {name} has no column {options.append.upper()}; choose column")
    if more and options.kind in ("json", "webanno"):
        raise ConfigError(f"--append: {name} cannot be joined to the file before it; append to one such file at a time")
    if more and (options.header or options.names):
        raise ConfigError(f"--append: {name} names its columns in a header line; append to one such file at a time")


def _has_column(options: ReadOptions, column: str) -> bool:
    return options.kind == "conllu" and (not options.names or column in options.names)


def appended(
    lines: Sequence[str],
    options: ReadOptions,
    first_line: int,
    sentences: Sequence[tuple[InputSentence, Tags, Spans]],
    tasks: Sequence[str],
) -> str:
    """The lines of a chunk, with the tags of the tasks added. Raises DataError for a tag that the format cannot hold.

    In CoNLL-U, tags become keys of MISC unless the options say otherwise, so that it stays CoNLL-U.
    """
    if not tasks:
        return "".join(lines)
    kind = options.kind
    if kind in ("jsonl", "json"):
        records = range(1, len(lines), 2) if kind == "json" else range(len(lines))  # see ``reading.lines_of``
        found = _to_records(lines, records, sentences, tasks)
    elif kind == "webanno" and options.layers is not None:
        found = _to_layers(lines, options, options.layers, first_line, sentences, tasks)
    elif kind == "lines":
        found = _to_words(lines, options, sentences, tasks)
    elif kind == "csv-text":
        found = _to_texts(lines, options, first_line, sentences, tasks)
    elif kind == "conllu" and (options.append in ("misc", "feats") or (options.append == "auto" and not options.names)):
        found = _to_keys(lines, options, sentences, tasks)
    elif kind == "conllu":
        found = _to_conllu(lines, options, first_line, sentences, tasks)
    else:
        found = _to_rows(lines, options, first_line, sentences, tasks)
    return "".join(found)


def _to_rows(
    lines: Sequence[str],
    options: ReadOptions,
    first_line: int,
    sentences: Sequence[tuple[InputSentence, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """Add a column of tags for each task."""
    cells = {
        line: [tags[task][at] for task in tasks] for words, tags, _ in sentences for at, line in enumerate(words.lines)
    }
    return _with_columns(lines, options, first_line, cells, tasks)


def _to_texts(
    lines: Sequence[str],
    options: ReadOptions,
    first_line: int,
    sentences: Sequence[tuple[InputSentence, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """Add a column of spans for each task; where a cell holds the words of a sentence, a column of their tags."""
    spans = _spans_by_line([own for own in sentences if own[0].in_text], tasks)
    tags = {words.lines[0]: own for words, own, _ in sentences}
    rows = table_rows("".join(lines), table_layout(options, first_line), "", first_line=first_line, line_ends=True)
    cells = {}
    for row in rows:
        line = row.line - first_line + sum(cell.count("\n") for cell in row.cells)
        if options.sentence_rows:
            words = cell_in(row.cells, int(options.token_column or 1), "words", "")
            cells[line] = [_tags_beside(words, tags[line][task] if line in tags else ()) for task in tasks]
        else:
            cells[line] = [_json(spans[line][task] if line in spans else []) for task in tasks]
    return _with_columns(lines, options, first_line, cells, tasks)


def _tags_beside(words: str, tags: Sequence[str]) -> str:
    """The tags in one cell, in the form in which another cell holds the words: as a list, or between spaces."""
    if is_list(words):
        return _json(list(tags)) if words.strip()[1:].lstrip().startswith('"') else repr(list(tags))
    wrong = next((tag for tag in tags if re.search(r"\s", tag)), None)
    if wrong is not None:
        raise DataError(f"the tag {shown(wrong)} contains white space, which separates tags")
    return " ".join(tags)


def _with_columns(
    lines: Sequence[str],
    options: ReadOptions,
    first_line: int,
    cells: Mapping[int, Sequence[str]],
    tasks: Sequence[str],
) -> list[str]:
    found = list(lines)
    layout = table_layout(options, first_line)
    header = find_header("".join(lines), layout, "") if layout.header else None
    for at, own in cells.items():
        body, end = _split_line_end(lines[at])
        found[at] = _row(body, own, options) + end
    if header is not None:
        at = header[0] - 1
        body, end = _split_line_end(lines[at])
        found[at] = _row(body, [_unused_name(task, options.names) for task in tasks], options) + end
    return found


def _row(body: str, cells: Sequence[str], options: ReadOptions) -> str:
    if options.table.quoted:
        return options.separator.join([body, *(_quoted(cell, options) for cell in cells)])
    separator = options.separator or "\t"
    if options.kind == "conll2012" or separator == "whitespace":
        separator = "\t" if "\t" in body else " "
    wrong = next((cell for cell in cells if separator in cell or (separator == " " and re.search(r"\s", cell))), None)
    if wrong is not None:
        raise DataError(f"the tag {shown(wrong)} contains {shown(separator)}, which separates columns")
    return separator.join([body, *cells])


def _quoted(cell: str, options: ReadOptions) -> str:
    if options.quoted or any(sign in cell for sign in (options.separator, '"', "\n", "\r")):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _unused_name(task: str, names: Sequence[str]) -> str:
    """A name for a new column that differs from all others."""
    number, name = 1, task
    while name in names:
        number, name = number + 1, f"{task}_{number + 1}"
    return name


def _to_conllu(
    lines: Sequence[str],
    options: ReadOptions,
    first_line: int,
    sentences: Sequence[tuple[InputSentence, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """Add a column for each task, named in ``# global.columns``; ranges and empty nodes get ``_``."""
    cells = {
        line: [tags[task][at] for task in tasks] for words, tags, _ in sentences for at, line in enumerate(words.lines)
    }
    found = []
    names = " ".join(NAMESPACE + task for task in tasks)
    head = options.names == () or None
    for at, line in enumerate(lines):
        body, end = _split_line_end(line)
        if first_line == 1 and options.names and body.startswith("#") and "global.columns" in body and head is None:
            found.append(f"{body} {names}{end}")
            head = True
        elif not body.strip() or body.startswith("#"):
            found.append(line)
        else:
            found.append(_row(body, cells.get(at, ["_"] * len(tasks)), replace(options, separator="\t")) + end)
    if first_line == 1 and not options.names:
        end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        found.insert(0, f"# global.columns = {' '.join(map(str.upper, CONLLU_COLUMNS))} {names}{end}")
    return found


def _to_keys(
    lines: Sequence[str],
    options: ReadOptions,
    sentences: Sequence[tuple[InputSentence, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """Add a key for each task to MISC or FEATS, replacing one of that name. The tag ``_`` adds no key."""
    column = "FEATS" if options.append == "feats" else "MISC"
    names = options.names or tuple(map(str.upper, CONLLU_COLUMNS))
    at = index_of(names.index(column) + 1, len(names))
    found = list(lines)
    for words, tags, _ in sentences:
        for number, line in enumerate(words.lines):
            body, end = _split_line_end(lines[line])
            cells = body.split("\t")
            cells[at] = _with_keys(cells[at], {task: tags[task][number] for task in tasks}, ordered=column == "FEATS")
            found[line] = "\t".join(cells) + end
    return found


def _with_keys(cell: str, values: Mapping[str, str], *, ordered: bool) -> str:
    kept = [part for part in cell.split("|") if part.strip() not in ("_", "") and part.partition("=")[0] not in values]
    added = []
    for task, tag in values.items():
        if re.search(r"\s", tag) or _NOT_IN_KEY.search(task):
            raise DataError(f"{shown(f'{task}={tag}')} cannot be a key of MISC or FEATS; choose --append column")
        if tag != "_":
            added.append(f"{task}={tag.replace('|', chr(92) + 'p')}")
    parts = [*kept, *added]
    if ordered:  # by name, ignoring case, as Universal Dependencies require
        parts.sort(key=lambda part: part.partition("=")[0].lower())
    return "|".join(parts) or "_"


def _to_layers(
    lines: Sequence[str],
    options: ReadOptions,
    layers: Layers,
    first_line: int,
    sentences: Sequence[tuple[InputSentence, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """Add a layer of spans, with one feature, for each task. A span without a label is one without a value.

    Spans of several words need numbers that are their own in the whole document. They are counted on from the highest
    one there, by the line of the span's first word.
    """
    cells: dict[int, list[str]] = {}
    for words, _, spans in sentences:
        cells.update((place, ["_"] * len(tasks)) for place in words.lines)
        for which, task in enumerate(tasks):
            for span in spans[task]:
                held = words.lines[span.start : span.end]
                number = options.numbered + (first_line + held[0]) * len(tasks) + which
                for place in held:
                    cells[place][which] = (escaped(span.label) or "*") + (f"[{number}]" if len(held) > 1 else "")
    names = list(layers.names)
    for task in tasks:
        names.append(_unused_name(re.sub(r"\W|^(?=\d)", "_", task), names))
    found = []
    for at, line in enumerate(lines):
        row, end = _split_line_end(line)
        if row[:1].isdecimal():
            own = row.split("\t")
            own[3 + layers.spans : 3 + layers.spans] = cells.get(at, ["_"] * len(tasks))
            row = "\t".join(own)
        found.append(row + end)
        if first_line + at == layers.line:
            found += [f"#T_SP=webanno.custom.{name}|value{end}" for name in names[len(layers.names) :]]
    return found


def _to_words(
    lines: Sequence[str],
    options: ReadOptions,
    sentences: Sequence[tuple[InputSentence, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """Add one more part to each word for each task."""
    separator = options.separator or DEFAULT_WORD_SEPARATOR
    found = list(lines)
    for words, tags, _ in sentences:
        more = [[tags[task][at] for task in tasks] for at in range(len(words.tokens))]
        wrong = next((tag for own in more for tag in own if separator in tag or re.search(r"\s", tag)), None)
        if wrong is not None:
            raise DataError(
                f"the tag {shown(wrong)} contains {shown(separator)} or white space, which separates words and tags"
            )
        added = iter(more)
        line = words.lines[0]
        parts = _WORD.split(lines[line])  # the white space between the words
        tagged = (separator.join([word, *next(added)]) for word in _WORD.findall(lines[line]))
        found[line] = "".join(chain.from_iterable(zip_longest(parts, tagged, fillvalue="")))
    return found


def _to_records(
    lines: Sequence[str],
    records: Iterable[int],
    sentences: Sequence[tuple[InputSentence, Tags, Spans]],
    tasks: Sequence[str],
) -> list[str]:
    """Add a key for each task: a list of tags beside a list of words, a list of spans beside a text.

    ``records`` are the indices of the lines that may hold a record.
    """
    values: dict[int, dict[str, Sequence[object]]] = {}
    for words, tags, _ in sentences:
        if not words.in_text:
            values[words.lines[0]] = {task: list(tags[task]) for task in tasks}
    texts = [sentence for sentence in sentences if sentence[0].in_text]
    values |= {line: dict(own) for line, own in _spans_by_line(texts, tasks).items()}
    found = list(lines)
    for at in records:
        if lines[at].strip():
            found[at] = _with_values(lines[at], values.get(at) or {task: [] for task in tasks})
    return found


def _with_values(line: str, values: Mapping[str, Sequence[object]]) -> str:
    """The line with these keys added. The rest keeps its form, unless one of the keys is there already.

    A list of rows gets one more cell in each row. A text and its spans get the keys beside those of the spans.
    """
    text = line.rstrip()
    record = json.loads(text)
    if is_rows(record):
        cells = zip(*values.values(), strict=True)
        rows = [[*row, *own] for row, own in zip(record, cells, strict=True)] if any(values.values()) else record
        return _json(rows) + line[len(text) :]
    keys = record[1] if is_text_pair(record) else record
    if values.keys() & keys.keys():
        keys.update(values)
        return _json(record) + line[len(text) :]
    close = text.rindex("}")
    inner = text[:close].rstrip()
    return f"{inner}{', ' if keys else ''}{_json(values)[1:-1]}{line[len(inner) :]}"


def _spans_by_line(
    sentences: Sequence[tuple[InputSentence, Tags, Spans]], tasks: Sequence[str]
) -> dict[int, dict[str, list[tuple[int, int, str]]]]:
    """The spans of the text on each line, in characters, by task."""
    found: dict[int, dict[str, list[tuple[int, int, str]]]] = {}
    for words, _, spans in sentences:
        own = found.setdefault(words.lines[0], {task: [] for task in tasks})
        places = words.offsets or ()
        for task in tasks:  # a span without a label, as of a multiword expression, gets the name of its task
            own[task] += [(places[span.start][0], places[span.end - 1][1], span.label or task) for span in spans[task]]
    return found


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _split_line_end(line: str) -> tuple[str, str]:
    r"""A line without its end, and its end: \\n, \\r\\n, or nothing at the end of a file."""
    body = line.removesuffix("\n")
    body = body.removesuffix("\r")
    return body, line[len(body) :]
