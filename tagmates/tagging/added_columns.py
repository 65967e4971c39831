"""Tags added to tables, as a column for each task: to column files, CSV, texts in CSV, and CoNLL-U as columns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, count

from tagmates.data.formats.conllu import CONLLU_COLUMNS, plus_columns
from tagmates.data.formats.table import find_header, is_list, repeats_header, table_lines, table_rows
from tagmates.data.formats.token_lines import cell_in
from tagmates.errors import DataError
from tagmates.formatting import shown
from tagmates.tagging.added_keys import TaggedInput, json_text, spans_by_line
from tagmates.tagging.read_options import ReadOptions, table_layout

NAMESPACE = "TAGMATES:"  # the prefix of the columns that are added to CoNLL-U Plus


def add_columns(
    lines: Sequence[str],
    options: ReadOptions,
    first_line: int,
    sentences: Sequence[TaggedInput],
    tasks: Sequence[str],
) -> list[str]:
    """Add a column of tags for each task."""
    cells = {
        line: [own.tags[task][at] for task in tasks] for own in sentences for at, line in enumerate(own.words.lines)
    }
    return _with_columns(lines, options, first_line, cells, tasks)


def add_columns_to_texts(
    lines: Sequence[str],
    options: ReadOptions,
    first_line: int,
    sentences: Sequence[TaggedInput],
    tasks: Sequence[str],
) -> list[str]:
    """Add a column of spans for each task; where a cell holds the words of a sentence, a column of their tags."""
    spans = spans_by_line([own for own in sentences if own.words.in_text], tasks)
    tags = {own.words.lines[0]: own.tags for own in sentences}
    rows = table_rows("".join(lines), table_layout(options, first_line), "", first_line=first_line)
    cells = {}
    for row in rows:
        line = row.last_line - first_line
        if options.sentence_rows:
            words = cell_in(row.cells, int(options.token_column or 1), "words", "")
            cells[line] = [_tags_beside(words, tags[line][task] if line in tags else ()) for task in tasks]
        else:
            cells[line] = [json_text(spans[line][task] if line in spans else []) for task in tasks]
    return _with_columns(lines, options, first_line, cells, tasks)


def _tags_beside(words: str, tags: Sequence[str]) -> str:
    """The tags in one cell, in the form in which another cell holds the words: as a list, or between spaces."""
    if is_list(words):
        return json_text(list(tags)) if words.strip()[1:].lstrip().startswith('"') else repr(list(tags))
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
        body, end = split_line_end(lines[at])
        found[at] = _row(body, own, options) + end
    rows = table_lines("".join(lines), layout, "") if layout.header or layout.names else ()
    for number, _, row in rows:
        if (header and number == header[0]) or repeats_header(row, layout.names):
            at = number - 1 + sum(cell.count("\n") for cell in row)
            body, end = split_line_end(lines[at])
            found[at] = _row(body, unused_names(tasks, options.names), options) + end
    return found


def add_columns_to_conllu(
    lines: Sequence[str],
    options: ReadOptions,
    first_line: int,
    sentences: Sequence[TaggedInput],
    tasks: Sequence[str],
) -> list[str]:
    """Add a column for each task, named in ``# global.columns``; ranges and empty nodes get ``_``."""
    cells = {
        line: [own.tags[task][at] for task in tasks] for own in sentences for at, line in enumerate(own.words.lines)
    }
    found = []
    names = " ".join(unused_names([NAMESPACE + task for task in tasks], options.names))
    named = first_line > 1 or not options.names  # whether no line with the names of columns is ahead
    for at, line in enumerate(lines):
        body, end = split_line_end(line)
        if not named and plus_columns(body):
            found.append(f"{body} {names}{end}")
            named = True
        elif not body.strip() or body.startswith("#"):
            found.append(line)
        else:
            found.append(_row(body, cells.get(at, ["_"] * len(tasks)), replace(options, separator="\t")) + end)
    if first_line == 1 and not options.names:
        end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        found.insert(0, f"# global.columns = {' '.join(map(str.upper, CONLLU_COLUMNS))} {names}{end}")
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


def unused_names(tasks: Sequence[str], names: Sequence[str]) -> list[str]:
    """A name for the new column of each task; it differs from these names and from the other new ones."""
    found = list(names)
    for task in tasks:
        others = (f"{task}_{number}" for number in count(2))
        found.append(next(name for name in chain([task], others) if name not in found))
    return found[len(names) :]


def split_line_end(line: str) -> tuple[str, str]:
    r"""A line without its end, and its end: \\n, \\r\\n, or nothing at the end of a file."""
    body = line.removesuffix("\n")
    body = body.removesuffix("\r")
    return body, line[len(body) :]
