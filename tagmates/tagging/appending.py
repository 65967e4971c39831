"""Tags added to the input, which otherwise stays as it is.

``added_columns`` adds them to tables, as columns; ``added_keys`` to the records of JSON, as keys. This module chooses
between the formats. It also adds keys to MISC or FEATS of CoNLL-U, layers to WebAnno TSV, and parts to the words of
files with one sentence per line.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest

from tagmates.data.formats.conllu import CONLLU_COLUMNS
from tagmates.data.formats.webanno import Layers, escaped
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import shown
from tagmates.tagging.added_columns import (
    add_columns,
    add_columns_to_conllu,
    add_columns_to_texts,
    split_line_end,
    unused_names,
)
from tagmates.tagging.added_keys import TaggedInput, add_keys_to_records
from tagmates.tagging.read_options import APPEND_PLACES, NAMED_FORMATS, Append, ReadOptions

DEFAULT_WORD_SEPARATOR = "/"  # between a word and its tags, if the input has no tags yet

_NONE = ("text", "brat", *NAMED_FORMATS)
_WORD = re.compile(r"[^ \t\v\f\r\n]+")
_NOT_IN_KEY = re.compile(r"[|=\s]")


def parse_append(value: str | bool) -> Append:
    """The value of ``--append``. Raises ConfigError for unknown ones."""
    if isinstance(value, bool):
        return "auto" if value else ""
    found: Mapping[str, Append] = {"column": "column", "misc": "misc", "feats": "feats"}
    if value in found:
        return found[value]
    raise ConfigError(f"--append {value}: choose one of {', '.join(APPEND_PLACES)}, or nothing")


def check_append(options: ReadOptions, name: str, *, earlier: str = "", several: bool = False) -> None:
    """Raise ConfigError if nothing can be added to this format, or if its output cannot be joined to that of others.

    ``earlier`` is the format of earlier files, "" if this is the first; ``several`` says that there are other files.
    """
    if not options.append:
        return
    if options.kind in _NONE:
        raise ConfigError(
            f"--append: {name} is read as {options.kind}, to which no column can be added; leave --append out and "
            "choose --output conll, json or table"
        )
    if options.append in ("misc", "feats") and not _has_column(options, options.append.upper()):
        raise ConfigError(f"--append {options.append}: {name} has no column {options.append.upper()}; choose column")
    if earlier and earlier != options.kind:
        raise ConfigError(
            f"--append: {name} is read as {options.kind}, the file before it as {earlier}; append to files of one "
            "format at a time"
        )
    if several and options.kind in ("json", "webanno"):
        raise ConfigError(f"--append: {name} cannot be joined to another file; append to one such file at a time")
    if several and (options.header or options.names):
        raise ConfigError(f"--append: {name} names its columns in a header line; append to one such file at a time")


def _has_column(options: ReadOptions, column: str) -> bool:
    return options.kind == "conllu" and (not options.names or column in map(str.upper, options.names))


def appended(
    lines: Sequence[str],
    options: ReadOptions,
    first_line: int,
    sentences: Sequence[TaggedInput],
    tasks: Sequence[str],
) -> str:
    """The lines of a chunk, with the tags of the tasks added. Raises DataError for a tag that the format cannot hold.

    In CoNLL-U, tags become keys of MISC unless the options say otherwise, so that it stays CoNLL-U.
    """
    if not tasks:
        return "".join(lines)
    kind = options.kind
    if kind in ("jsonl", "json"):
        places = range(1, len(lines), 2) if kind == "json" else range(len(lines))  # see ``reading.lines_of``
        records = (at for at in places if lines[at].strip() not in ("", "null"))
        found = add_keys_to_records(lines, records, sentences, tasks)
    elif kind == "webanno" and options.layers is not None:
        found = _add_layers(lines, options, options.layers, first_line, sentences, tasks)
    elif kind == "lines":
        found = _add_to_words(lines, options, sentences, tasks)
    elif kind == "csv-text":
        found = add_columns_to_texts(lines, options, first_line, sentences, tasks)
    elif kind == "conllu" and (options.append in ("misc", "feats") or (options.append == "auto" and not options.names)):
        found = _add_keys_to_conllu(lines, options, sentences, tasks)
    elif kind == "conllu":
        found = add_columns_to_conllu(lines, options, first_line, sentences, tasks)
    else:
        found = add_columns(lines, options, first_line, sentences, tasks)
    return "".join(found)


def _add_keys_to_conllu(
    lines: Sequence[str],
    options: ReadOptions,
    sentences: Sequence[TaggedInput],
    tasks: Sequence[str],
) -> list[str]:
    """Add a key for each task to MISC or FEATS, replacing one of that name. The tag ``_`` adds no key."""
    column = "FEATS" if options.append == "feats" else "MISC"
    at = [name.upper() for name in options.names or CONLLU_COLUMNS].index(column)
    found = list(lines)
    for own in sentences:
        for number, line in enumerate(own.words.lines):
            body, end = split_line_end(lines[line])
            cells = body.split("\t")
            cells[at] = _with_keys(
                cells[at], {task: own.tags[task][number] for task in tasks}, in_feats=column == "FEATS"
            )
            found[line] = "\t".join(cells) + end
    return found


def _with_keys(cell: str, values: Mapping[str, str], *, in_feats: bool) -> str:
    """The cell of FEATS or MISC with these keys and values. Only in MISC may values have spaces."""
    forbidden = r"\s" if in_feats else r"[^\S ]"
    kept = [part for part in cell.split("|") if part.strip() not in ("_", "") and part.partition("=")[0] not in values]
    added = []
    for task, tag in values.items():
        if re.search(forbidden, tag) or _NOT_IN_KEY.search(task):
            column = "FEATS" if in_feats else "MISC"
            raise DataError(f"{shown(f'{task}={tag}')} cannot be a key of {column}; --append column can hold it")
        if tag != "_":
            added.append(f"{task}={tag.replace('|', chr(92) + 'p')}")
    parts = [*kept, *added]
    if in_feats:  # by name, ignoring case, as Universal Dependencies require
        parts.sort(key=lambda part: part.partition("=")[0].lower())
    return "|".join(parts) or "_"


def _add_layers(
    lines: Sequence[str],
    options: ReadOptions,
    layers: Layers,
    first_line: int,
    sentences: Sequence[TaggedInput],
    tasks: Sequence[str],
) -> list[str]:
    """Add a layer of spans, with one feature, for each task. A span without a label is one without a value.

    Spans of several words need numbers that are their own in the whole document. They are counted on from the highest
    one there, by the line of the span's first word.
    """
    cells: dict[int, list[str]] = {}
    for sentence in sentences:
        lines_of_words = sentence.words.lines
        cells.update((place, ["_"] * len(tasks)) for place in lines_of_words)
        for which, task in enumerate(tasks):
            for span in sentence.spans[task]:
                held = lines_of_words[span.start : span.end]
                number = options.numbered + (first_line + held[0]) * len(tasks) + which
                for place in held:
                    cells[place][which] = (escaped(span.label) or "*") + (f"[{number}]" if len(held) > 1 else "")
    names = unused_names([re.sub(r"\W|^(?=\d)", "_", task) for task in tasks], layers.names)
    found = []
    for at, line in enumerate(lines):
        row, end = split_line_end(line)
        if row[:1].isdecimal():
            own = row.split("\t")
            own[3 + layers.spans : 3 + layers.spans] = cells.get(at, ["_"] * len(tasks))
            row = "\t".join(own)
        found.append(row + end)
        if first_line + at == layers.line:
            found += [f"#T_SP=webanno.custom.{name}|value{end}" for name in names]
    return found


def _add_to_words(
    lines: Sequence[str],
    options: ReadOptions,
    sentences: Sequence[TaggedInput],
    tasks: Sequence[str],
) -> list[str]:
    """Add one more part to each word for each task."""
    separator = options.separator or DEFAULT_WORD_SEPARATOR
    found = list(lines)
    for own in sentences:
        more = [[own.tags[task][at] for task in tasks] for at in range(len(own.words.tokens))]
        wrong = next((tag for tags in more for tag in tags if separator in tag or re.search(r"\s", tag)), None)
        if wrong is not None:
            raise DataError(
                f"the tag {shown(wrong)} contains {shown(separator)} or white space, which separates words and tags"
            )
        added = iter(more)
        line = own.words.lines[0]
        parts = _WORD.split(lines[line])  # the white space between the words
        tagged = (separator.join([word, *next(added)]) for word in _WORD.findall(lines[line]))
        found[line] = "".join(chain.from_iterable(zip_longest(parts, tagged, fillvalue="")))
    return found
