"""How an input file is written, recognised from its first lines.

``data init`` recognises files too, but only files with tags. Input to be tagged may also be raw text, and any two words
on a line look like a table. So a file is taken for a table only if its tags, sentences or header leave no doubt, or
if the user says so.
"""

from collections.abc import Sequence
from dataclasses import replace

from tagmates.data.describing.file_layout import FileLayout, UnreadFile
from tagmates.data.describing.sniffing import sniff
from tagmates.data.formats.conllu import CONLLU_COLUMNS, plus_columns
from tagmates.data.formats.sentence_lines import tags_per_word, word_lines
from tagmates.data.formats.webanno import WEBANNO_FIRST_LINE, layers_in
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import first_of, shown
from tagmates.tagging.format_detection import detect_format, first_item, first_record, tag_separator_in
from tagmates.tagging.read_options import TABLE_KINDS, ReadOptions
from tagmates.tagging.record_keys import key_of
from tagmates.tagging.table_recognition import recognise_table, table_seen

DEFAULT_COMMENT = (
    "# "  # the beginning of lines that are skipped before a sentence, unless the options or the file say otherwise
)


def recognise(options: ReadOptions, head: bytes, name: str) -> tuple[ReadOptions, str]:
    """Complete the options from the first lines of a file; also return a description of the format.

    The description is "" for raw text, and for a format that the user names, unless words of it may be lost.

    ``head`` is UTF-8 and ends at the end of a line or of the file. Raises DataError for formats that are not read, and
    if it is not clear where the words are.
    """
    text = head.decode(errors="replace").removeprefix("\ufeff")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if options.kind in ("text", "brat"):
        return options, ""
    layout = sniff(text.encode(errors="replace")) if text.strip() else UnreadFile("is empty", "text")
    kind = detect_format(options, layout, lines, name)
    if kind == "text" and options.kind == "auto" and options.trained is not None and options.trained.kind == "parallel":
        return replace(options, kind="lines"), "a sentence a line, as in training"
    known = options.trained if options.trained is not None and options.trained.kind == kind else None
    full = replace(options, kind=kind, comment=DEFAULT_COMMENT if options.comment is None else options.comment)
    note = doubt = ""
    if kind in TABLE_KINDS:
        full, note, doubt = recognise_table(full, options, known, table_seen(layout), text, name)
    elif kind == "conllu":
        full, note = _recognise_conllu(full, lines, name)
    elif kind == "conll2012":
        full, note = replace(full, token_column=options.token_column or 4, comment=None), "CoNLL-2012"
    elif kind == "webanno":
        if not text.startswith(WEBANNO_FIRST_LINE):
            raise DataError(f"{name}:1: does not begin with {WEBANNO_FIRST_LINE!r}; export as WebAnno TSV 3")
        full, note = replace(full, layers=layers_in(text)), "WebAnno TSV 3"
    elif kind == "lines":
        full, note = _recognise_sentence_lines(full, known, layout, text, name)
    elif kind in ("jsonl", "json"):
        full, note = _recognise_records(full, known, text, name)
    return full, note + doubt if options.kind != full.kind or doubt else ""


def _recognise_conllu(full: ReadOptions, lines: Sequence[str], name: str) -> tuple[ReadOptions, str]:
    plus = plus_columns("\n".join(lines))
    given = plus or tuple(map(str.upper, CONLLU_COLUMNS))
    names = tuple(map(str.upper, given))
    if "FORM" not in names:
        raise DataError(f"{name}: # global.columns names no FORM; it names {first_of(given)}")
    column = full.token_column
    if isinstance(column, str):
        if column.upper() not in names:
            raise ConfigError(f"--token-column {column}: {name} has no such column; it has {first_of(given)}")
        column = names.index(column.upper()) + 1
    column = names.index("FORM") + 1 if column is None else column
    if not 0 < column <= len(names):
        raise ConfigError(f"--token-column {column}: {name} has the columns 1 to {len(names)}")
    what = "CoNLL-U Plus" if plus else "CoNLL-U"
    options = replace(full, token_column=column, names=plus, comment=None)
    return options, f"{what}, words in column {column} ({given[column - 1]})"


def _recognise_sentence_lines(
    full: ReadOptions, known: ReadOptions | None, layout: FileLayout | UnreadFile, text: str, name: str
) -> tuple[ReadOptions, str]:
    words = [word for _, own in word_lines(text, name) for word in own]
    separator = full.separator
    if not separator and isinstance(layout, FileLayout) and layout.format == "lines":
        separator = layout.separator
    elif not separator and known is not None and all(known.separator in word for word in words):
        separator = known.separator
    elif not separator:
        separator = tag_separator_in(text.split("\n"))
    separator = "" if separator == "whitespace" else separator
    column = full.token_column or (known.token_column if known is not None and separator else 1)
    width = tags_per_word(words, separator) if separator else 0
    behind = f", {shown(separator)} between a word and its tags" if separator else ""
    return replace(full, separator=separator, token_column=column, width=width), f"a sentence a line{behind}"


def _recognise_records(full: ReadOptions, known: ReadOptions | None, text: str, name: str) -> tuple[ReadOptions, str]:
    what = "JSON lines" if full.kind == "jsonl" else "a JSON list"
    key = full.token_column
    if key is None:
        record = first_record(text.split("\n")) if full.kind == "jsonl" else first_item(text)
        key = key_of(record, known.token_column if known else None, name)
    return replace(full, token_column=key), f"{what}, words in {key}"
