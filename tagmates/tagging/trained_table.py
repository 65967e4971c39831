"""Whether an input table is laid out as the files that the tagger was trained on."""

from dataclasses import replace
from itertools import chain

from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.grid import comment_sign
from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.formats.columns import split_cells
from tagmates.data.formats.table import MARKUP, find_header
from tagmates.data.formats.token_lines import index_of, is_token_line
from tagmates.errors import DataError
from tagmates.tagging.read_options import ReadOptions

SAMPLE_ROWS = 200  # rows from which the layout of all rows is recognised
MIN_WORDS = 20  # in a column, from which on it is compared with others
_TRAINED = (  # the options that follow the training files
    "token_column",
    "separator",
    "comments_inside",
    "header",
    "sentence_columns",
    "sentence_end",
    "sentence_rows",
    "markup",
)
_NOTHING_GIVEN = ReadOptions()


def as_trained(
    full: ReadOptions, given: ReadOptions, known: ReadOptions | None, seen: FileLayout | None, text: str, name: str
) -> ReadOptions | None:
    """The options as in training, where the user says nothing else; None if the rows do not fit them."""
    if known is None or given.token_column is not None or given.separator:
        return None
    if not (_has_trained_header(known, given, seen) and has_trained_rows(known, seen)):
        return None
    if not has_trained_columns(known, text, name) or not _are_words(known, seen):
        return None
    told = {key: getattr(known, key) for key in _TRAINED if getattr(given, key) == getattr(_NOTHING_GIVEN, key)}
    sign = comment_sign(seen.comments, seen.signed) if seen else ""
    comment = full.comment if given.comment is not None else known.comment or sign or full.comment
    return replace(full, **told, comment=comment)


def _has_trained_header(known: ReadOptions, given: ReadOptions, seen: FileLayout | None) -> bool:
    """Whether the user and the file say nothing else of a header than the files that the tagger was trained on."""
    if known.header:
        return given.header is not False
    return bool(given.header) or not (seen and seen.keys.get("header"))


def has_trained_rows(known: ReadOptions, seen: FileLayout | None) -> bool:
    """Whether a row is a sentence, or a word, as in the tagger's training files; also if nothing was seen.

    Only words in rows have blank lines between sentences.
    """
    if seen is None or known.header:
        return True
    rows = bool(seen.keys.get("sentence_rows"))
    return rows == known.sentence_rows or (not rows and len(seen.sample) < 2)


def _are_words(known: ReadOptions, seen: FileLayout | None) -> bool:
    """Whether the column that had the words in training may have them here: no other has many more different values."""
    if seen is None or known.header:
        return True
    columns = seen.columns_of_sample
    own = columns.get(index_of(int(known.token_column or 1), seen.columns) + 1)
    if own is None or sum(map(len, own)) < MIN_WORDS:
        return True
    words, _ = tokens_and_tags(columns)
    return 2 * len({*chain(*own)}) >= len({*chain(*columns[words])})


def has_trained_columns(known: ReadOptions, text: str, name: str) -> bool:
    """Whether the rows have all the columns of the files that the tagger was trained on."""
    if known.header:
        try:
            found = find_header(text, known.table, name)
        except DataError:  # with this separator, it is not CSV
            return False
        names = [column for column in (known.token_column, *known.sentence_columns) if isinstance(column, str)]
        return found is not None and set(names) <= set(found[1]) and bool(names)
    lines = [line for line in text.split("\n") if not (known.markup and MARKUP.fullmatch(line.strip()))]
    rows = [line for line in lines if is_token_line(line) and not line.startswith(known.comment or "#")][:SAMPLE_ROWS]
    return bool(rows) and all(len(split_cells(line.rstrip("\r"), known.separator)) >= known.width for line in rows)
